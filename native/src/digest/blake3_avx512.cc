// SPDX-License-Identifier: Apache-2.0
#include "blake3_paths.h"

#if defined(__x86_64__)

#include <utility>

#define VR_WIDE_LANES 16
#define VR_WIDE_TARGET "avx512f,avx512bw"
#include "wide.inc"

#include "blake3_wide.inc"

namespace vram_residency::digest {

std::size_t blake3_chunks_avx512(std::uint8_t const* data, std::size_t count, std::uint64_t first_chunk,
                               std::uint8_t* out) noexcept
{
  return hash_chunks(data, count, first_chunk, out);
}

std::size_t blake3_parents_avx512(std::uint8_t const* children, std::size_t count, std::uint8_t* out) noexcept
{
  return hash_parents(children, count, out);
}

}  // namespace vram_residency::digest

#endif
