// SPDX-License-Identifier: Apache-2.0
/// The kernels compiled for the host: same text, one thread after the other.
#pragma once

#include "device.h"

extern "C" {
void vr_fsverity_leaves(vram_residency::kernels::LeafArguments arguments);
void vr_blake3_chunks(vram_residency::kernels::ChunkArguments arguments);
void vr_blake3_parents(vram_residency::kernels::ParentArguments arguments);
void vr_poison_check(vram_residency::kernels::PoisonArguments arguments);
void vr_zero_check(vram_residency::kernels::ZeroArguments arguments);
}

namespace vram_residency::kernels {

/// Plays a grid of `blocks` blocks of `kThreads` threads each.
template <typename Arguments>
void play(void (*kernel)(Arguments), std::uint64_t blocks, Arguments const& arguments)
{
  auto const threads = blocks * kThreads;
  for (std::uint64_t thread = 0; thread < threads; ++thread) {
    playing = {thread, threads};
    kernel(arguments);
  }
}

/// Blocks that give each of `items` items a thread.
inline std::uint64_t blocks_for(std::uint64_t items) { return (items + kThreads - 1) / kThreads; }

}  // namespace vram_residency::kernels
