// SPDX-License-Identifier: Apache-2.0
#include "stream.h"

#include <thread>

namespace vrfake {

std::shared_ptr<Stream> Stream::start(uint64_t context, uint32_t device, unsigned flags, int priority)
{
  auto stream = std::make_shared<Stream>(context, device, flags, priority);
  std::thread{[stream] { stream->work_through(); }}.detach();
  return stream;
}

uint64_t Stream::submit(std::function<void()> work, std::vector<Point> after)
{
  std::scoped_lock const lock{mutex_};
  queue_.push_back({std::move(work), std::move(after)});
  changed_.notify_all();
  return ++submitted_;
}

uint64_t Stream::last_submitted()
{
  std::scoped_lock const lock{mutex_};
  return submitted_;
}

bool Stream::reached(uint64_t sequence)
{
  std::scoped_lock const lock{mutex_};
  return completed_ >= sequence;
}

void Stream::wait_for(uint64_t sequence)
{
  std::unique_lock lock{mutex_};
  changed_.wait(lock, [&] { return completed_ >= sequence; });
}

void Stream::finish()
{
  std::scoped_lock const lock{mutex_};
  finishing_ = true;
  changed_.notify_all();
}

void Stream::work_through()
{
  std::unique_lock lock{mutex_};
  for (;;) {
    changed_.wait(lock, [&] { return finishing_ || !queue_.empty(); });
    if (queue_.empty()) return;
    {
      auto const next = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      for (auto const& [stream, sequence] : next.after) stream->wait_for(sequence);
      next.run();
    }
    lock.lock();
    ++completed_;
    changed_.notify_all();
  }
}

}  // namespace vrfake
