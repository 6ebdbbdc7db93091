// SPDX-License-Identifier: Apache-2.0
/// Words in memory of any alignment, in the byte order that a format asks for.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace vram_residency::digest {

inline constexpr std::size_t kDigestBytes = 32;

/// What every algorithm here gives.
using Digest = std::array<std::uint8_t, kDigestBytes>;
using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<std::uint8_t const>;

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "written for little-endian machines");

inline std::uint32_t load_le32(std::uint8_t const* from) noexcept
{
  std::uint32_t word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

inline std::uint32_t load_be32(std::uint8_t const* from) noexcept { return __builtin_bswap32(load_le32(from)); }

inline void store_le32(std::uint8_t* to, std::uint32_t word) noexcept { std::memcpy(to, &word, sizeof word); }
inline void store_be32(std::uint8_t* to, std::uint32_t word) noexcept { store_le32(to, __builtin_bswap32(word)); }
inline void store_le64(std::uint8_t* to, std::uint64_t word) noexcept { std::memcpy(to, &word, sizeof word); }
inline void store_be64(std::uint8_t* to, std::uint64_t word) noexcept { store_le64(to, __builtin_bswap64(word)); }

}  // namespace vram_residency::digest
