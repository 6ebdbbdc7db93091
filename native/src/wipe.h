// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "read_back.h"

namespace vram_residency {

/// Zeroes an allocation up to its granule, and reads all of it back.
class Wipe final : public ReadBack {
 public:
  Wipe(std::shared_ptr<Ticket> its_ticket, std::shared_ptr<Allocation> allocation);

 protected:
  std::uint64_t bytes_ahead() const override { return uses.front().allocation->region.bytes; }
  void begin(Device& device) override;
  void consume(std::uint64_t offset, std::uint8_t const* data, std::size_t bytes) override;
  void finish(Device& device) override;

 private:
  std::atomic<std::uint64_t> checked_{0};
  std::atomic<std::uint64_t> non_zero_{0};
};

}  // namespace vram_residency
