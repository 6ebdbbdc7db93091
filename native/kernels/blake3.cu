// SPDX-License-Identifier: Apache-2.0
/// BLAKE3 chunks and parents over device memory. The host joins the last few values, and applies the root flag: a
/// digest is never finished here.
#include "segments.h"

namespace vram_residency::kernels {
namespace {

constexpr std::uint32_t kChunkBytes = 1024;
constexpr std::uint32_t kChunkStart = 1, kChunkEnd = 2, kParent = 4;

/// The BLAKE3 paper, table 2, applied again for each round.
struct Schedule {
  std::uint8_t words[7][16];
};

constexpr Schedule make_schedule()
{
  constexpr std::uint8_t permutation[16] = {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8};
  Schedule made{};
  for (int i = 0; i < 16; ++i) { made.words[0][i] = static_cast<std::uint8_t>(i); }
  for (int round = 1; round < 7; ++round) {
    for (int i = 0; i < 16; ++i) { made.words[round][i] = made.words[round - 1][permutation[i]]; }
  }
  return made;
}

VR_CONSTANT Schedule kSchedule = make_schedule();

VR_CONSTANT std::uint32_t kInitial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

VR_DEVICE void quarter_round(std::uint32_t& a, std::uint32_t& b, std::uint32_t& c, std::uint32_t& d, std::uint32_t x,
                             std::uint32_t y)
{
  a += b + x;
  d = select_bytes(d ^ a, 0, 0x1032);  // rotated by 16: one instruction, and not of the shift unit
  c += d;
  b = rotate_right(b ^ c, 12);
  a += b + y;
  d = select_bytes(d ^ a, 0, 0x0321);  // by 8
  c += d;
  b = rotate_right(b ^ c, 7);
}

VR_DEVICE void compress_block(std::uint32_t (&value)[8], std::uint32_t const (&m)[16], std::uint64_t counter,
                              std::uint32_t bytes, std::uint32_t flags)
{
  std::uint32_t v[16];
  VR_UNROLL
  for (int i = 0; i < 8; ++i) { v[i] = value[i]; }
  VR_UNROLL
  for (int i = 0; i < 4; ++i) { v[8 + i] = kInitial[i]; }
  v[12] = static_cast<std::uint32_t>(counter);
  v[13] = static_cast<std::uint32_t>(counter >> 32);
  v[14] = bytes;
  v[15] = flags;
  VR_UNROLL
  for (int round = 0; round < 7; ++round) {
    VR_UNROLL
    for (int i = 0; i < 4; ++i) {
      quarter_round(v[i], v[4 + i], v[8 + i], v[12 + i], m[kSchedule.words[round][2 * i]],
                    m[kSchedule.words[round][2 * i + 1]]);
    }
    VR_UNROLL
    for (int i = 0; i < 4; ++i) {
      quarter_round(v[i], v[4 + (i + 1) % 4], v[8 + (i + 2) % 4], v[12 + (i + 3) % 4],
                    m[kSchedule.words[round][8 + 2 * i]], m[kSchedule.words[round][9 + 2 * i]]);
    }
  }
  VR_UNROLL
  for (int i = 0; i < 8; ++i) { value[i] = v[i] ^ v[8 + i]; }
}

VR_DEVICE void store_value(std::uint64_t address, std::uint32_t const (&value)[8])
{
  store_words4(address, {{value[0], value[1], value[2], value[3]}});
  store_words4(address + 16, {{value[4], value[5], value[6], value[7]}});
}

}  // namespace
}  // namespace vram_residency::kernels

VR_KERNEL(vr_blake3_chunks, vram_residency::kernels::ChunkArguments const arguments)
{
  using namespace vram_residency::kernels;
  auto const item = arguments.begin + thread_index();
  if (item >= arguments.end) { return; }
  auto const segment = segment_of(arguments.segments, arguments.segment_count, item);
  auto const chunk = item - segment.first;
  auto const address = segment.address + chunk * kChunkBytes;
  auto const rest = segment.bytes - chunk * kChunkBytes;
  auto const bytes = static_cast<std::int32_t>(rest < kChunkBytes ? rest : kChunkBytes);
  bool const plain = bytes == kChunkBytes && address % 16 == 0;

  std::uint32_t value[8];
  std::uint32_t words[16];
  VR_UNROLL
  for (int i = 0; i < 8; ++i) { value[i] = kInitial[i]; }
  VR_ROLLED
  for (std::int32_t at = 0; at < bytes; at += 64) {
    if (plain) {
      load_aligned<false>(words, address + at);
    } else {
      load_any<false>(words, address + at, bytes - at);
    }
    auto const left = bytes - at;
    auto const flags = (at == 0 ? kChunkStart : 0) | (left <= 64 ? kChunkEnd : 0);
    compress_block(value, words, chunk, static_cast<std::uint32_t>(left < 64 ? left : 64), flags);
  }
  store_value(segment.out + chunk * 32, value);
}

VR_KERNEL(vr_blake3_parents, vram_residency::kernels::ParentArguments const arguments)
{
  using namespace vram_residency::kernels;
  auto const pair = thread_index();
  auto const left = 2 * pair;
  if (left >= arguments.child_count) { return; }
  auto const address = arguments.children + left * 32;
  auto const out = arguments.out + pair * 32;
  if (left + 1 == arguments.child_count) {
    store_words4(out, load_words4(address));
    store_words4(out + 16, load_words4(address + 16));
    return;
  }
  std::uint32_t value[8];
  std::uint32_t words[16];
  VR_UNROLL
  for (int i = 0; i < 8; ++i) { value[i] = kInitial[i]; }
  load_aligned<false>(words, address);
  compress_block(value, words, 0, 64, kParent);
  store_value(out, value);
}
