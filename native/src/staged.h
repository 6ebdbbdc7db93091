// SPDX-License-Identifier: Apache-2.0
/// What operations have in common that move bytes through the ring and hand them to the pool.
#pragma once

#include "device.h"

namespace vram_residency {

class Staged : public Operation {
 public:
  using Operation::Operation;

  bool settled(Device& device) noexcept override;

 protected:
  /// Takes up to `wanted` slots. @returns false when there are none now; a later turn asks again.
  bool take_slots(Device& device, std::size_t wanted);
  /// Wipes and puts back every slot. Nothing may be under way in them.
  void put_slots(Device& device) noexcept;

  /// Runs `task` on the pool; what it throws fails the operation at its next step. Wakes the operation when it is done.
  void run_task(Device& device, std::function<void()> task);
  /// Wakes the operation and its worker, from a task or from a caller.
  void rouse(Worker& worker) noexcept;
  /// @throws What a task has thrown.
  void rethrow();
  /// Counts bytes that are done, and tells the caller.
  void advance(Device& device, std::uint64_t bytes);

  /// Whether the device has done what was recorded in the slot's event. @throws What went wrong there.
  bool arrived(Device& device, Slot& slot) const;

  std::vector<Slot*> const& slots() const noexcept { return slots_; }

 private:
  std::vector<Slot*> slots_;
  std::atomic<std::uint32_t> outstanding_{0};
  std::atomic<bool> task_failed_{false};
  std::mutex failure_mutex_;
  Failure task_failure_;
};

/// A slot for as long as a synchronous copy takes.
class SlotLease {
 public:
  explicit SlotLease(Device& device) : device_{device}, slot_{device.ring().take(1).front()} {}
  ~SlotLease()
  {
    // After a failure the copy may still be under way: a slot is wiped when nobody writes into it any more.
    if (!copied_) { device_.quiesce(); }
    device_.ring().put(slot_);
  }
  SlotLease(SlotLease const&) = delete;
  SlotLease& operator=(SlotLease const&) = delete;
  Slot* operator->() const noexcept { return slot_; }
  /// The copy has come to its end.
  void copied() noexcept { copied_ = true; }

 private:
  Device& device_;
  Slot* slot_;
  bool copied_ = false;
};

}  // namespace vram_residency
