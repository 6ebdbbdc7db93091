// SPDX-License-Identifier: Apache-2.0
/// fs-verity leaves over device memory, SHA-256 (docs/spec/digests-v1.md, section 3). The first level of the tree is the
/// same kernel over the leaves as data: a level is hashed like data, and padded like it.
#include "segments.h"

namespace vram_residency::kernels {
namespace {

constexpr std::uint32_t kBlockBytes = 4096;

/// FIPS 180-4, 4.2.2.
VR_CONSTANT std::uint32_t kRounds[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

/// FIPS 180-4, 6.2.2. Unrolled, so that the schedule stays in registers.
VR_DEVICE void compress(std::uint32_t (&state)[8], std::uint32_t (&w)[16])
{
  auto a = state[0], b = state[1], c = state[2], d = state[3];
  auto e = state[4], f = state[5], g = state[6], h = state[7];
  VR_UNROLL
  for (int i = 0; i < 64; ++i) {
    if (i >= 16) {
      auto const early = w[(i + 1) & 15];
      auto const late = w[(i + 14) & 15];
      w[i & 15] += (rotate_right(early, 7) ^ rotate_right(early, 18) ^ (early >> 3)) + w[(i + 9) & 15] +
                   (rotate_right(late, 17) ^ rotate_right(late, 19) ^ (late >> 10));
    }
    auto const t1 = h + (rotate_right(e, 6) ^ rotate_right(e, 11) ^ rotate_right(e, 25)) + ((e & f) ^ (~e & g)) +
                    kRounds[i] + w[i & 15];
    auto const t2 = (rotate_right(a, 2) ^ rotate_right(a, 13) ^ rotate_right(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    h = g;
    g = f;
    f = e;
    e = d + t1;
    d = c;
    c = b;
    b = a;
    a = t1 + t2;
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
  state[4] += e;
  state[5] += f;
  state[6] += g;
  state[7] += h;
}

VR_DEVICE void store_digest(std::uint64_t address, std::uint32_t const (&state)[8])
{
  VR_UNROLL
  for (int half = 0; half < 2; ++half) {
    Words4 four;
    VR_UNROLL
    for (int i = 0; i < 4; ++i) { four.words[i] = select_bytes(state[4 * half + i], 0, 0x0123); }
    store_words4(address + 16 * half, four);
  }
}

}  // namespace
}  // namespace vram_residency::kernels

VR_KERNEL(vr_fsverity_leaves, vram_residency::kernels::LeafArguments const arguments)
{
  using namespace vram_residency::kernels;
  auto const leaf = arguments.begin + thread_index();
  if (leaf >= arguments.end) { return; }
  auto const segment = segment_of(arguments.segments, arguments.segment_count, leaf);
  auto const offset = (leaf - segment.first) * kBlockBytes;
  auto const address = segment.address + offset;
  auto const rest = segment.bytes - offset;
  auto const bytes = static_cast<std::int32_t>(rest < kBlockBytes ? rest : kBlockBytes);
  bool const plain = bytes == kBlockBytes && address % 16 == 0;

  std::uint32_t state[8];
  std::uint32_t words[16];
  VR_UNROLL
  for (int i = 0; i < 8; ++i) { state[i] = arguments.midstate[i]; }
  VR_ROLLED
  for (std::int32_t at = 0; at < static_cast<std::int32_t>(kBlockBytes); at += 64) {
    if (plain) {
      load_aligned<true>(words, address + at);
    } else {
      load_any<true>(words, address + at, bytes - at);
    }
    compress(state, words);
  }

  VR_UNROLL
  for (int i = 1; i < 15; ++i) { words[i] = 0; }
  words[0] = 0x80000000;
  words[15] = arguments.message_bits;
  compress(state, words);
  store_digest(segment.out + (leaf - segment.first) * 32, state);
}
