// SPDX-License-Identifier: Apache-2.0
/// Device memory for what kernels write, held while one operation runs. Zeroed before it goes back.
#pragma once

#include "device.h"

namespace vram_residency {

class Scratch {
 public:
  /// @throws VR_EVRAM, VR_EALLOCATION.
  void allocate(Device& device, std::uint64_t bytes);
  /// Zeroes it and gives it back. Nothing may be under way in it. @throws What the driver says; it is still held then.
  void release(Device& device);
  /// The same after a failure: whatever still can be done.
  void abandon(Device& device) noexcept;

  cu::DevicePointer address() const noexcept { return address_; }

 private:
  cu::DevicePointer address_ = 0;
  std::uint64_t bytes_ = 0;
};

/// What a kernel's output holds before it is launched.
inline constexpr std::uint8_t kPoison = 0x6b;
inline constexpr std::uint32_t kPoisonWord = 0x6b6b6b6b;

}  // namespace vram_residency
