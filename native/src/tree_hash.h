// SPDX-License-Identifier: Apache-2.0
/// The fs-verity digest of something that passes by a slot at a time, in any order, on several threads.
#pragma once

#include <atomic>

#include "digest/fsverity_tree.h"

namespace vram_residency {

class TreeHash {
 public:
  /// @param bytes  of the whole
  /// @param salt   0 to 32 bytes
  TreeHash(std::uint64_t bytes, digest::ByteView salt);

  /**
   * Hashes one slot. Safe for different slots at once.
   *
   * @param offset  a multiple of VR_SLOT_BYTES
   * @param data    a full slot, unless it ends the whole
   * @param leaves  receives 32 bytes for every 4096 of data; room for kSlotLeafBytes
   */
  void add(std::uint64_t offset, digest::ByteView data, std::uint8_t* leaves);
  /// @throws VR_EBUG unless every slot was added.
  digest::Digest finish();

  /// Level 1, once finished.
  std::vector<std::uint8_t> const& level1() const noexcept { return level1_; }

 private:
  digest::BlockHasher hasher_;
  std::uint64_t bytes_;
  std::atomic<std::uint64_t> added_{0};
  std::vector<std::uint8_t> level1_;
};

}  // namespace vram_residency
