// SPDX-License-Identifier: Apache-2.0
#include "operations.h"

#include <unistd.h>

#include <algorithm>

namespace vram_residency {

Step ReadFacts::step(Device& device)
{
  auto const facts = device.read_facts();
  device.set_facts(facts);
  outcome.set_report(facts);
  JsonObject seen;
  seen.boolean("fakeDriver", device.driver().fake());
  seen.boolean("stagingPinned", !device.ring().pageable());
  device.kernels().observe(seen);
  device.nvml().observe(device.nvml_handle(), seen);
  outcome.set_part(VR_PART_OBSERVATIONS, seen.str());
  return Step::ended;
}

Step ReadCapacity::step(Device& device)
{
  outcome.set_report(device.capacity());
  return Step::ended;
}

namespace {

/// Says of a failure for want of memory how much there would have been.
void add_numbers(Failure& broken, Device const& device, std::uint64_t needed)
{
  auto const capacity = device.capacity();
  broken.error.needed_bytes = needed;
  broken.error.available_bytes = capacity.free_bytes;
  broken.error.foreign_bytes = capacity.foreign_bytes;
  // The driver knows better than its own sum.
  broken.error.largest_bytes = needed > capacity.granularity_bytes
                                   ? std::min(capacity.largest_bytes, needed - capacity.granularity_bytes)
                                   : 0;
}

}  // namespace

Step Allocate::step(Device& device)
{
  auto const granularity = device.kind().granularity;
  auto const wanted = bytes_ + shift_;
  auto const rounded = (wanted + granularity - 1) / granularity * granularity;
  if (exportable_ && device.facts().exportable != 1) {
    throw failure(VR_EUNSUPPORTED, "this device exports no memory: allocate without it");
  }

  auto allocation = std::make_shared<Allocation>();
  allocation->bytes = bytes_;
  allocation->shift = shift_;
  try {
    if (rounded > device.facts().total_bytes) { throw failure(VR_EVRAM, "the device has less memory than that"); }
    device.build_zeroed(rounded, exportable_, allocation->region);
    device.probe_enforcement(allocation->region);
    vr_allocation const report{device.handles().add(allocation), bytes_, rounded};
    outcome.set_report(report);
    outcome.undo = [&device, handle = report.handle] { discard(device, handle); };
  } catch (...) {
    auto broken = current_failure();
    if (!allocation->region.empty()) {
      try {
        device.give_back_region(allocation->region);
      } catch (Failure const&) {
        // The first failure is the one to tell.
      }
    }
    if (broken.error.status == VR_EVRAM) { add_numbers(broken, device, rounded); }
    throw broken;
  }
  return Step::ended;
}

Step Free::step(Device& device)
{
  device.give_back_region(uses.front().allocation->region);
  return Step::ended;
}

bool Free::settled(Device& device) noexcept
{
  // Only after a lost device, or when giving back has failed. Whatever is left is tried once, whatever becomes of it.
  try {
    auto& region = uses.front().allocation->region;
    if (!region.empty()) { device.give_back_region(region); }
  } catch (...) {
  }
  return true;
}

Step Protect::step(Device& device)
{
  auto& allocation = *uses.front().allocation;
  if (device.kind().enforces) {
    device.check(set_access(device.kind(), allocation.region,
                            access_ == VR_ACCESS_READ ? cu::kAccessRead : cu::kAccessReadWrite),
                 "cuMemSetAccess");
  }
  allocation.access = access_;
  return Step::ended;
}

Step Read::step(Device& device)
{
  if (bytes_ == 0) { return Step::ended; }
  SlotLease slot{device};
  slot->dirty = bytes_;
  device.check(device.driver().cuMemcpyDtoHAsync_v2(slot->data, uses.front().allocation->address() + offset_, bytes_,
                                                    device.stream(0)),
               "cuMemcpyDtoHAsync");
  device.check(device.driver().cuStreamSynchronize(device.stream(0)), "cuStreamSynchronize");
  slot.copied();
  PrivateBytes data{bytes_};
  std::memcpy(data.data(), slot->data, bytes_);
  outcome.parts[VR_PART_DATA] = std::move(data);
  return Step::ended;
}

Step Write::step(Device& device)
{
  auto const& allocation = *uses.front().allocation;
  require_writable(allocation);
  if (data_.size() == 0) { return Step::ended; }
  SlotLease slot{device};
  slot->dirty = data_.size();
  std::memcpy(slot->data, data_.data(), data_.size());
  device.check(device.driver().cuMemcpyHtoDAsync_v2(allocation.address() + offset_, slot->data, data_.size(),
                                                    device.stream(0)),
               "cuMemcpyHtoDAsync");
  device.check(device.driver().cuStreamSynchronize(device.stream(0)), "cuStreamSynchronize");
  slot.copied();
  return Step::ended;
}

Step Export::step(Device& device)
{
  auto const& region = uses.front().allocation->region;
  require(region.exportable, VR_EUNSUPPORTED, "the allocation was not made exportable");
  std::int32_t descriptor = -1;
  device.check(device.driver().cuMemExportToShareableHandle(&descriptor, region.handle, cu::kHandlePosixDescriptor, 0),
               "cuMemExportToShareableHandle", Purpose::allocation);
  outcome.set_report(descriptor);
  outcome.undo = [descriptor] { ::close(descriptor); };
  return Step::ended;
}

void discard(Device& device, std::uint64_t handle) noexcept
{
  try {
    auto allocation = device.handles().find(handle);
    allocation->freed.store(true, std::memory_order_relaxed);
    device.worker().submit(std::make_shared<Free>(std::make_shared<Ticket>(), allocation));
    device.handles().remove(handle);
  } catch (...) {
    // It stays where stopping the device finds it.
  }
}

}  // namespace vram_residency
