// SPDX-License-Identifier: Apache-2.0
/// Where everything lies that the kernels of one slice read and write besides the data.
#pragma once

#include "../kernels/arguments.h"
#include "ticket.h"

namespace vram_residency {

/// What the host sends before the launches, and compares when it comes back behind the output.
struct SliceHeader {
  kernels::Segment segments[4]{};
  kernels::PoisonReport report{};
};

/// Bytes at the front of a slot that the header is sent from. What comes back lies behind them.
inline constexpr std::size_t kSliceFront = 256;
static_assert(sizeof(SliceHeader) <= kSliceFront && sizeof(SliceHeader) % 16 == 0);

/// One slice of one digest. Offsets are in the output, whose parts follow each other without a gap; the header is behind it.
struct Slice {
  /// @param total  bytes of the whole range
  static Slice of_tree(std::uint64_t begin, std::uint64_t bytes, std::uint64_t total, bool salted, bool with_leaves);
  static Slice of_chunks(std::uint64_t begin, std::uint64_t bytes, std::uint64_t total);

  std::uint64_t begin = 0;   ///< in the range
  std::uint64_t bytes = 0;   ///< of data
  std::uint64_t items = 0;   ///< blocks, or chunks
  std::uint64_t groups = 0;  ///< entries of level 1, 0 for the only block of all; or levels of parents
  bool salted = false;
  std::uint64_t leaves = 0;         ///< where the plain leaves begin; those under the salt lie before them
  std::uint64_t salted_level1 = 0;  ///< before the plain one
  std::uint64_t level1 = 0;
  std::uint64_t wanted = 0;     ///< where that part begins that is brought to the host
  std::uint64_t out_bytes = 0;  ///< of all that is written

  std::uint64_t room() const noexcept { return out_bytes + sizeof(SliceHeader); }
  std::uint64_t back_bytes() const noexcept { return room() - wanted; }
};

/**
 * Holds what came back against what was sent.
 *
 * @param sent  the header as it was sent
 * @param back  `back_bytes()` bytes
 * @throws VR_ECOPY when anything was left out.
 */
void require_written(Slice const& slice, SliceHeader const& sent, std::uint8_t const* back);

}  // namespace vram_residency
