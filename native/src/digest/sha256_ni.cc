// SPDX-License-Identifier: Apache-2.0
/// SHA-256 with the x86 SHA extensions. One message leaves the unit idle between dependent rounds, so pages are
/// hashed `kLanes` at a time, their rounds interleaved.
#include "sha256_paths.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define VR_NI __attribute__((target("sha,sse4.1")))
#define VR_NI_INLINE __attribute__((target("sha,sse4.1"), always_inline)) inline

namespace vram_residency::digest {
namespace {

/// Measured from 1 to 8 on Zen 5: 1.8, 3.1, 3.3, 3.4, then less. More than 4 do not fit the 16 registers.
constexpr int kLanes = 4;

/// A chaining value as the instructions want it: words a b e f and c d g h, most significant first.
struct Halves {
  __m128i abef;
  __m128i cdgh;
};

VR_NI_INLINE Halves split(Sha256State const& state)
{
  auto const& w = state.words;
  auto const word = [&](int i) __attribute__((always_inline)) { return static_cast<int>(w[i]); };
  return {_mm_set_epi32(word(0), word(1), word(4), word(5)), _mm_set_epi32(word(2), word(3), word(6), word(7))};
}

VR_NI_INLINE Sha256State join(Halves const& halves)
{
  alignas(16) std::uint32_t feba[4];
  alignas(16) std::uint32_t hgdc[4];
  _mm_store_si128(reinterpret_cast<__m128i*>(feba), halves.abef);
  _mm_store_si128(reinterpret_cast<__m128i*>(hgdc), halves.cdgh);
  return {{feba[3], feba[2], hgdc[3], hgdc[2], feba[1], feba[0], hgdc[1], hgdc[0]}};
}

/// One 64-byte block of each of N messages.
template <int N>
VR_NI_INLINE void compress_lanes(Halves (&states)[N], std::uint8_t const* const (&blocks)[N])
{
  auto const big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  __m128i abef[N], cdgh[N], w[N][4];
#pragma GCC unroll 8
  for (int n = 0; n < N; ++n) {
    abef[n] = states[n].abef;
    cdgh[n] = states[n].cdgh;
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      auto const* at = reinterpret_cast<__m128i const*>(blocks[n] + 16 * i);
      w[n][i] = _mm_shuffle_epi8(_mm_loadu_si128(at), big_endian);
    }
  }

#pragma GCC unroll 16
  for (int four = 0; four < 16; ++four) {
    auto const k = _mm_load_si128(reinterpret_cast<__m128i const*>(kSha256Rounds + 4 * four));
#pragma GCC unroll 8
    for (int n = 0; n < N; ++n) {
      auto& now = w[n][four & 3];
      auto const last = w[n][(four + 3) & 3];
      auto const wk = _mm_add_epi32(now, k);
      cdgh[n] = _mm_sha256rnds2_epu32(cdgh[n], abef[n], wk);
      abef[n] = _mm_sha256rnds2_epu32(abef[n], cdgh[n], _mm_shuffle_epi32(wk, 0x0e));
      if (four < 12) {
        auto const seventh = _mm_alignr_epi8(last, w[n][(four + 2) & 3], 4);
        now = _mm_sha256msg1_epu32(now, w[n][(four + 1) & 3]);
        now = _mm_sha256msg2_epu32(_mm_add_epi32(now, seventh), last);
      }
    }
  }

#pragma GCC unroll 8
  for (int n = 0; n < N; ++n) {
    states[n].abef = _mm_add_epi32(states[n].abef, abef[n]);
    states[n].cdgh = _mm_add_epi32(states[n].cdgh, cdgh[n]);
  }
}

}  // namespace

VR_NI void sha256_compress_ni(Sha256State& state, std::uint8_t const* blocks, std::size_t count) noexcept
{
  Halves halves[1] = {split(state)};
  for (std::size_t i = 0; i < count; ++i) { compress_lanes<1>(halves, {blocks + i * kSha256BlockBytes}); }
  state = join(halves[0]);
}

VR_NI std::size_t sha256_pages_ni(Sha256State const& state, Sha256Padding const& padding, std::uint8_t const* pages,
                                  std::size_t count, std::uint8_t* out) noexcept
{
  std::size_t done = 0;
  for (; done + kLanes <= count; done += kLanes) {
    Halves halves[kLanes];
    std::uint8_t const* at[kLanes];
    for (auto& lane : halves) { lane = split(state); }
    for (std::size_t offset = 0; offset < kPageBytes; offset += kSha256BlockBytes) {
      for (int n = 0; n < kLanes; ++n) { at[n] = pages + (done + n) * kPageBytes + offset; }
      compress_lanes<kLanes>(halves, at);
    }
    for (auto& lane : at) { lane = padding.bytes; }
    compress_lanes<kLanes>(halves, at);
    for (int n = 0; n < kLanes; ++n) { store_digest(join(halves[n]), out + (done + n) * kDigestBytes); }
  }
  return done;
}

}  // namespace vram_residency::digest

#endif
