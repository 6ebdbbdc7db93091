// SPDX-License-Identifier: Apache-2.0
#include "worker.h"

#include <algorithm>
#include <unordered_map>

#include "device.h"

namespace vram_residency {

namespace {

/// Who uses an allocation, among the work that was submitted earlier.
struct Users {
  Operation* writer = nullptr;
  std::vector<Operation*> readers;
};

}  // namespace

Worker::Worker(Device& device, Tickets& tickets, Clock::duration idle_after)
    : device_{device}, tickets_{tickets}, idle_after_{idle_after}
{
}

Worker::~Worker() { stop(); }

void Worker::start(std::function<void()> prepare, std::function<void()> finish)
{
  thread_ = std::thread{[this, prepare = std::move(prepare), finish = std::move(finish)] {
    prepare();
    work();
    finish();
  }};
}

void Worker::submit(std::shared_ptr<Operation> operation)
{
  device_.require_live();
  {
    std::scoped_lock const lock{mutex_};
    require(!stopping_, VR_ECLOSED, "the context is closing");
    require(queue_.size() < VR_QUEUE_MAX, VR_EBUSY, "too much work is under way on this device");
    queue_.push_back(std::move(operation));
    nudged_ = true;
  }
  changed_.notify_one();
}

void Worker::nudge()
{
  {
    std::scoped_lock const lock{mutex_};
    nudged_ = true;
  }
  changed_.notify_one();
}

void Worker::stop()
{
  {
    std::scoped_lock const lock{mutex_};
    stopping_ = true;
    nudged_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) { thread_.join(); }
}

void Worker::work()
{
  std::unique_lock lock{mutex_};
  for (;;) {
    nudged_ = false;
    auto const operation = choose(Clock::now());
    if (operation == nullptr) {
      if (stopping_ && queue_.empty()) { return; }
      if (!nudged_) { wait(lock); }
      continue;
    }
    lock.unlock();
    take_turn(*operation);
    lock.lock();
  }
}

std::optional<Failure> Worker::reason_to_end(Operation const& operation, Clock::time_point now) const
{
  if (device_.lost()) { return device_.lost_failure(); }
  if (operation.must_be_done()) { return std::nullopt; }
  if (operation.ticket->cancelled.load(std::memory_order_relaxed)) {
    return failure(VR_ECANCELLED, "the work was cancelled");
  }
  if (stopping_) { return failure(VR_ECANCELLED, "the context is closing"); }
  if (operation.ticket->overdue(now)) { return failure(VR_EDEADLINE, "the deadline has passed"); }
  if (operation.ends_on_free()) {
    for (auto const& use : operation.uses) {
      if (use.allocation->freed.load(std::memory_order_relaxed)) {
        return failure(VR_ESTALE, "the allocation was freed");
      }
    }
  }
  return std::nullopt;
}

std::shared_ptr<Operation> Worker::choose(Clock::time_point now)
{
  std::unordered_map<Allocation const*, Users> users;
  std::shared_ptr<Operation> best;
  std::shared_ptr<Operation> best_background;
  std::shared_ptr<Operation> best_at_device;
  std::vector<Operation const*> waited_for;
  std::vector<std::shared_ptr<Operation>> background;
  auto const earlier = [](std::shared_ptr<Operation> const& a, std::shared_ptr<Operation> const& b) {
    return b == nullptr || a->last_turn_ < b->last_turn_;
  };

  for (auto const& one : queue_) {
    bool blocked = false;
    for (auto const& use : one->uses) {
      auto& known = users[use.allocation.get()];
      auto const wait_for = [&](Operation* other) {
        blocked = true;
        if (!one->background) { waited_for.push_back(other); }
      };
      if (!one->begun_) {
        if (known.writer != nullptr) { wait_for(known.writer); }
        if (use.writes) {
          for (auto* const reader : known.readers) { wait_for(reader); }
        }
      }
      if (use.writes) {
        known.writer = one.get();
      } else {
        known.readers.push_back(one.get());
      }
    }

    if (!one->failed_) {
      if (auto const reason = reason_to_end(*one, now)) {
        one->failed_ = true;
        one->outcome.error = reason->error;
        one->wake();
      }
    }
    if (blocked && !one->failed_) { continue; }
    if (!one->awake_.load(std::memory_order_acquire)) {
      if (one->at_device_ && earlier(one, best_at_device)) { best_at_device = one; }
      continue;
    }
    if (one->background && !one->failed_) {
      background.push_back(one);
    } else if (earlier(one, best)) {
      best = one;
    }
  }
  for (auto const& one : background) {
    // Foreground work that waits for background work makes it foreground work.
    auto const wanted = std::find(waited_for.begin(), waited_for.end(), one.get()) != waited_for.end();
    auto& among = wanted ? best : best_background;
    if (earlier(one, among)) { among = one; }
  }

  auto chosen = best != nullptr ? best : best_background != nullptr ? best_background : best_at_device;
  if (chosen == nullptr) { return nullptr; }
  turns_ += 1;
  chosen->last_turn_ = turns_;
  return chosen;
}

void Worker::take_turn(Operation& operation)
{
  auto const blocks = !operation.awake_.load(std::memory_order_acquire);
  operation.begun_ = true;
  operation.at_device_ = false;
  operation.ticket->running.store(true, std::memory_order_relaxed);
  try {
    if (blocks) { operation.block(device_); }
    if (!operation.failed_) {
      if (step(operation)) { end(operation); }
      return;
    }
  } catch (...) {
    auto const broken = current_failure();
    if (broken.error.status == VR_EDEVICE_LOST) { device_.poison(broken); }
    if (!operation.failed_) {
      operation.failed_ = true;
      operation.outcome.error = broken.error;
    }
  }
  // Asleep before it looks, so that whoever finishes while it looks wakes it.
  operation.awake_.store(false, std::memory_order_release);
  if (operation.settled(device_)) { end(operation); }
}

/// @returns whether it is done.
bool Worker::step(Operation& operation)
{
  operation.awake_.store(false, std::memory_order_release);
  switch (operation.step(device_)) {
    case Step::ended:
      operation.outcome.error = failure(VR_OK, "").error;
      return true;
    case Step::again:
      operation.wake();
      return false;
    case Step::device:
      operation.at_device_ = true;
      return false;
    case Step::waiting:
      return false;
  }
  return false;
}

void Worker::end(Operation& operation)
{
  std::shared_ptr<Operation> last;
  {
    std::scoped_lock const lock{mutex_};
    auto const found = std::find_if(queue_.begin(), queue_.end(),
                                    [&](std::shared_ptr<Operation> const& one) { return one.get() == &operation; });
    last = std::move(*found);
    queue_.erase(found);
    // Slots may have come back, and turns may be free.
    for (auto const& one : queue_) { one->wake(); }
    release_at_ = device_.ring_idle() ? std::optional{Clock::now() + idle_after_} : std::nullopt;
  }
  if (operation.outcome.error.device == kNoDevice) {
    operation.outcome.error.device = static_cast<std::uint32_t>(device_.ordinal());
  }
  auto const ticket = operation.ticket;
  ticket->end(std::move(operation.outcome));
  tickets_.post(*ticket, VR_EVENT_ENDED);
}

void Worker::wait(std::unique_lock<std::mutex>& lock)
{
  auto until = release_at_.value_or(Clock::time_point::max());
  for (auto const& one : queue_) {
    auto const limit = one->ticket->deadline.load(std::memory_order_relaxed);
    if (limit != 0 && !one->failed_) { until = std::min(until, Clock::time_point{Clock::duration{limit}}); }
  }
  auto const woken = [this] { return nudged_; };
  if (until == Clock::time_point::max()) {
    changed_.wait(lock, woken);
  } else {
    changed_.wait_until(lock, until, woken);
  }
  if (release_at_ && Clock::now() >= *release_at_) {
    release_at_.reset();
    lock.unlock();
    device_.release_ring();
    lock.lock();
  }
}

}  // namespace vram_residency
