// SPDX-License-Identifier: Apache-2.0
#include "file_source.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace vram_residency {

namespace {

Failure unreadable(char const* operation, int code)
{
  auto made = system_failure(VR_ESOURCE, operation, code);
  made.error.reason = VR_REASON_UNREADABLE;
  return made;
}

Failure truncated() { return source_failure(VR_REASON_TRUNCATED, "the file is shorter than the allocation"); }

bool same(timespec const& a, timespec const& b) { return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec; }

}  // namespace

FileSource::~FileSource()
{
  if (descriptor_ >= 0) { ::close(descriptor_); }
}

void FileSource::open()
{
  if (descriptor_ < 0) {
    // Non-blocking, so that a pipe of this name is refused below instead of waited for.
    descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (descriptor_ < 0) { throw unreadable("open", errno); }
  }
  if (::fstat(descriptor_, &opened_) != 0) { throw unreadable("fstat", errno); }
  if (!S_ISREG(opened_.st_mode)) { return; }
  auto const size = static_cast<std::uint64_t>(opened_.st_size);
  if (size < options_.offset || size - options_.offset < options_.bytes) { throw truncated(); }
  if (options_.whole && size - options_.offset > options_.bytes) {
    throw source_failure(VR_REASON_CHANGED, "the file is longer than the allocation");
  }
}

void FileSource::read(std::uint64_t offset, std::uint8_t* into, std::size_t bytes) const
{
  auto const from = static_cast<off_t>(options_.offset + offset);
  for (std::size_t done = 0; done < bytes;) {
    auto const got = ::pread(descriptor_, into + done, bytes - done, from + static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) { continue; }
    if (got < 0) { throw unreadable("pread", errno); }
    if (got == 0) { throw truncated(); }
    done += static_cast<std::size_t>(got);
  }
  // Advice: what the system makes of it changes nothing here.
  if (options_.uncache) { ::posix_fadvise(descriptor_, from, static_cast<off_t>(bytes), POSIX_FADV_DONTNEED); }
}

void FileSource::require_unchanged() const
{
  struct stat now {};
  if (::fstat(descriptor_, &now) != 0) { throw unreadable("fstat", errno); }
  auto const changed = now.st_size != opened_.st_size || now.st_ino != opened_.st_ino || now.st_dev != opened_.st_dev ||
                       !same(now.st_mtim, opened_.st_mtim) || !same(now.st_ctim, opened_.st_ctim);
  if (changed) { throw source_failure(VR_REASON_CHANGED, "the file changed while it was read"); }
}

}  // namespace vram_residency
