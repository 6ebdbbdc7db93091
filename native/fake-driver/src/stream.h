// SPDX-License-Identifier: Apache-2.0
// Streams: a queue and a thread each, so that work that was not ordered is not.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace vrfake {

class Stream;

/// A point in a stream: all work up to and with `sequence`.
struct Point {
  std::shared_ptr<Stream> stream;
  uint64_t sequence = 0;
};

class Stream : public std::enable_shared_from_this<Stream> {
 public:
  /// Starts the thread. It ends some time after finish(), when the queue is empty.
  static std::shared_ptr<Stream> start(uint64_t context, uint32_t device, unsigned flags, int priority);

  uint64_t const context;
  uint32_t const device;
  unsigned const flags;
  int const priority;

  /// Queues `work`, to run when everything in `after` has. Returns its sequence number.
  uint64_t submit(std::function<void()> work, std::vector<Point> after);
  uint64_t last_submitted();
  bool reached(uint64_t sequence);
  void wait_for(uint64_t sequence);
  void finish();

  Stream(uint64_t in_context, uint32_t on_device, unsigned with_flags, int with_priority)
      : context{in_context}, device{on_device}, flags{with_flags}, priority{with_priority}
  {
  }

 private:
  struct Work {
    std::function<void()> run;
    std::vector<Point> after;
  };

  void work_through();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Work> queue_;
  uint64_t submitted_ = 0;
  uint64_t completed_ = 0;
  bool finishing_ = false;
};

/// What cuEventRecord left behind.
struct Event {
  uint64_t context = 0;
  uint32_t device = 0;
  bool timed = true;
  Point point;
  /// Written by the stream's thread before the point is reached, read after it.
  std::shared_ptr<std::chrono::steady_clock::time_point> when;
};

}  // namespace vrfake
