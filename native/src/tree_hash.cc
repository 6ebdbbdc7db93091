// SPDX-License-Identifier: Apache-2.0
#include "tree_hash.h"

#include <algorithm>

#include "errors.h"

namespace vram_residency {

namespace {

constexpr std::size_t kGroupLeafBytes = digest::kFsVerityGroupLeaves * digest::kDigestBytes;

}  // namespace

TreeHash::TreeHash(std::uint64_t bytes, digest::ByteView salt)
    : hasher_{digest::fastest(), salt}, bytes_{bytes}, level1_(digest::fsverity_groups(bytes) * digest::kDigestBytes)
{
}

void TreeHash::add(std::uint64_t offset, digest::ByteView data, std::uint8_t* leaves)
{
  invariant(offset % VR_SLOT_BYTES == 0 && data.size() == std::min<std::uint64_t>(VR_SLOT_BYTES, bytes_ - offset),
            "a slot of a tree has another shape");
  hasher_.padded(data, leaves);
  auto const leaf_bytes = digest::fsverity_blocks(data.size()) * digest::kDigestBytes;
  auto* entry = level1_.data() + offset / digest::kFsVerityGroupBytes * digest::kDigestBytes;
  for (std::size_t at = 0; at < leaf_bytes; at += kGroupLeafBytes) {
    auto const group = digest::fsverity_group(hasher_, {leaves + at, std::min(kGroupLeafBytes, leaf_bytes - at)},
                                              digest::fsverity_blocks(bytes_));
    entry = std::copy(group.begin(), group.end(), entry);
  }
  added_.fetch_add(data.size(), std::memory_order_acq_rel);
}

digest::Digest TreeHash::finish()
{
  invariant(added_.load(std::memory_order_acquire) == bytes_, "a tree was finished before all of it was hashed");
  return digest::fsverity_fold(hasher_, level1_, bytes_);
}

}  // namespace vram_residency
