// SPDX-License-Identifier: Apache-2.0
/// The staging ring: the only host memory that ever holds weights, bounded, wiped after every use.
///
/// Belongs to the device's worker. What lies in a slot may be read and written by the task that has it.
#pragma once

#include <memory>
#include <vector>

#include "driver.h"

namespace vram_residency {

/// Leaves of one full slot.
inline constexpr std::size_t kSlotLeafBytes = VR_SLOT_BYTES / 4096 * 32;
/// Data, then its leaves: both go to the device by DMA.
inline constexpr std::size_t kSlotRoom = VR_SLOT_BYTES + kSlotLeafBytes;

struct Slot {
  std::uint8_t* data = nullptr;
  /// Most bytes of data that were in it since it was last wiped.
  std::size_t dirty = 0;
  cu::Event event = nullptr;
  bool pinned = false;

  std::uint8_t* leaves() noexcept { return data + VR_SLOT_BYTES; }
};

class Ring {
 public:
  /// @param most_bytes  bound on all slots together; at least two fit
  Ring(Driver const& driver, std::uint64_t most_bytes, bool pageable);
  ~Ring();
  Ring(Ring const&) = delete;
  Ring& operator=(Ring const&) = delete;

  /// How many slots could be taken now for as long as it takes. One is always left for copies that come and go at once.
  std::size_t available() const noexcept { return most_ - taken_ > 0 ? most_ - taken_ - 1 : 0; }
  /// Takes slots, allocating those that are not there yet. @throws VR_EHOST, or what the driver says; takes none then.
  std::vector<Slot*> take(std::size_t count);
  /// Wipes a slot and puts it back.
  void put(Slot* slot) noexcept;
  /// Gives every slot that nobody has back to the system.
  void release() noexcept;

  std::uint64_t staging_bytes() const noexcept { return taken_ * kSlotRoom; }
  std::uint64_t pinned_bytes() const noexcept;
  bool idle() const noexcept { return taken_ == 0 && !slots_.empty(); }
  bool pageable() const noexcept { return pageable_; }

 private:
  std::unique_ptr<Slot> make();
  void destroy(Slot& slot) noexcept;

  Driver const& driver_;
  std::size_t most_;
  bool pageable_;
  std::size_t taken_ = 0;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::vector<Slot*> free_;
};

}  // namespace vram_residency
