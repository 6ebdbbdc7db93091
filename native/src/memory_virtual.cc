// SPDX-License-Identifier: Apache-2.0
#include "memory.h"

namespace vram_residency {

cu::AllocationProperties pinned_to(int ordinal, bool exportable) noexcept
{
  cu::AllocationProperties properties{};
  properties.type = cu::kTypePinned;
  properties.handle_types = exportable ? cu::kHandlePosixDescriptor : 0;
  properties.location = {cu::kLocationDevice, ordinal};
  return properties;
}

std::uint64_t virtual_granularity(Driver const& driver, int ordinal)
{
  auto const properties = pinned_to(ordinal, false);
  std::size_t bytes = 0;
  driver.check(driver.cuMemGetAllocationGranularity(&bytes, &properties, cu::kGranularityMinimum),
               "cuMemGetAllocationGranularity", Purpose::transfer);
  require(bytes >= 4096 && (bytes & (bytes - 1)) == 0, VR_ECOPY, "the driver gives no usable granularity");
  return bytes;
}

void build_virtual(MemoryKind const& kind, std::uint64_t bytes, bool exportable, Region& region)
{
  auto const& driver = *kind.driver;
  auto const properties = pinned_to(kind.ordinal, exportable);
  region.path = VR_PATH_VMM;
  region.bytes = bytes;
  region.exportable = exportable;
  driver.check(driver.cuMemAddressReserve(&region.address, bytes, 0, 0, 0), "cuMemAddressReserve",
               Purpose::allocation);
  region.reserved = true;
  driver.check(driver.cuMemCreate(&region.handle, bytes, &properties, 0), "cuMemCreate", Purpose::allocation);
  region.created = true;
  driver.check(driver.cuMemMap(region.address, bytes, 0, region.handle, 0), "cuMemMap", Purpose::allocation);
  region.mapped = true;
  driver.check(set_access(kind, region, cu::kAccessReadWrite), "cuMemSetAccess", Purpose::allocation);
}

cu::Result set_access(MemoryKind const& kind, Region const& region, int flags) noexcept
{
  cu::AccessDescriptor const descriptor{{cu::kLocationDevice, kind.ordinal}, flags};
  return kind.driver->cuMemSetAccess(region.address, region.bytes, &descriptor, 1);
}

cu::Result give_back_virtual(Driver const& driver, Region& region, char const*& operation) noexcept
{
  auto first = cu::kSuccess;
  auto const note = [&](cu::Result code, char const* name) {
    if (code != cu::kSuccess && first == cu::kSuccess) {
      first = code;
      operation = name;
    }
    return code == cu::kSuccess;
  };
  if (region.mapped && note(driver.cuMemUnmap(region.address, region.bytes), "cuMemUnmap")) { region.mapped = false; }
  if (region.created && note(driver.cuMemRelease(region.handle), "cuMemRelease")) { region.created = false; }
  // A reservation that is still mapped cannot go.
  if (region.reserved && !region.mapped &&
      note(driver.cuMemAddressFree(region.address, region.bytes), "cuMemAddressFree")) {
    region.reserved = false;
  }
  return first;
}

}  // namespace vram_residency
