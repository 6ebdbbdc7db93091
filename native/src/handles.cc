// SPDX-License-Identifier: Apache-2.0
#include "handles.h"

#include <limits>

namespace vram_residency {

namespace {

constexpr std::uint32_t slot_of(std::uint64_t handle) { return static_cast<std::uint32_t>(handle); }
constexpr std::uint32_t generation_of(std::uint64_t handle) { return static_cast<std::uint32_t>(handle >> 32); }

}  // namespace

std::uint64_t Handles::add(std::shared_ptr<Allocation> allocation)
{
  std::scoped_lock const lock{mutex_};
  std::uint32_t slot = 0;
  if (free_.empty()) {
    slot = static_cast<std::uint32_t>(entries_.size());
    // Room for its return, so that removing never needs memory.
    free_.reserve(entries_.size() + 1);
    entries_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  auto& entry = entries_[slot];
  entry.generation += 1;
  auto const handle = static_cast<std::uint64_t>(entry.generation) << 32 | slot;
  allocation->handle = handle;
  entry.allocation = std::move(allocation);
  return handle;
}

std::shared_ptr<Allocation> Handles::find(std::uint64_t handle) const
{
  std::scoped_lock const lock{mutex_};
  return live(handle).allocation;
}

std::shared_ptr<Allocation> Handles::remove(std::uint64_t handle)
{
  std::scoped_lock const lock{mutex_};
  live(handle);
  auto& entry = entries_[slot_of(handle)];
  // A slot that has had every generation is never used again.
  if (entry.generation < std::numeric_limits<std::uint32_t>::max()) { free_.push_back(slot_of(handle)); }
  return std::exchange(entry.allocation, nullptr);
}

std::vector<std::shared_ptr<Allocation>> Handles::remove_all()
{
  std::scoped_lock const lock{mutex_};
  std::vector<std::shared_ptr<Allocation>> all;
  for (auto& entry : entries_) {
    if (entry.allocation) { all.push_back(std::exchange(entry.allocation, nullptr)); }
  }
  free_.clear();
  return all;
}

Handles::Entry const& Handles::live(std::uint64_t handle) const
{
  auto const slot = slot_of(handle);
  auto const known = slot < entries_.size() && entries_[slot].allocation != nullptr &&
                     entries_[slot].generation == generation_of(handle);
  require(known, VR_ESTALE, "the allocation was freed, or is of another device");
  return entries_[slot];
}

}  // namespace vram_residency
