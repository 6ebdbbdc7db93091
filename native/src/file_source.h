// SPDX-License-Identifier: Apache-2.0
/// A file that an ingest reads itself.
#pragma once

#include <sys/stat.h>

#include <string>

#include "errors.h"

namespace vram_residency {

class FileSource {
 public:
  struct Options {
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
    /// The file must end where the shard does.
    bool whole = false;
    /// What was read is dropped from the system's cache.
    bool uncache = false;
  };

  /// @param descriptor  now its own; -1: `path` is opened
  FileSource(Options const& options, int descriptor, std::string path)
      : options_{options}, descriptor_{descriptor}, path_{std::move(path)}
  {
  }
  ~FileSource();
  FileSource(FileSource const&) = delete;
  FileSource& operator=(FileSource const&) = delete;

  /// Opens it, and remembers what it is. @throws VR_ESOURCE.
  void open();
  /// Reads a part of the shard, all of it. Safe for several threads. @throws VR_ESOURCE.
  void read(std::uint64_t offset, std::uint8_t* into, std::size_t bytes) const;
  /// @throws VR_ESOURCE unless the file is still what it was when it was opened.
  void require_unchanged() const;

 private:
  Options options_;
  int descriptor_;
  std::string path_;
  struct stat opened_ {};
};

}  // namespace vram_residency
