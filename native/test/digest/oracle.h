// SPDX-License-Identifier: Apache-2.0
/// fs-verity as its specification tells it, over FIPS 180-4 as it is printed: slow, and nothing of it shared with src.
#pragma once

#include "harness.h"

namespace oracle {

using harness::Bytes;
using harness::ByteView;

/// The first 32 bits of the fractional part of the square (2) or cube (3) root of the n-th prime, by integer search.
inline std::uint32_t root_of_prime(int n, int power)
{
  int prime = 1;
  for (int found = 0; found <= n;) {
    ++prime;
    bool divisible = false;
    for (int by = 2; by * by <= prime; ++by) { divisible = divisible || prime % by == 0; }
    if (!divisible) { ++found; }
  }
  // Largest x with x^power <= prime * 2^(32 * power): its low 32 bits are the fraction.
  using Wide = unsigned __int128;
  std::uint64_t x = 0;
  for (int bit = 36; bit >= 0; --bit) {
    auto const tried = x | (std::uint64_t{1} << bit);
    bool fits = false;
    if (power == 2) {
      fits = Wide{tried} * tried <= (Wide(prime) << 64);
    } else {
      auto const square = Wide{tried} * tried;
      fits = square <= (Wide(prime) << 96) / tried;
    }
    if (fits) { x = tried; }
  }
  return static_cast<std::uint32_t>(x);
}

inline std::uint32_t rotated(std::uint32_t x, int n) { return (x >> n) | (x << (32 - n)); }

inline Bytes sha256(Bytes message)
{
  static auto const constants = [] {
    std::array<std::uint32_t, 72> made{};
    for (int i = 0; i < 64; ++i) { made[i] = root_of_prime(i, 3); }
    for (int i = 0; i < 8; ++i) { made[64 + i] = root_of_prime(i, 2); }
    return made;
  }();
  std::uint64_t const bits = message.size() * 8;
  message.push_back(0x80);
  while (message.size() % 64 != 56) { message.push_back(0); }
  for (int shift = 56; shift >= 0; shift -= 8) { message.push_back(static_cast<std::uint8_t>(bits >> shift)); }

  std::array<std::uint32_t, 8> hash;
  std::copy_n(constants.begin() + 64, 8, hash.begin());
  for (std::size_t block = 0; block < message.size(); block += 64) {
    std::array<std::uint32_t, 64> w{};
    for (int t = 0; t < 64; ++t) {
      if (t < 16) {
        for (int i = 0; i < 4; ++i) { w[t] = w[t] << 8 | message[block + 4 * t + i]; }
      } else {
        auto const s0 = rotated(w[t - 15], 7) ^ rotated(w[t - 15], 18) ^ (w[t - 15] >> 3);
        auto const s1 = rotated(w[t - 2], 17) ^ rotated(w[t - 2], 19) ^ (w[t - 2] >> 10);
        w[t] = s1 + w[t - 7] + s0 + w[t - 16];
      }
    }
    auto v = hash;
    for (int t = 0; t < 64; ++t) {
      auto const ch = (v[4] & v[5]) ^ (~v[4] & v[6]);
      auto const maj = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
      auto const t1 = v[7] + (rotated(v[4], 6) ^ rotated(v[4], 11) ^ rotated(v[4], 25)) + ch + constants[t] + w[t];
      auto const t2 = (rotated(v[0], 2) ^ rotated(v[0], 13) ^ rotated(v[0], 22)) + maj;
      v = {t1 + t2, v[0], v[1], v[2], v[3] + t1, v[4], v[5], v[6]};
    }
    for (int i = 0; i < 8; ++i) { hash[i] += v[i]; }
  }

  Bytes digest;
  for (auto const word : hash) {
    for (int shift = 24; shift >= 0; shift -= 8) { digest.push_back(static_cast<std::uint8_t>(word >> shift)); }
  }
  return digest;
}

/// All levels of a tree, leaves first, and the file digest.
struct Tree {
  std::vector<Bytes> levels;
  Bytes digest;
};

inline Bytes hash_level(Bytes data, ByteView salt)
{
  data.resize((data.size() + 4095) / 4096 * 4096);
  Bytes level;
  for (std::size_t at = 0; at < data.size(); at += 4096) {
    Bytes block(salt.begin(), salt.end());
    if (!salt.empty()) { block.resize(64); }
    block.insert(block.end(), data.begin() + at, data.begin() + at + 4096);
    auto const digest = sha256(block);
    level.insert(level.end(), digest.begin(), digest.end());
  }
  return level;
}

inline Tree fsverity(ByteView data, ByteView salt)
{
  Tree tree;
  tree.levels.push_back(hash_level(Bytes(data.begin(), data.end()), salt));
  while (tree.levels.back().size() > 32) { tree.levels.push_back(hash_level(tree.levels.back(), salt)); }

  Bytes descriptor{1, 1, 12, static_cast<std::uint8_t>(salt.size()), 0, 0, 0, 0};
  std::uint64_t size = data.size();
  for (int i = 0; i < 8; ++i, size >>= 8) { descriptor.push_back(static_cast<std::uint8_t>(size)); }
  descriptor.insert(descriptor.end(), tree.levels.back().begin(), tree.levels.back().end());
  descriptor.resize(80);
  descriptor.insert(descriptor.end(), salt.begin(), salt.end());
  descriptor.resize(256);
  tree.digest = sha256(descriptor);
  return tree;
}

/// Level 1 as this project stores it: of a single block, its leaf.
inline Bytes level1(Tree const& tree) { return tree.levels.size() > 1 ? tree.levels[1] : tree.levels[0]; }

}  // namespace oracle
