// SPDX-License-Identifier: Apache-2.0
/// Device memory brought to the host a slot at a time and looked at there: digests without kernels, and the check after a wipe.
#pragma once

#include <deque>

#include "staged.h"

namespace vram_residency {

class ReadBack : public Staged {
 public:
  Step step(Device& device) override;
  void block(Device& device) override;

 protected:
  /// @param in_order  whether `consume` gets one chunk after the other, or several at once
  ReadBack(std::shared_ptr<Ticket> its_ticket, bool in_order) : Staged{std::move(its_ticket)}, in_order_{in_order} {}

  /// How much there will be to read.
  virtual std::uint64_t bytes_ahead() const = 0;
  /// Called before anything is read; sets the range. @throws Failure.
  virtual void begin(Device& device) = 0;
  /// Looks at one chunk, on a pool thread.
  virtual void consume(std::uint64_t offset, std::uint8_t const* data, std::size_t bytes) = 0;
  /// Called when everything was consumed.
  virtual void finish(Device& device) = 0;

  void set_range(cu::DevicePointer address, std::uint64_t bytes)
  {
    address_ = address;
    total_ = bytes;
    ticket->bytes_total.store(bytes, std::memory_order_relaxed);
  }

 private:
  struct Chunk {
    Slot* slot = nullptr;
    std::uint64_t offset = 0;
    std::size_t bytes = 0;
    bool landed = false;
    bool given = false;
    std::atomic<bool> consumed{false};
  };

  void fetch(Device& device);
  bool land(Device& device);
  void give(Device& device);
  bool retire(Device& device);

  bool in_order_;
  bool began_ = false;
  cu::DevicePointer address_ = 0;
  std::uint64_t total_ = 0;
  std::uint64_t fetched_ = 0;
  std::uint64_t done_ = 0;
  std::vector<Slot*> free_;
  std::deque<Chunk> chunks_;
};

}  // namespace vram_residency
