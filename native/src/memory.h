// SPDX-License-Identifier: Apache-2.0
/// Device memory, on either path. Called on a thread whose current context is the device's.
#pragma once

#include "driver.h"

namespace vram_residency {

/// A range of device memory, and how much of it has been built. Whatever is set has to be given back.
struct Region {
  cu::DevicePointer address = 0;
  std::uint64_t bytes = 0;
  cu::AllocationHandle handle = 0;
  std::int32_t path = VR_PATH_VMM;
  bool reserved = false;
  bool created = false;
  bool mapped = false;
  bool exportable = false;

  bool empty() const noexcept { return !reserved && !created && !mapped; }
};

/// What memory of one device is made with.
struct MemoryKind {
  Driver const* driver = nullptr;
  int ordinal = 0;
  std::int32_t path = VR_PATH_VMM;
  std::uint64_t granularity = 0;
  /// Whether the driver enforces read-only access; false on the plain path.
  bool enforces = false;
};

/// Smallest unit we account for where the driver has none of its own to tell.
inline constexpr std::uint64_t kPlainGranularity = 2u << 20;

/// Pinned to the device: not migratable, which is what is wanted.
cu::AllocationProperties pinned_to(int ordinal, bool exportable) noexcept;

/// @throws VR_ECOPY.
std::uint64_t virtual_granularity(Driver const& driver, int ordinal);

/// Builds `region`, readable and writable, not yet zeroed. What was built before a failure is in it. @throws VR_EVRAM, VR_EALLOCATION.
void build_virtual(MemoryKind const& kind, std::uint64_t bytes, bool exportable, Region& region);
void build_plain(MemoryKind const& kind, std::uint64_t bytes, Region& region);

inline void build(MemoryKind const& kind, std::uint64_t bytes, bool exportable, Region& region)
{
  if (kind.path == VR_PATH_VMM) { return build_virtual(kind, bytes, exportable, region); }
  build_plain(kind, bytes, region);
}

/// Sets who may reach a whole virtual range. @returns the driver's answer.
cu::Result set_access(MemoryKind const& kind, Region const& region, int flags) noexcept;

/**
 * Gives back whatever of `region` is still there, each piece whatever became of the others.
 *
 * @returns the first failure, or success. What could not be given back is still in `region`, to be tried again.
 */
cu::Result give_back_virtual(Driver const& driver, Region& region, char const*& operation) noexcept;
cu::Result give_back_plain(Driver const& driver, Region& region, char const*& operation) noexcept;

inline cu::Result give_back(Driver const& driver, Region& region, char const*& operation) noexcept
{
  return region.path == VR_PATH_VMM ? give_back_virtual(driver, region, operation)
                                    : give_back_plain(driver, region, operation);
}

}  // namespace vram_residency
