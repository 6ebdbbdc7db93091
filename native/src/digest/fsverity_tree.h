// SPDX-License-Identifier: Apache-2.0
/// The Merkle tree of fs-verity: blocks, groups and levels (docs/spec/digests-v1.md, sections 3 and 4).
#pragma once

#include "sha256.h"

namespace vram_residency::digest {

inline constexpr std::size_t kFsVerityBlockBytes = kPageBytes;

/// Digests that fill one block of the tree.
inline constexpr std::size_t kFsVerityGroupLeaves = kFsVerityBlockBytes / kDigestBytes;

/// Data under one level-1 digest.
inline constexpr std::size_t kFsVerityGroupBytes = kFsVerityGroupLeaves * kFsVerityBlockBytes;

inline constexpr std::size_t kFsVeritySaltBytesMax = 32;

/// How many blocks hold `bytes` bytes, and how many groups.
inline std::uint64_t fsverity_blocks(std::uint64_t bytes) noexcept
{
  return bytes / kFsVerityBlockBytes + (bytes % kFsVerityBlockBytes != 0);
}
inline std::uint64_t fsverity_groups(std::uint64_t bytes) noexcept
{
  return bytes / kFsVerityGroupBytes + (bytes % kFsVerityGroupBytes != 0);
}

/// Hashes blocks under one salt. Immutable: threads may share it.
class BlockHasher {
 public:
  /// @param salt  0 to 32 bytes; copied.
  /// @throws std::invalid_argument for a longer one.
  BlockHasher(Path path, ByteView salt);

  ByteView salt() const noexcept { return {salt_.data(), salt_bytes_}; }
  Path path() const noexcept { return path_; }

  /// The midstate from which every block is hashed, for a kernel that does the same.
  Sha256State const& midstate() const noexcept { return midstate_; }
  /// What the midstate stands for: 0 or 64 bytes.
  std::size_t prefix_bytes() const noexcept { return prefix_bytes_; }

  /// Whole blocks: count x 4096 bytes give count x 32.
  void blocks(std::uint8_t const* data, std::size_t count, std::uint8_t* out) const noexcept;

  /// Any bytes, the last block padded with zeros; none give nothing.
  void padded(ByteView data, std::uint8_t* out) const noexcept;

 private:
  Path path_;
  std::size_t salt_bytes_;
  std::size_t prefix_bytes_;
  std::array<std::uint8_t, kFsVeritySaltBytesMax> salt_{};
  Sha256State midstate_ = kSha256Initial;
};

/**
 * The level-1 entry over one group of leaves.
 *
 * @param leaves        32 x 1 to 128 bytes
 * @param total_blocks  blocks of the whole: the only leaf of a one-block whole stands for itself
 * @throws std::invalid_argument for another shape, or more leaves than blocks.
 */
Digest fsverity_group(BlockHasher const& hasher, ByteView leaves, std::uint64_t total_blocks);

/// Level 1 of a whole that has these leaves. @throws std::invalid_argument unless they are whole digests.
Bytes fsverity_level1(BlockHasher const& hasher, ByteView leaves);

/**
 * Folds level 1 up to the file digest: that of the descriptor, never a bare root.
 *
 * @param level1  32 x ceil(bytes / 512 KiB) bytes; of a single block, its leaf
 * @throws std::invalid_argument when it has another length.
 */
Digest fsverity_fold(BlockHasher const& hasher, ByteView level1, std::uint64_t bytes);

/// Indexes, ascending, of the entries in which two levels of one size differ. Locates damage.
/// @throws std::invalid_argument when the sizes differ or are no multiple of 32.
std::vector<std::uint64_t> differing_digests(ByteView a, ByteView b);

}  // namespace vram_residency::digest
