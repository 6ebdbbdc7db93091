// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>

#include "digest/algorithm.h"
#include "file_source.h"
#include "push_source.h"
#include "staged.h"
#include "tree_hash.h"

namespace vram_residency {

/**
 * Fills an allocation from a source, and hashes the very bytes that are copied.
 *
 * A slot is filled (by a reader of the pool, or by the caller), then three things happen to it beside each other: it is copied
 * to the device, its leaves are hashed, and the sequential hashes take it in when its turn comes. When all are done, the
 * slot is free again. The device's thread only hands out work and starts copies.
 */
class Ingest final : public Staged {
 public:
  struct Request {
    std::shared_ptr<Allocation> allocation;
    /// Receives the leaves; may be null.
    std::shared_ptr<Allocation> leaves;
    std::uint32_t algorithm = VR_FSVERITY_SHA256;
    bool identity = false;
  };

  Ingest(std::shared_ptr<Ticket> its_ticket, Request const& request, std::unique_ptr<FileSource> file);

  Step step(Device& device) override;
  bool settled(Device& device) noexcept override;
  void block(Device& device) override;
  bool ends_on_free() const noexcept override { return true; }

 private:
  struct Chunk {
    Slot* slot = nullptr;
    std::uint64_t offset = 0;
    std::size_t bytes = 0;
    bool copying = false;
    bool recorded = false;
    bool landed = false;
    bool given_to_stream = false;
    std::atomic<bool> filled{false};
    std::atomic<bool> has_leaves{false};
    std::atomic<bool> streamed{false};
  };

  Allocation const& target() const noexcept { return *uses.front().allocation; }
  std::uint64_t total() const noexcept { return target().bytes; }
  bool begin(Device& device);
  Chunk& add_chunk(Slot* slot, std::uint64_t offset, std::size_t bytes);
  void fill(Device& device);
  void hash_leaves(Chunk& chunk);
  bool copy(Device& device);
  bool land(Device& device);
  void stream(Device& device);
  bool retire(Device& device);
  void finish(Device& device);
  bool has_stream() const noexcept { return identity_ != nullptr || residency_ != nullptr; }

  Request request_;
  std::unique_ptr<FileSource> file_;
  bool opening_ = false;
  std::atomic<bool> opened_{false};
  bool begun_ = false;
  std::uint64_t next_ = 0;
  std::uint64_t done_ = 0;
  std::vector<Slot*> free_;
  std::deque<Chunk> chunks_;
  std::unique_ptr<TreeHash> tree_;
  std::unique_ptr<digest::Stream> identity_;
  /// For algorithms that are no tree.
  std::unique_ptr<digest::Stream> residency_;
};

/// Room that the leaves of `bytes` bytes take: 32 for every 4096, rounded up to 4096.
std::uint64_t leaf_room(std::uint64_t bytes) noexcept;

}  // namespace vram_residency
