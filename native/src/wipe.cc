// SPDX-License-Identifier: Apache-2.0
#include "wipe.h"

#include <algorithm>

#include "operations.h"

namespace vram_residency {

Wipe::Wipe(std::shared_ptr<Ticket> its_ticket, std::shared_ptr<Allocation> allocation)
    : ReadBack{std::move(its_ticket), false}
{
  uses.push_back({std::move(allocation), true});
}

void Wipe::begin(Device& device)
{
  auto const& allocation = *uses.front().allocation;
  require_writable(allocation);
  auto const& region = allocation.region;
  device.check(device.driver().cuMemsetD8Async(region.address, 0, region.bytes, device.stream(0)), "cuMemsetD8Async");
  // Before anything is read back, and before anybody may free it.
  device.check(device.driver().cuStreamSynchronize(device.stream(0)), "cuStreamSynchronize");
  set_range(region.address, region.bytes);
}

void Wipe::consume(std::uint64_t, std::uint8_t const* data, std::size_t bytes)
{
  std::uint64_t found = 0;
  for (std::size_t at = 0; at < bytes; at += 1) { found += data[at] != 0; }
  checked_.fetch_add(bytes, std::memory_order_relaxed);
  non_zero_.fetch_add(found, std::memory_order_relaxed);
}

void Wipe::finish(Device&)
{
  outcome.set_report(vr_wipe_report{uses.front().allocation->region.bytes, checked_.load(), non_zero_.load()});
}

}  // namespace vram_residency
