// SPDX-License-Identifier: Apache-2.0
/// vr_digest_*() of the C ABI: arguments in, statuses out.
#include "works.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <stdexcept>
#include <unistd.h>

namespace digest = vram_residency::digest;

namespace {

using digest::ByteView;
using vram_residency::at_boundary;
using vram_residency::failure;
using vram_residency::require;

constexpr std::uint32_t kThreadsMax = 64;
constexpr std::uint64_t kPathBytesMax = 4095;

ByteView view(std::uint8_t const* data, std::uint64_t bytes)
{
  require(data != nullptr || bytes == 0, VR_EINVAL, "a pointer is null and its length is not 0");
  return {data, bytes == 0 ? 0 : static_cast<std::size_t>(bytes)};
}

digest::Options options(std::uint32_t algorithm, std::uint32_t flags, ByteView salt)
{
  static_assert(static_cast<std::uint32_t>(digest::Algorithm::sha256) == VR_SHA256);
  static_assert(static_cast<std::uint32_t>(digest::Algorithm::fsverity_sha256) == VR_FSVERITY_SHA256);
  static_assert(static_cast<std::uint32_t>(digest::Algorithm::blake3) == VR_BLAKE3);
  require(algorithm <= VR_BLAKE3, VR_EINVAL, "there is no such algorithm");
  require((flags & ~VR_DIGEST_LEAVES) == 0, VR_EINVAL, "there is no such flag");
  digest::Options made;
  made.algorithm = static_cast<digest::Algorithm>(algorithm);
  made.salt.assign(salt.begin(), salt.end());
  made.keep_leaves = flags != 0;
  try {
    digest::check(made);
  } catch (std::invalid_argument const& refused) {
    throw failure(VR_EINVAL, refused.what());
  }
  return made;
}

}  // namespace

extern "C" VR_API int32_t vr_digest_begin(uint32_t algorithm, uint32_t flags, const uint8_t* salt, uint32_t salt_bytes,
                                          uint64_t* digest_out)
{
  return at_boundary([&] {
    require(digest_out != nullptr, VR_EINVAL, "digest_out is null");
    *digest_out = digest::keep(digest::stream_work(options(algorithm, flags, view(salt, salt_bytes))));
  });
}

extern "C" VR_API int32_t vr_digest_update(uint64_t handle, const uint8_t* data, uint64_t bytes)
{
  return at_boundary([&] { digest::live(handle)->update(view(data, bytes)); });
}

extern "C" VR_API int32_t vr_digest_file(const uint8_t* path, uint64_t path_bytes, uint32_t algorithm, uint32_t flags,
                                         uint32_t threads, const uint8_t* salt, uint32_t salt_bytes,
                                         uint64_t* digest_out, int32_t* wake_out)
{
  return at_boundary([&] {
    require(digest_out != nullptr && wake_out != nullptr, VR_EINVAL, "a result pointer is null");
    require(threads >= 1 && threads <= kThreadsMax, VR_EINVAL, "threads: expected 1 to 64");
    require(path_bytes >= 1 && path_bytes <= kPathBytesMax, VR_EINVAL, "a path has 1 to 4095 bytes");
    auto const bytes = view(path, path_bytes);
    std::string const name{bytes.begin(), bytes.end()};
    require(name.find('\0') == std::string::npos, VR_EINVAL, "a path has no zero byte");
    auto const how = options(algorithm, flags, view(salt, salt_bytes));

    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) { throw vram_residency::system_failure(VR_EHOST, "pipe2", errno); }
    digest::Descriptor reader{ends[0]};
    auto work = digest::file_work(name, how, threads, digest::Descriptor{ends[1]});
    *digest_out = digest::keep(std::move(work));
    *wake_out = reader.release();
  });
}

extern "C" VR_API int32_t vr_digest_progress(uint64_t handle, vr_progress* progress_out)
{
  return at_boundary([&] {
    require(progress_out != nullptr, VR_EINVAL, "progress_out is null");
    *progress_out = digest::live(handle)->progress();
  });
}

extern "C" VR_API int32_t vr_digest_cancel(uint64_t handle)
{
  return at_boundary([&] { digest::live(handle)->cancel(); });
}

extern "C" VR_API int32_t vr_digest_finish(uint64_t handle, uint8_t* digest_out, uint64_t* bytes_out)
{
  return at_boundary([&] {
    require(digest_out != nullptr && bytes_out != nullptr, VR_EINVAL, "a result pointer is null");
    auto const work = digest::live(handle);
    auto const& result = work->finish();
    std::copy(result.digest.begin(), result.digest.end(), digest_out);
    *bytes_out = result.bytes;
  });
}

extern "C" VR_API int32_t vr_digest_part(uint64_t handle, uint32_t part, uint64_t offset, uint8_t* data_out,
                                         uint64_t room, uint64_t* bytes_out)
{
  return at_boundary([&] {
    require(bytes_out != nullptr && (data_out != nullptr || room == 0), VR_EINVAL, "a result pointer is null");
    require(part == VR_PART_LEVEL1 || part == VR_PART_LEAVES, VR_EINVAL, "there is no such part");
    auto const work = digest::live(handle);
    auto const* const result = work->finished();
    require(result != nullptr, VR_EAGAIN, "this digest is not finished");
    auto const& level = part == VR_PART_LEVEL1 ? result->level1 : result->leaves;
    require(offset <= level.size(), VR_EBOUNDS, "offset lies past the end of the level");
    auto const count = std::min<std::uint64_t>(room, level.size() - offset);
    std::copy_n(level.begin() + static_cast<std::ptrdiff_t>(offset), count, data_out);
    *bytes_out = level.size();
  });
}

extern "C" VR_API int32_t vr_digest_free(uint64_t handle)
{
  return at_boundary([&] { digest::forget(handle)->cancel(); });
}

extern "C" VR_API int32_t vr_digest_blocks(const uint8_t* data, uint64_t blocks, const uint8_t* prefix,
                                           uint32_t prefix_bytes, uint8_t* out)
{
  return at_boundary([&] {
    require(prefix_bytes == 0 || prefix_bytes == digest::kSha256BlockBytes, VR_EINVAL, "a prefix has 0 or 64 bytes");
    auto const before = view(prefix, prefix_bytes);
    require(blocks == 0 || (data != nullptr && out != nullptr), VR_EINVAL, "a pointer is null");
    require(blocks <= SIZE_MAX / digest::kPageBytes, VR_EINVAL, "blocks: too many");
    auto const path = digest::fastest();
    auto state = digest::kSha256Initial;
    digest::sha256_compress(path, state, before.data(), before.size() / digest::kSha256BlockBytes);
    digest::sha256_pages(path, state, before.size(), data, static_cast<std::size_t>(blocks), out);
  });
}
