// SPDX-License-Identifier: Apache-2.0
/// The queue and the thread of one device.
#pragma once

#include <condition_variable>
#include <functional>
#include <optional>
#include <thread>

#include "operation.h"

namespace vram_residency {

class Worker {
 public:
  Worker(Device& device, Tickets& tickets, Clock::duration idle_after);
  /// Ends the thread, if `stop` has not.
  ~Worker();
  Worker(Worker const&) = delete;
  Worker& operator=(Worker const&) = delete;

  /// Starts the thread, which first calls `prepare` and last `finish`.
  void start(std::function<void()> prepare, std::function<void()> finish);
  /// Queues work. @throws VR_EBUSY, VR_ECLOSED, VR_EDEVICE_LOST.
  void submit(std::shared_ptr<Operation> operation);
  /// Makes the thread look around.
  void nudge();
  /// Cancels everything, and ends the thread.
  void stop();

 private:
  using Operations = std::vector<std::shared_ptr<Operation>>;

  void work();
  std::optional<Failure> reason_to_end(Operation const& operation, Clock::time_point now) const;
  std::shared_ptr<Operation> choose(Clock::time_point now);
  void take_turn(Operation& operation);
  bool step(Operation& operation);
  void end(Operation& operation);
  void wait(std::unique_lock<std::mutex>& lock);

  Device& device_;
  Tickets& tickets_;
  Clock::duration idle_after_;
  std::mutex mutex_;
  std::condition_variable changed_;
  /// In the order of submission.
  Operations queue_;
  bool nudged_ = false;
  bool stopping_ = false;
  std::uint64_t turns_ = 0;
  /// When the ring is to be given back; nothing when it is in use or gone.
  std::optional<Clock::time_point> release_at_;
  std::thread thread_;
};

}  // namespace vram_residency
