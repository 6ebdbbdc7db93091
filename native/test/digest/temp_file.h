// SPDX-License-Identifier: Apache-2.0
/// A file with given content, gone with its owner.
#pragma once

#include "harness.h"

#include <cstdlib>
#include <unistd.h>

namespace harness {

class TempFile {
 public:
  explicit TempFile(ByteView content)
  {
    auto const* const folder = std::getenv("TMPDIR");
    path_ = std::string{folder == nullptr ? "/tmp" : folder} + "/vr-digest-XXXXXX";
    fd_ = mkstemp(path_.data());
    append(content);
  }
  TempFile(TempFile const&) = delete;
  TempFile& operator=(TempFile const&) = delete;
  ~TempFile()
  {
    close(fd_);
    unlink(path_.c_str());
  }

  void append(ByteView content) const
  {
    while (!content.empty()) {
      auto const count = write(fd_, content.data(), content.size());
      if (count <= 0) { std::abort(); }
      content = content.subspan(static_cast<std::size_t>(count));
    }
  }
  std::string const& path() const { return path_; }
  int fd() const { return fd_; }

 private:
  std::string path_;
  int fd_;
};

}  // namespace harness
