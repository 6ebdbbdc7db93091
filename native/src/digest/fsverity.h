// SPDX-License-Identifier: Apache-2.0
/// Linux fs-verity file digests, SHA-256 over 4096-byte blocks (docs/spec/digests-v1.md, section 3).
///
/// Three ways in, one tree: `FsVerity` takes a stream cut anywhere, `FsVerityParts` takes parts of a file of known size
/// from any thread and in any order, and `fsverity` takes all of it at once.
#pragma once

#include "fsverity_tree.h"

#include <atomic>
#include <memory>

namespace vram_residency::digest {

struct FsVerityOptions {
  /// 0 to 32 bytes, put before every block; none of 0 bytes.
  ByteView salt{};
  /// Whether the result has the leaves: 0.78 % of the data.
  bool keep_leaves = false;
  Path path = fastest();
};

struct FsVerityResult {
  Digest digest{};
  /// 32 x ceil(bytes / 512 KiB) bytes; of a single block, its leaf.
  Bytes level1;
  /// 32 x ceil(bytes / 4096) bytes, where they were asked for.
  Bytes leaves;
  std::uint64_t bytes = 0;
};

/// A running digest. Use once. Its memory is constant, apart from 32 bytes for each 512 KiB, and the leaves if kept.
class FsVerity {
 public:
  /// @throws std::invalid_argument for a salt of more than 32 bytes.
  explicit FsVerity(FsVerityOptions const& options = {});

  /// Adds data, cut anywhere. Whole blocks are hashed where they lie.
  /// @throws std::logic_error after `finish`.
  void update(ByteView data);
  FsVerityResult finish();

 private:
  void hash(std::uint8_t const* blocks, std::size_t count);
  void close_group();

  BlockHasher hasher_;
  bool keep_leaves_;
  bool finished_ = false;
  std::array<std::uint8_t, kFsVerityBlockBytes> partial_{};
  std::size_t partial_bytes_ = 0;
  std::array<std::uint8_t, kFsVerityBlockBytes> group_{};
  std::size_t group_leaves_ = 0;
  FsVerityResult result_;
};

/**
 * A digest of known size whose groups (512 KiB of data) are hashed by whoever holds them, in any order.
 *
 * This is what a loader feeds: each of its readers adds the slot that it has just filled. Every entry is known to be
 * written before it is used, and written once.
 */
class FsVerityParts {
 public:
  /// @param bytes  size of the whole
  /// @throws std::invalid_argument for a salt of more than 32 bytes.
  FsVerityParts(std::uint64_t bytes, FsVerityOptions const& options = {});

  /**
   * Hashes one part where it lies. Safe from many threads at once.
   *
   * @param offset  where the part begins; a multiple of 512 KiB
   * @param data    a multiple of 512 KiB, unless it ends the whole
   * @throws std::invalid_argument for any other part, std::logic_error for one that was added before.
   */
  void add(std::uint64_t offset, ByteView data);

  /// Folds what was added. Not beside a running `add`.
  /// @throws std::logic_error unless every part was added.
  FsVerityResult finish();

 private:
  BlockHasher hasher_;
  std::size_t groups_;
  std::unique_ptr<std::atomic<std::uint8_t>[]> taken_;
  std::atomic<std::size_t> written_{0};
  FsVerityResult result_;
};

/// Digests `data` with `threads` threads (1: the caller's own; never more than there are groups).
FsVerityResult fsverity(ByteView data, FsVerityOptions const& options = {}, unsigned threads = 1);

}  // namespace vram_residency::digest
