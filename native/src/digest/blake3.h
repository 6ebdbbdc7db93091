// SPDX-License-Identifier: Apache-2.0
/// BLAKE3, 256 bits, without a key: as a stream, and in parts that many threads hash.
#pragma once

#include "bytes.h"
#include "path.h"

#include <atomic>
#include <memory>

namespace vram_residency::digest {

inline constexpr std::size_t kBlake3ChunkBytes = 1024;

/// Bytes of one part: a subtree of 512 chunks.
inline constexpr std::size_t kBlake3PartBytes = 524'288;

/**
 * Chaining values of whole chunks of a message that has more than one chunk.
 *
 * @param first_chunk  the number of the first one
 * @param out          receives count x 32 bytes
 */
void blake3_chunks(Path path, std::uint8_t const* data, std::size_t count, std::uint64_t first_chunk,
                   std::uint8_t* out) noexcept;

/// Joins neighbours: count x 64 bytes give count x 32. `out` may be `children`. Not for the root.
void blake3_parents(Path path, std::uint8_t const* children, std::size_t count, std::uint8_t* out) noexcept;

/**
 * The digest over the chaining values of neighbouring subtrees: all but the last of one size, a power of two.
 *
 * @param values  at least 2 x 32 bytes
 * @throws std::invalid_argument for fewer, or another shape.
 */
Digest blake3_fold(Path path, ByteView values);

/// A running BLAKE3 of constant memory. Use once.
class Blake3 {
 public:
  explicit Blake3(Path path = fastest());

  void update(ByteView data) noexcept;
  Digest finish() noexcept;

 private:
  void close_subtree(ByteView data) noexcept;

  static constexpr std::size_t kSubtreeBytes = 65'536;
  static constexpr std::size_t kStackMax = 48;  // 2^48 subtrees of 2^16 bytes: 2^64 bytes

  Path path_;
  std::unique_ptr<std::uint8_t[]> buffer_;
  std::size_t held_ = 0;
  std::uint64_t subtrees_ = 0;
  std::size_t depth_ = 0;
  /// Chaining values of whole subtrees, the largest first; one more than fit is there while two are joined.
  std::array<std::uint8_t, (kStackMax + 1) * kDigestBytes> stack_{};
};

/// A digest of known size whose parts are hashed by whoever holds them, in any order.
class Blake3Parts {
 public:
  explicit Blake3Parts(std::uint64_t bytes, Path path = fastest());

  /**
   * Hashes some of it where it lies. Safe from many threads at once.
   *
   * @param offset  a multiple of 512 KiB
   * @param data    a multiple of 512 KiB, unless it ends the whole
   * @throws std::invalid_argument for anything else, std::logic_error for what was added before.
   */
  void add(std::uint64_t offset, ByteView data);

  /// @throws std::logic_error unless all was added.
  Digest finish();

 private:
  Path path_;
  std::uint64_t bytes_;
  std::size_t parts_;
  std::unique_ptr<std::atomic<std::uint8_t>[]> taken_;
  std::atomic<std::size_t> written_{0};
  Bytes values_;
};

}  // namespace vram_residency::digest
