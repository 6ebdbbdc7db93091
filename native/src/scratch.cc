// SPDX-License-Identifier: Apache-2.0
#include "scratch.h"

namespace vram_residency {

void Scratch::allocate(Device& device, std::uint64_t bytes)
{
  device.check(device.driver().cuMemAlloc_v2(&address_, bytes), "cuMemAlloc", Purpose::allocation);
  bytes_ = bytes;
}

void Scratch::release(Device& device)
{
  if (bytes_ == 0) { return; }
  auto const& driver = device.driver();
  device.check(driver.cuMemsetD8Async(address_, 0, bytes_, device.stream(0)), "cuMemsetD8Async");
  device.check(driver.cuStreamSynchronize(device.stream(0)), "cuStreamSynchronize");
  device.check(driver.cuMemFree_v2(address_), "cuMemFree");
  bytes_ = 0;
}

void Scratch::abandon(Device& device) noexcept
{
  if (bytes_ == 0) { return; }
  auto const& driver = device.driver();
  if (driver.cuMemsetD8Async(address_, 0, bytes_, device.stream(0)) == cu::kSuccess) { device.quiesce(); }
  if (driver.cuMemFree_v2(address_) != cu::kSuccess) { driver.cuMemFree_v2(address_); }
  bytes_ = 0;
}

}  // namespace vram_residency
