// SPDX-License-Identifier: Apache-2.0
#include "pool.h"

#include <system_error>

namespace vram_residency {

Pool::~Pool()
{
  {
    std::scoped_lock const lock{mutex_};
    stopping_ = true;
  }
  changed_.notify_all();
  for (auto& thread : threads_) { thread.join(); }
}

void Pool::run(std::function<void()> task)
{
  {
    std::scoped_lock const lock{mutex_};
    while (threads_.size() < wanted_) {
      try {
        threads_.emplace_back([this] { work(); });
      } catch (std::system_error const&) {
        if (threads_.empty()) { throw; }
        // Fewer threads do the same work.
        wanted_ = static_cast<unsigned>(threads_.size());
      }
    }
    tasks_.push_back(std::move(task));
  }
  changed_.notify_one();
}

void Pool::work()
{
  std::unique_lock lock{mutex_};
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
    if (tasks_.empty()) { return; }
    auto task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
    task = nullptr;
    lock.lock();
  }
}

}  // namespace vram_residency
