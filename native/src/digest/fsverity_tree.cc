// SPDX-License-Identifier: Apache-2.0
#include "fsverity_tree.h"

#include <algorithm>
#include <stdexcept>

namespace vram_residency::digest {
namespace {

/// The descriptor whose digest is the file's.
std::array<std::uint8_t, 256> descriptor(ByteView root, std::uint64_t bytes, ByteView salt) noexcept
{
  constexpr std::uint8_t kVersion = 1, kSha256 = 1, kLog2Block = 12;
  std::array<std::uint8_t, 256> fields{kVersion, kSha256, kLog2Block, static_cast<std::uint8_t>(salt.size())};
  store_le64(&fields[8], bytes);
  std::ranges::copy(root, fields.begin() + 16);
  std::ranges::copy(salt, fields.begin() + 80);
  return fields;
}

/// One level up: each block of 128 digests, the last padded with zeros, is hashed like data.
Bytes next_level(BlockHasher const& hasher, ByteView level)
{
  Bytes next(fsverity_blocks(level.size()) * kDigestBytes);
  hasher.padded(level, next.data());
  return next;
}

}  // namespace

BlockHasher::BlockHasher(Path path, ByteView salt)
    : path_{path}, salt_bytes_{salt.size()}, prefix_bytes_{salt.empty() ? 0 : kSha256BlockBytes}
{
  if (salt.size() > kFsVeritySaltBytesMax) { throw std::invalid_argument{"a salt has at most 32 bytes"}; }
  if (salt.empty()) { return; }
  std::ranges::copy(salt, salt_.begin());
  std::array<std::uint8_t, kSha256BlockBytes> prefix{};
  std::ranges::copy(salt, prefix.begin());
  sha256_compress(path_, midstate_, prefix.data(), 1);
}

void BlockHasher::blocks(std::uint8_t const* data, std::size_t count, std::uint8_t* out) const noexcept
{
  sha256_pages(path_, midstate_, prefix_bytes_, data, count, out);
}

void BlockHasher::padded(ByteView data, std::uint8_t* out) const noexcept
{
  auto const whole = data.size() / kFsVerityBlockBytes;
  blocks(data.data(), whole, out);
  auto const rest = data.subspan(whole * kFsVerityBlockBytes);
  if (rest.empty()) { return; }

  std::array<std::uint8_t, kFsVerityBlockBytes> last{};
  std::ranges::copy(rest, last.begin());
  blocks(last.data(), 1, out + whole * kDigestBytes);
}

Digest fsverity_group(BlockHasher const& hasher, ByteView leaves, std::uint64_t total_blocks)
{
  auto const count = leaves.size() / kDigestBytes;
  if (leaves.size() % kDigestBytes != 0 || count < 1 || count > kFsVerityGroupLeaves || count > total_blocks) {
    throw std::invalid_argument{"a group has 1 to 128 leaves, no more than there are blocks"};
  }
  Digest entry;
  if (total_blocks == 1) {
    std::ranges::copy(leaves, entry.begin());
  } else {
    hasher.padded(leaves, entry.data());
  }
  return entry;
}

Bytes fsverity_level1(BlockHasher const& hasher, ByteView leaves)
{
  if (leaves.size() % kDigestBytes != 0) { throw std::invalid_argument{"leaves have 32 bytes each"}; }
  if (leaves.size() == kDigestBytes) { return {leaves.begin(), leaves.end()}; }
  return next_level(hasher, leaves);
}

Digest fsverity_fold(BlockHasher const& hasher, ByteView level1, std::uint64_t bytes)
{
  if (level1.size() % kDigestBytes != 0 || level1.size() / kDigestBytes != fsverity_groups(bytes)) {
    throw std::invalid_argument{"level 1 has one 32-byte digest for each 512 KiB begun"};
  }
  Bytes level(level1.begin(), level1.end());
  if (bytes == 0) { level.assign(kDigestBytes, 0); }
  while (level.size() > kDigestBytes) { level = next_level(hasher, level); }
  return sha256(descriptor(level, bytes, hasher.salt()), hasher.path());
}

std::vector<std::uint64_t> differing_digests(ByteView a, ByteView b)
{
  if (a.size() != b.size() || a.size() % kDigestBytes != 0) {
    throw std::invalid_argument{"compared levels have one size, in whole digests"};
  }
  std::vector<std::uint64_t> indexes;
  for (std::size_t at = 0; at < a.size(); at += kDigestBytes) {
    if (std::memcmp(&a[at], &b[at], kDigestBytes) != 0) { indexes.push_back(at / kDigestBytes); }
  }
  return indexes;
}

}  // namespace vram_residency::digest
