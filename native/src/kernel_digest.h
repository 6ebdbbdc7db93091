// SPDX-License-Identifier: Apache-2.0
/// Digests by kernels, where the data lies: a slice at a time, and only the upper levels are the host's.
#pragma once

#include "digest/blake3.h"
#include "digest_operation.h"
#include "kernel_slice.h"
#include "scratch.h"

namespace vram_residency {

/// Most bytes of one slice: half a millisecond on a large device, so that whoever else computes there waits no longer.
/// A multiple of 512 KiB. Tests shorten it.
inline std::atomic<std::uint64_t> slice_bytes{256u << 20};

/**
 * Digests a range of device memory by kernels; where there are none, or no memory for what they write, as HostDigest does.
 *
 * Every slice hashes into poison, a kernel counts what is left of it, and the host compares: how many bytes were looked
 * at, that none is poison, and that the addresses it had sent are the ones that were there.
 */
class KernelDigest final : public HostDigest {
 public:
  KernelDigest(std::shared_ptr<Ticket> its_ticket, std::shared_ptr<Allocation> allocation,
               vr_digest_options const& options);

  Step step(Device& device) override;
  void block(Device& device) override;
  bool settled(Device& device) noexcept override;

 private:
  enum class Where { undecided, host, device };
  struct Lane {
    Slot* slot = nullptr;
    cu::DevicePointer address = 0;
    cu::Stream stream = nullptr;
    Slice slice;
  };

  Where decide(Device& device);
  void prepare(Device& device);
  void start(Device& device, Lane& lane);
  void launch_tree(Device& device, Lane const& lane, kernels::Segment const* segments);
  void launch_chunks(Device& device, Lane const& lane, kernels::Segment const* segments);
  void collect(Lane const& lane);
  void finish_here(Device& device);

  Where where_ = Where::undecided;
  std::uint64_t per_slice_;
  std::uint64_t started_ = 0;
  std::uint64_t done_ = 0;
  Scratch scratch_;
  std::vector<Lane> lanes_;
  std::deque<Lane*> idle_;
  std::deque<Lane*> busy_;
  digest::BlockHasher plain_hasher_;
  digest::BlockHasher salted_hasher_;
  std::vector<std::uint8_t> level1_;
  std::vector<std::uint8_t> salted_level1_;
  std::vector<std::uint8_t> leaves_;
  /// Of subtrees of 512 KiB; of chunks where there is only one such subtree.
  std::vector<std::uint8_t> values_;
};

}  // namespace vram_residency
