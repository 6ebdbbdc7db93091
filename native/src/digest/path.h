// SPDX-License-Identifier: Apache-2.0
/// Which instructions hash. Every path gives the same bytes; only the speed differs.
#pragma once

#include <cstdint>

namespace vram_residency::digest {

/// Ways to compute, slowest first. A path that the processor lacks is never taken.
enum class Path : std::uint8_t {
  portable,  ///< plain C++: any processor
  avx2,      ///< x86-64: 8 messages side by side
  avx512,    ///< x86-64: 16 messages side by side
  sha_ni,    ///< x86-64 with the SHA extensions: rounds in hardware, several messages interleaved
};

/// All paths, for tests that force each.
inline constexpr Path kPaths[] = {Path::portable, Path::avx2, Path::avx512, Path::sha_ni};

/// "portable", "avx2", "avx512" or "sha-ni", for reports.
char const* name_of(Path path) noexcept;

/// Whether this processor, and the system's saving of its registers, allow `path`.
bool available(Path path) noexcept;

/// The fastest available path.
Path fastest() noexcept;

}  // namespace vram_residency::digest
