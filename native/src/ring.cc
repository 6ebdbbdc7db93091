// SPDX-License-Identifier: Apache-2.0
#include "ring.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>

namespace vram_residency {

Ring::Ring(Driver const& driver, std::uint64_t most_bytes, bool pageable)
    : driver_{driver}, most_{std::max<std::size_t>(2, most_bytes / kSlotRoom)}, pageable_{pageable}
{
  // Room for all of them, so that putting one back never needs memory.
  free_.reserve(most_);
  slots_.reserve(most_);
}

Ring::~Ring() { release(); }

std::vector<Slot*> Ring::take(std::size_t count)
{
  invariant(count <= most_ - taken_, "more slots were taken than the ring has");
  while (free_.size() < count) {
    slots_.push_back(make());
    free_.push_back(slots_.back().get());
  }
  std::vector<Slot*> taken(free_.end() - static_cast<std::ptrdiff_t>(count), free_.end());
  free_.resize(free_.size() - count);
  taken_ += count;
  return taken;
}

void Ring::put(Slot* slot) noexcept
{
  ::explicit_bzero(slot->data, slot->dirty);
  ::explicit_bzero(slot->leaves(), kSlotLeafBytes);
  slot->dirty = 0;
  taken_ -= 1;
  free_.push_back(slot);
}

void Ring::release() noexcept
{
  std::erase_if(slots_, [this](std::unique_ptr<Slot> const& slot) {
    if (std::find(free_.begin(), free_.end(), slot.get()) == free_.end()) { return false; }
    destroy(*slot);
    return true;
  });
  free_.clear();
}

std::uint64_t Ring::pinned_bytes() const noexcept
{
  auto const pinned = [](std::unique_ptr<Slot> const& slot) { return slot->pinned; };
  return static_cast<std::uint64_t>(std::count_if(slots_.begin(), slots_.end(), pinned)) * kSlotRoom;
}

std::unique_ptr<Slot> Ring::make()
{
  auto slot = std::make_unique<Slot>();
  if (!pageable_) {
    void* memory = nullptr;
    auto const code = driver_.cuMemHostAlloc(&memory, kSlotRoom, cu::kHostAllocPortable);
    // "Not supported" is what a host says that never pins, as in confidential computing; any other failure is one.
    pageable_ = code == cu::kNotSupported;
    if (!pageable_) {
      if (code == cu::kOutOfMemory) {
        auto refused = driver_.driver_failure(code, "cuMemHostAlloc", Purpose::transfer);
        refused.error.status = VR_EHOST;
        throw refused;
      }
      driver_.check(code, "cuMemHostAlloc", Purpose::transfer);
      slot->data = static_cast<std::uint8_t*>(memory);
      slot->pinned = true;
    }
  }
  if (slot->data == nullptr) {
    auto* const memory = ::mmap(nullptr, kSlotRoom, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) { throw system_failure(VR_EHOST, "mmap", errno); }
    slot->data = static_cast<std::uint8_t*>(memory);
    // Both are wishes: out of core dumps, and out of swap.
    ::madvise(memory, kSlotRoom, MADV_DONTDUMP);
    ::mlock(memory, kSlotRoom);
  }
  try {
    driver_.check(driver_.cuEventCreate(&slot->event, cu::kEventBlockingSync | cu::kEventDisableTiming),
                  "cuEventCreate", Purpose::transfer);
  } catch (...) {
    destroy(*slot);
    throw;
  }
  std::memset(slot->data, 0, kSlotRoom);
  return slot;
}

void Ring::destroy(Slot& slot) noexcept
{
  if (slot.event != nullptr) { driver_.cuEventDestroy_v2(slot.event); }
  if (slot.pinned) {
    driver_.cuMemFreeHost(slot.data);
  } else if (slot.data != nullptr) {
    ::munmap(slot.data, kSlotRoom);
  }
  slot = Slot{};
}

}  // namespace vram_residency
