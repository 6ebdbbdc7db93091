// SPDX-License-Identifier: Apache-2.0
/// Many equal tasks over a few threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace vram_residency::digest {

/**
 * Calls `task(i, worker)` for each i below `count`, each once, on `threads` threads; the caller is worker 0.
 *
 * Stops early when a task returns false or throws; the first exception is thrown again here, when all threads have
 * ended. Fewer threads do the work when the system has no more.
 *
 * @param threads  at least 1; more than `count` are not started
 */
template <typename Task>
void run_parallel(unsigned threads, std::size_t count, Task const& task)
{
  std::atomic<std::size_t> next{0};
  std::atomic<bool> stopped{false};
  std::exception_ptr failure;
  std::mutex failure_lock;

  auto const work = [&](std::size_t worker) noexcept {
    try {
      while (!stopped.load(std::memory_order_relaxed)) {
        auto const index = next.fetch_add(1, std::memory_order_relaxed);
        if (index >= count) { return; }
        if (!task(index, worker)) { break; }
      }
    } catch (...) {
      std::scoped_lock const lock{failure_lock};
      if (!failure) { failure = std::current_exception(); }
    }
    stopped.store(true, std::memory_order_relaxed);
  };

  std::vector<std::thread> helpers;
  auto const wanted = std::min<std::size_t>(threads, count);
  helpers.reserve(wanted);
  try {
    while (helpers.size() + 1 < wanted) { helpers.emplace_back(work, helpers.size() + 1); }
  } catch (std::system_error const&) {
    // No further thread: the work is done all the same.
  }
  work(0);
  for (auto& helper : helpers) { helper.join(); }
  if (failure) { std::rethrow_exception(failure); }
}

}  // namespace vram_residency::digest
