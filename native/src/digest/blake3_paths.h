// SPDX-License-Identifier: Apache-2.0
/// What the paths of BLAKE3 share. Callers outside of blake3*.cc use blake3.h.
#pragma once

#include "blake3.h"

namespace vram_residency::digest {

inline constexpr std::size_t kBlake3BlockBytes = 64;

/// The BLAKE3 paper, 2.2: flags of a compression.
inline constexpr std::uint32_t kChunkStart = 1, kChunkEnd = 2, kParent = 4, kRoot = 8;

/// The initial value is that of SHA-256.
inline constexpr std::uint32_t kBlake3Initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

/// Which message word each half step of each round takes: the permutation of table 2, applied again and again.
inline constexpr auto kBlake3Schedule = [] {
  constexpr std::uint8_t permutation[16] = {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8};
  std::array<std::array<std::uint8_t, 16>, 7> rounds{};
  for (std::uint8_t i = 0; i < 16; ++i) { rounds[0][i] = i; }
  for (int round = 1; round < 7; ++round) {
    for (int i = 0; i < 16; ++i) { rounds[round][i] = rounds[round - 1][permutation[i]]; }
  }
  return rounds;
}();

/// Flags of block `index` of a whole chunk.
constexpr std::uint32_t blake3_block_flags(std::size_t index)
{
  constexpr std::size_t kLast = kBlake3ChunkBytes / kBlake3BlockBytes - 1;
  return (index == 0 ? kChunkStart : 0) | (index == kLast ? kChunkEnd : 0);
}

#if defined(__x86_64__)
/// Each does whole batches of its own width and returns how many it did.
std::size_t blake3_chunks_avx2(std::uint8_t const* data, std::size_t count, std::uint64_t first_chunk,
                               std::uint8_t* out) noexcept;
std::size_t blake3_parents_avx2(std::uint8_t const* children, std::size_t count, std::uint8_t* out) noexcept;
std::size_t blake3_chunks_avx512(std::uint8_t const* data, std::size_t count, std::uint64_t first_chunk,
                                 std::uint8_t* out) noexcept;
std::size_t blake3_parents_avx512(std::uint8_t const* children, std::size_t count, std::uint8_t* out) noexcept;
#endif

}  // namespace vram_residency::digest
