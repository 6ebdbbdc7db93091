// SPDX-License-Identifier: Apache-2.0
#include "memory.h"

namespace vram_residency {

void build_plain(MemoryKind const& kind, std::uint64_t bytes, Region& region)
{
  auto const& driver = *kind.driver;
  region.path = VR_PATH_PLAIN;
  region.bytes = bytes;
  driver.check(driver.cuMemAlloc_v2(&region.address, bytes), "cuMemAlloc", Purpose::allocation);
  region.mapped = true;
}

cu::Result give_back_plain(Driver const& driver, Region& region, char const*& operation) noexcept
{
  if (!region.mapped) { return cu::kSuccess; }
  operation = "cuMemFree";
  auto const code = driver.cuMemFree_v2(region.address);
  if (code == cu::kSuccess) { region.mapped = false; }
  return code;
}

}  // namespace vram_residency
