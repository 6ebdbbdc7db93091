// SPDX-License-Identifier: Apache-2.0
/// Live allocations of one device, by slot and generation.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "memory.h"

namespace vram_residency {

/// One allocation. `region` and `access` belong to the device's worker; the rest never changes.
struct Allocation {
  std::uint64_t handle = 0;
  std::uint64_t bytes = 0;
  /// How far into the region it begins.
  std::uint64_t shift = 0;
  Region region;
  std::int32_t access = VR_ACCESS_READ_WRITE;
  /// Its free was asked for: what can be left off is.
  std::atomic<bool> freed{false};

  cu::DevicePointer address() const noexcept { return region.address + shift; }
};

/// The table of handles. Safe from any thread.
class Handles {
 public:
  /// Gives the allocation a handle: a free slot, under a generation it never had.
  std::uint64_t add(std::shared_ptr<Allocation> allocation);
  /// @throws VR_ESTALE.
  std::shared_ptr<Allocation> find(std::uint64_t handle) const;
  /// Makes the handle stale. @throws VR_ESTALE.
  std::shared_ptr<Allocation> remove(std::uint64_t handle);
  /// Makes every handle stale.
  std::vector<std::shared_ptr<Allocation>> remove_all();

 private:
  struct Entry {
    std::uint32_t generation = 0;
    std::shared_ptr<Allocation> allocation;
  };

  Entry const& live(std::uint64_t handle) const;

  mutable std::mutex mutex_;
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> free_;
};

}  // namespace vram_residency
