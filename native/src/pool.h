// SPDX-License-Identifier: Apache-2.0
/// A few threads that read, hash and compare. They never call the driver.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace vram_residency {

class Pool {
 public:
  explicit Pool(unsigned threads) : wanted_{threads} {}
  /// Does what is queued, then ends.
  ~Pool();
  Pool(Pool const&) = delete;
  Pool& operator=(Pool const&) = delete;

  /// Queues a task, which must not throw. Starts the threads with the first one.
  /// @throws std::system_error when the system has no thread at all.
  void run(std::function<void()> task);

 private:
  void work();

  unsigned wanted_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;
  std::vector<std::thread> threads_;
  bool stopping_ = false;
};

}  // namespace vram_residency
