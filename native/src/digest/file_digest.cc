// SPDX-License-Identifier: Apache-2.0
#include "file_digest.h"

#include "../errors.h"
#include "blake3.h"
#include "parallel.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace vram_residency::digest {
namespace {

/// One group of fs-verity, one part of BLAKE3: it stays in the second-level cache between reading and hashing.
constexpr std::size_t kReadBytes = kFsVerityGroupBytes;
static_assert(kReadBytes == kBlake3PartBytes);

/// A buffer that held weights is zeroed in a way that the compiler cannot leave out.
class Buffer {
 public:
  Buffer() : bytes_{std::make_unique_for_overwrite<std::uint8_t[]>(kReadBytes)} {}
  Buffer(Buffer&&) = default;
  Buffer& operator=(Buffer&&) = delete;
  ~Buffer()
  {
    if (bytes_) { explicit_bzero(bytes_.get(), kReadBytes); }
  }
  std::uint8_t* data() const noexcept { return bytes_.get(); }

 private:
  std::unique_ptr<std::uint8_t[]> bytes_;
};

Failure unreadable(char const* operation, int code)
{
  auto made = source_failure(VR_REASON_UNREADABLE, "the file cannot be read: check its path, type and permissions");
  made.error.system_code = code;
  set_text(made.error.operation, operation);
  return made;
}

struct stat status_of(int fd)
{
  struct stat status;
  if (fstat(fd, &status) != 0) { throw unreadable("fstat", errno); }
  return status;
}

bool same_time(timespec const& a, timespec const& b) { return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec; }

void require_unchanged(struct stat const& before, struct stat const& after)
{
  if (before.st_size != after.st_size || !same_time(before.st_mtim, after.st_mtim) ||
      !same_time(before.st_ctim, after.st_ctim)) {
    throw source_failure(VR_REASON_CHANGED, "the file changed while it was read: try again when nobody writes to it");
  }
}

/// Reads exactly `bytes` bytes.
ByteView read_exactly(int fd, Buffer const& buffer, std::size_t bytes, std::uint64_t offset)
{
  for (std::size_t have = 0; have < bytes;) {
    auto const count = pread(fd, buffer.data() + have, bytes - have, static_cast<off_t>(offset + have));
    if (count < 0 && errno == EINTR) { continue; }
    if (count < 0) { throw unreadable("pread", errno); }
    if (count == 0) { throw source_failure(VR_REASON_TRUNCATED, "the file became shorter while it was read"); }
    have += static_cast<std::size_t>(count);
  }
  return {buffer.data(), bytes};
}

/// Reads part by part, on as many threads as wanted, and hands each to `add(offset, data)`.
template <typename Add>
void read_parts(int fd, std::uint64_t bytes, unsigned threads, FileProgress& progress, Add const& add)
{
  auto const parts = static_cast<std::size_t>((bytes + kReadBytes - 1) / kReadBytes);
  std::vector<Buffer> buffers(std::max<std::size_t>(1, std::min<std::size_t>(threads, parts)));
  run_parallel(threads, parts, [&](std::size_t part, std::size_t worker) {
    if (progress.cancelled.load(std::memory_order_relaxed)) { throw failure(VR_ECANCELLED, "the work was cancelled"); }
    auto const offset = std::uint64_t{part} * kReadBytes;
    auto const length = static_cast<std::size_t>(std::min<std::uint64_t>(kReadBytes, bytes - offset));
    add(offset, read_exactly(fd, buffers[worker], length, offset));
    progress.bytes_done.fetch_add(length, std::memory_order_relaxed);
    return true;
  });
}

}  // namespace

Descriptor::~Descriptor()
{
  if (fd_ >= 0) { close(fd_); }
}

int Descriptor::release() noexcept
{
  auto const fd = fd_;
  fd_ = -1;
  return fd;
}

Descriptor open_source(std::string const& path)
{
  // Non-blocking, or opening a FIFO would wait for its writer.
  Descriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)};
  if (file.get() < 0) { throw unreadable("open", errno); }
  if (!S_ISREG(status_of(file.get()).st_mode)) { throw unreadable("open", EINVAL); }
  return file;
}

Result digest_file(int fd, Options const& options, unsigned threads, FileProgress& progress)
{
  check(options);
  auto const before = status_of(fd);
  auto const bytes = static_cast<std::uint64_t>(before.st_size);
  progress.bytes_total.store(bytes, std::memory_order_relaxed);
  posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);

  Result result;
  if (options.algorithm == Algorithm::fsverity_sha256) {
    FsVerityParts parts{bytes, {options.salt, options.keep_leaves, options.path}};
    read_parts(fd, bytes, threads, progress, [&](std::uint64_t at, ByteView data) { parts.add(at, data); });
    result = parts.finish();
  } else if (options.algorithm == Algorithm::blake3) {
    Blake3Parts parts{bytes, options.path};
    read_parts(fd, bytes, threads, progress, [&](std::uint64_t at, ByteView data) { parts.add(at, data); });
    result.digest = parts.finish();
    result.bytes = bytes;
  } else {
    auto const stream = begin(options);
    read_parts(fd, bytes, 1, progress, [&](std::uint64_t, ByteView data) { stream->update(data); });
    result = stream->finish();
  }
  require_unchanged(before, status_of(fd));
  return result;
}

}  // namespace vram_residency::digest
