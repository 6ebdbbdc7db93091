// SPDX-License-Identifier: Apache-2.0
#include "sha256_paths.h"

#include <bit>

namespace vram_residency::digest {
namespace {

using std::rotr;

/// FIPS 180-4, 6.2.2, with the message schedule kept in 16 words.
void compress_block(Sha256State& state, std::uint8_t const* block) noexcept
{
  std::uint32_t w[16];
  for (int i = 0; i < 16; ++i) { w[i] = load_be32(block + 4 * i); }

  auto [a, b, c, d, e, f, g, h] = state.words;
#pragma GCC unroll 64
  for (int i = 0; i < 64; ++i) {
    if (i >= 16) {
      auto const early = w[(i + 1) & 15];
      auto const late = w[(i + 14) & 15];
      w[i & 15] += (rotr(early, 7) ^ rotr(early, 18) ^ (early >> 3)) + w[(i + 9) & 15] +
                   (rotr(late, 17) ^ rotr(late, 19) ^ (late >> 10));
    }
    auto const t1 = h + (rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)) + (g ^ (e & (f ^ g))) + kSha256Rounds[i] + w[i & 15];
    auto const t2 = (rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)) + ((a & b) | (c & (a | b)));
    h = g;
    g = f;
    f = e;
    e = d + t1;
    d = c;
    c = b;
    b = a;
    a = t1 + t2;
  }

  std::uint32_t const added[8] = {a, b, c, d, e, f, g, h};
  for (int i = 0; i < 8; ++i) { state.words[i] += added[i]; }
}

}  // namespace

void sha256_compress_portable(Sha256State& state, std::uint8_t const* blocks, std::size_t count) noexcept
{
  for (std::size_t i = 0; i < count; ++i) { compress_block(state, blocks + i * kSha256BlockBytes); }
}

}  // namespace vram_residency::digest
