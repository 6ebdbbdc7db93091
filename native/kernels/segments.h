// SPDX-License-Identifier: Apache-2.0
/// Finding and reading the bytes of one item, at any address.
#pragma once

#include "device.h"

namespace vram_residency::kernels {

/// The segment of an item: the last one that begins at or before it.
VR_DEVICE Segment segment_of(std::uint64_t segments, std::uint32_t count, std::uint64_t item)
{
  auto const* const all = reinterpret_cast<Segment const*>(segments);
  std::uint32_t low = 0;
  for (std::uint32_t high = count; high - low > 1;) {
    auto const middle = low + (high - low) / 2;
    if (all[middle].first <= item) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return all[low];
}

/// Four consecutive bytes that begin `shift` bytes into a word, most (BigEndian) or least significant first.
template <bool BigEndian>
VR_DEVICE std::uint32_t bytes_selector(std::uint32_t shift)
{
  return (BigEndian ? 0x0123u : 0x3210u) + shift * 0x1111u;
}

/// 16 message words from 64 bytes that all exist, at a multiple of 16.
template <bool BigEndian>
VR_DEVICE void load_aligned(std::uint32_t (&words)[16], std::uint64_t address)
{
  VR_UNROLL
  for (int i = 0; i < 4; ++i) {
    auto const four = load_words4(address + 16 * i);
    VR_UNROLL
    for (int j = 0; j < 4; ++j) {
      words[4 * i + j] = BigEndian ? select_bytes(four.words[j], 0, 0x0123) : four.words[j];
    }
  }
}

/**
 * 16 message words from up to 64 bytes at any address, zeros behind them.
 *
 * Reads whole words that hold at least one of the bytes, so never beyond the granule in which they lie.
 *
 * @param count  how many bytes there are; may be negative, or more than 64
 */
template <bool BigEndian>
VR_DEVICE void load_any(std::uint32_t (&words)[16], std::uint64_t address, std::int32_t count)
{
  auto const shift = static_cast<std::uint32_t>(address & 3);
  auto const selector = bytes_selector<BigEndian>(shift);
  auto const base = address - shift;
  auto const held = count + static_cast<std::int32_t>(shift);
  auto low = count > 0 ? load_word(base) : 0;
  VR_UNROLL
  for (int i = 0; i < 16; ++i) {
    // Word i + 1 is needed for its first `shift` bytes, and as the next low one.
    auto const high = 4 * (i + 1) < held && (shift > 0 || i < 15) ? load_word(base + 4 * (i + 1)) : 0;
    auto const missing = 4 * (i + 1) - count;
    auto word = select_bytes(low, high, selector);
    if (missing > 0) {
      auto const bits = missing < 4 ? 8 * missing : 32;
      word = bits == 32 ? 0 : (BigEndian ? word >> bits << bits : word << bits >> bits);
    }
    words[i] = word;
    low = high;
  }
}

}  // namespace vram_residency::kernels
