// SPDX-License-Identifier: Apache-2.0
/// SHA-256 (FIPS 180-4), as a stream and over runs of 4096-byte blocks.
#pragma once

#include "bytes.h"
#include "path.h"

namespace vram_residency::digest {

inline constexpr std::size_t kSha256BlockBytes = 64;

/// Bytes of one fs-verity block, the unit of `sha256_pages`.
inline constexpr std::size_t kPageBytes = 4096;

/// A chaining value: the midstate after whole 64-byte blocks. Words a to h.
struct Sha256State {
  std::array<std::uint32_t, 8> words;
  friend bool operator==(Sha256State const&, Sha256State const&) = default;
};

/// FIPS 180-4, 5.3.3.
inline constexpr Sha256State kSha256Initial{{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                             0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};

/// Adds `count` 64-byte blocks to `state`. One message alone gains nothing from side-by-side paths: only sha_ni differs.
void sha256_compress(Path path, Sha256State& state, std::uint8_t const* blocks, std::size_t count) noexcept;

/**
 * Hashes each 4096-byte page by itself, starting from a midstate.
 *
 * @param state        the initial value, or the midstate after a padded salt
 * @param prefix_bytes what the midstate stands for: 0 or 64
 * @param pages        count x 4096 bytes, at any address
 * @param out          receives count x 32 bytes
 */
void sha256_pages(Path path, Sha256State const& state, std::size_t prefix_bytes, std::uint8_t const* pages,
                  std::size_t count, std::uint8_t* out) noexcept;

/// A running SHA-256. Use once: any number of `update`, then `finish`.
class Sha256 {
 public:
  explicit Sha256(Path path = fastest()) noexcept : path_{path} {}

  void update(ByteView data) noexcept;
  Digest finish() noexcept;

 private:
  Path path_;
  Sha256State state_ = kSha256Initial;
  std::uint64_t bytes_ = 0;
  std::array<std::uint8_t, kSha256BlockBytes> partial_{};
};

/// SHA-256 of `data` at once.
Digest sha256(ByteView data, Path path = fastest()) noexcept;

}  // namespace vram_residency::digest
