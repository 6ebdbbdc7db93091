// SPDX-License-Identifier: Apache-2.0
#include "staged.h"

#include <algorithm>

namespace vram_residency {

bool Staged::settled(Device& device) noexcept
{
  if (outstanding_.load(std::memory_order_acquire) != 0) { return false; }
  if (slots_.empty()) { return true; }
  auto const code = device.quiesce();
  if (is_sticky(code)) { device.poison(device.driver().driver_failure(code, "cuStreamSynchronize", Purpose::transfer)); }
  put_slots(device);
  return true;
}

bool Staged::take_slots(Device& device, std::size_t wanted)
{
  auto const count = std::min(wanted, device.ring().available());
  if (count == 0) { return false; }
  slots_ = device.ring().take(count);
  return true;
}

void Staged::put_slots(Device& device) noexcept
{
  for (auto* const slot : slots_) { device.ring().put(slot); }
  slots_.clear();
}

void Staged::run_task(Device& device, std::function<void()> task)
{
  outstanding_.fetch_add(1, std::memory_order_relaxed);
  try {
    // The operation lives until its last task has ended; the worker lives longer than the pool.
    device.pool().run([self = shared_from_this(), this, &worker = device.worker(), task = std::move(task)] {
      try {
        task();
      } catch (...) {
        std::scoped_lock const lock{failure_mutex_};
        if (!task_failed_.exchange(true)) { task_failure_ = current_failure(); }
      }
      outstanding_.fetch_sub(1, std::memory_order_acq_rel);
      rouse(worker);
    });
  } catch (...) {
    outstanding_.fetch_sub(1, std::memory_order_relaxed);
    throw;
  }
}

void Staged::rouse(Worker& worker) noexcept
{
  wake();
  worker.nudge();
}

void Staged::rethrow()
{
  if (!task_failed_.load(std::memory_order_acquire)) { return; }
  std::scoped_lock const lock{failure_mutex_};
  throw task_failure_;
}

void Staged::advance(Device& device, std::uint64_t bytes)
{
  ticket->bytes_done.fetch_add(bytes, std::memory_order_relaxed);
  device.tickets().post(*ticket, VR_EVENT_PROGRESS);
}

bool Staged::arrived(Device& device, Slot& slot) const
{
  auto const code = device.driver().cuEventQuery(slot.event);
  if (code == cu::kNotReady) { return false; }
  device.check(code, "cuEventQuery");
  return true;
}

}  // namespace vram_residency
