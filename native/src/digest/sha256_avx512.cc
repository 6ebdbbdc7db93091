// SPDX-License-Identifier: Apache-2.0
#include "sha256_paths.h"

#if defined(__x86_64__)

#include <utility>

#define VR_WIDE_LANES 16
#define VR_WIDE_TARGET "avx512f,avx512bw"
#include "wide.inc"

#include "sha256_wide.inc"

namespace vram_residency::digest {

std::size_t sha256_pages_avx512(Sha256State const& state, Sha256Padding const& padding, std::uint8_t const* pages,
                              std::size_t count, std::uint8_t* out) noexcept
{
  return hash_pages(state, padding, pages, count, out);
}

}  // namespace vram_residency::digest

#endif
