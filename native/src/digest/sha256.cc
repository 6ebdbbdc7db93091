// SPDX-License-Identifier: Apache-2.0
#include "sha256.h"

#include "sha256_paths.h"

#include <algorithm>

namespace vram_residency::digest {
namespace {

/// Pages that fill no batch, one by one.
void finish_pages(Path path, Sha256State const& start, Sha256Padding const& padding, std::uint8_t const* pages,
                  std::size_t count, std::uint8_t* out) noexcept
{
  for (std::size_t page = 0; page < count; ++page) {
    auto state = start;
    sha256_compress(path, state, pages + page * kPageBytes, kPageBytes / kSha256BlockBytes);
    sha256_compress(path, state, padding.bytes, 1);
    store_digest(state, out + page * kDigestBytes);
  }
}

}  // namespace

void sha256_compress(Path path, Sha256State& state, std::uint8_t const* blocks, std::size_t count) noexcept
{
#if defined(__x86_64__)
  if (path == Path::sha_ni) { return sha256_compress_ni(state, blocks, count); }
#endif
  static_cast<void>(path);
  sha256_compress_portable(state, blocks, count);
}

void sha256_pages(Path path, Sha256State const& state, std::size_t prefix_bytes, std::uint8_t const* pages,
                  std::size_t count, std::uint8_t* out) noexcept
{
  Sha256Padding const padding{prefix_bytes + kPageBytes};
  std::size_t done = 0;
#if defined(__x86_64__)
  auto const batch = [&](auto hash_whole_batches) {
    done += hash_whole_batches(state, padding, pages + done * kPageBytes, count - done, out + done * kDigestBytes);
  };
  if (path == Path::sha_ni) { batch(sha256_pages_ni); }
  if (path == Path::avx512) { batch(sha256_pages_avx512); }
  if (path == Path::avx512 || path == Path::avx2) { batch(sha256_pages_avx2); }
#endif
  finish_pages(path, state, padding, pages + done * kPageBytes, count - done, out + done * kDigestBytes);
}

void Sha256::update(ByteView data) noexcept
{
  auto const held = static_cast<std::size_t>(bytes_ % kSha256BlockBytes);
  bytes_ += data.size();
  if (held > 0) {
    auto const taken = std::min(data.size(), kSha256BlockBytes - held);
    std::copy_n(data.begin(), taken, partial_.begin() + held);
    data = data.subspan(taken);
    if (held + taken < kSha256BlockBytes) { return; }
    sha256_compress(path_, state_, partial_.data(), 1);
  }

  auto const blocks = data.size() / kSha256BlockBytes;
  sha256_compress(path_, state_, data.data(), blocks);
  std::ranges::copy(data.subspan(blocks * kSha256BlockBytes), partial_.begin());
}

Digest Sha256::finish() noexcept
{
  constexpr std::size_t kLengthAt = kSha256BlockBytes - 8;
  auto held = static_cast<std::size_t>(bytes_ % kSha256BlockBytes);
  partial_[held++] = 0x80;
  std::fill(partial_.begin() + held, partial_.end(), std::uint8_t{0});
  if (held > kLengthAt) {
    sha256_compress(path_, state_, partial_.data(), 1);
    partial_.fill(0);
  }
  store_be64(partial_.data() + kLengthAt, bytes_ * 8);
  sha256_compress(path_, state_, partial_.data(), 1);

  Digest digest;
  store_digest(state_, digest.data());
  return digest;
}

Digest sha256(ByteView data, Path path) noexcept
{
  Sha256 hash{path};
  hash.update(data);
  return hash.finish();
}

}  // namespace vram_residency::digest
