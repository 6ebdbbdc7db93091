// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "read_back.h"
#include "scratch.h"

namespace vram_residency {

/// Zeroes an allocation up to its granule, and looks at all of it: by a kernel where there is one, or by reading it back.
class Wipe final : public ReadBack {
 public:
  Wipe(std::shared_ptr<Ticket> its_ticket, std::shared_ptr<Allocation> allocation);

  Step step(Device& device) override;
  void block(Device& device) override;
  bool settled(Device& device) noexcept override;

 protected:
  std::uint64_t bytes_ahead() const override { return uses.front().allocation->region.bytes; }
  void begin(Device& device) override;
  void consume(std::uint64_t offset, std::uint8_t const* data, std::size_t bytes) override;
  void finish(Device& device) override;

 private:
  enum class Where { undecided, host, device };

  Where decide(Device& device);
  void launch(Device& device);
  void collect(Device& device);

  Where where_ = Where::undecided;
  Scratch scratch_;
  /// Of the launch that is under way.
  std::uint64_t under_way_ = 0;
  std::atomic<std::uint64_t> checked_{0};
  std::atomic<std::uint64_t> non_zero_{0};
};

}  // namespace vram_residency
