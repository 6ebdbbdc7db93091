// SPDX-License-Identifier: Apache-2.0
/// What host and kernels tell each other: plain structs, passed by value or read from device memory. Addresses are
/// device addresses as numbers, so that the layout is the same on both sides.
#pragma once

#include <cstdint>

namespace vram_residency::kernels {

/// Threads of one block of every launch.
inline constexpr std::uint32_t kThreads = 128;

/// One run of bytes in device memory that is a tree, or a level of a tree, of its own.
struct Segment {
  std::uint64_t address;  ///< of its first byte; any alignment
  std::uint64_t bytes;
  std::uint64_t first;    ///< items (leaves, chunks) of the segments before it
  std::uint64_t out;      ///< receives 32 bytes for each of its items; a multiple of 16
};

/// vr_fsverity_leaves: one thread hashes one 4096-byte block.
struct LeafArguments {
  std::uint64_t segments;       ///< address of `segment_count` segments, ascending by `first`, the first one at 0
  std::uint64_t begin;          ///< the slice of this launch: items begin to end - 1
  std::uint64_t end;
  std::uint32_t segment_count;  ///< at least 1
  std::uint32_t message_bits;   ///< length of what is hashed: of the block, and of the salt before it
  std::uint32_t midstate[8];    ///< the state after the salt
};

/// vr_blake3_chunks: one thread hashes one 1024-byte chunk. Not for segments of one chunk, whose digest is no chaining
/// value.
struct ChunkArguments {
  std::uint64_t segments;
  std::uint64_t begin;
  std::uint64_t end;
  std::uint32_t segment_count;
  std::uint32_t reserved;
};

/// vr_blake3_parents: one thread joins two chaining values; an odd last one goes up as it is.
struct ParentArguments {
  std::uint64_t children;  ///< address of child_count x 32 bytes; a multiple of 16
  std::uint64_t child_count;
  std::uint64_t out;       ///< receives (child_count + 1) / 2 x 32 bytes; a multiple of 16
};

/// vr_zero_check: threads go over all bytes together.
struct ZeroArguments {
  std::uint64_t address;  ///< a multiple of 16
  std::uint64_t bytes;
  std::uint64_t report;   ///< address of a ZeroReport of zeros, added to
};

/// The host compares `checked_bytes` with what it asked for: a launch that did nothing has checked nothing.
struct ZeroReport {
  std::uint64_t checked_bytes;
  std::uint64_t non_zero_bytes;
};

/// vr_poison_check: threads go over all halves of digests together. A half that is all poison was not written: a digest
/// that has one by chance is 2^128 times rarer.
struct PoisonArguments {
  std::uint64_t address;  ///< a multiple of 16
  std::uint64_t bytes;    ///< a multiple of 16
  std::uint64_t report;   ///< address of a PoisonReport of zeros, added to
  std::uint32_t poison;   ///< what every word held before
  std::uint32_t reserved;
};

/// As in ZeroReport.
struct PoisonReport {
  std::uint64_t checked_bytes;
  std::uint64_t poisoned_bytes;
};

static_assert(sizeof(Segment) == 32 && sizeof(LeafArguments) == 64 && sizeof(ChunkArguments) == 32);
static_assert(sizeof(PoisonArguments) == 32 && sizeof(PoisonReport) == 16);
static_assert(sizeof(ParentArguments) == 24 && sizeof(ZeroArguments) == 24 && sizeof(ZeroReport) == 16);

}  // namespace vram_residency::kernels
