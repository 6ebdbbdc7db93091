// SPDX-License-Identifier: Apache-2.0
/// Digests of files, read and hashed by several threads.
#pragma once

#include "algorithm.h"

#include <atomic>
#include <string>

namespace vram_residency::digest {

/// A file descriptor that is closed with its owner.
class Descriptor {
 public:
  explicit Descriptor(int fd) noexcept : fd_{fd} {}
  Descriptor(Descriptor&& other) noexcept : fd_{other.release()} {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor();

  int get() const noexcept { return fd_; }
  int release() noexcept;

 private:
  int fd_;
};

/// Opens a regular file for reading; links are followed. @throws Failure VR_ESOURCE.
Descriptor open_source(std::string const& path);

/// What others may read and write while a file is hashed.
struct FileProgress {
  std::atomic<std::uint64_t> bytes_done{0};
  std::atomic<std::uint64_t> bytes_total{0};
  std::atomic<bool> cancelled{false};
};

/**
 * Hashes a whole file. What was read is wiped before the function returns.
 *
 * The file must not change meanwhile: its size and times are compared afterwards, and a change is a failure.
 *
 * @param threads  at least 1; plain SHA-256 uses one
 * @throws Failure VR_ESOURCE or VR_ECANCELLED, std::invalid_argument, std::bad_alloc.
 */
Result digest_file(int fd, Options const& options, unsigned threads, FileProgress& progress);

}  // namespace vram_residency::digest
