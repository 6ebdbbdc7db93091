// SPDX-License-Identifier: Apache-2.0
#include "ticket.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace vram_residency {

namespace {

/// Never used twice in one process, so that the ticket of a closed context cannot name another's work.
std::uint64_t next_id() noexcept
{
  static std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

}  // namespace

void Ticket::end(Outcome outcome)
{
  std::function<void()> undo;
  {
    std::scoped_lock const lock{mutex_};
    outcome_ = std::move(outcome);
    if (abandoned_) { undo = std::exchange(outcome_.undo, nullptr); }
    ended_.store(true, std::memory_order_release);
  }
  if (undo) { undo(); }
}

void Ticket::abandon()
{
  std::function<void()> undo;
  {
    std::scoped_lock const lock{mutex_};
    abandoned_ = true;
    undo = std::exchange(outcome_.undo, nullptr);
  }
  cancelled.store(true, std::memory_order_relaxed);
  if (undo) { undo(); }
}

Tickets::Tickets()
{
  int ends[2];
  if (::pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) { throw system_failure(VR_EHOST, "pipe2", errno); }
  // The read end stays open here too, so that a caller who closes theirs early causes no SIGPIPE.
  read_end_ = ends[0];
  write_end_ = ends[1];
}

Tickets::~Tickets()
{
  ::close(write_end_);
  ::close(read_end_);
}

int Tickets::duplicate_read_end() const
{
  auto const copy = ::fcntl(read_end_, F_DUPFD_CLOEXEC, 3);
  if (copy < 0) { throw system_failure(VR_EHOST, "fcntl", errno); }
  return copy;
}

std::shared_ptr<Ticket> Tickets::create()
{
  auto ticket = std::make_shared<Ticket>();
  ticket->id = next_id();
  std::scoped_lock const lock{mutex_};
  live_.emplace(ticket->id, ticket);
  return ticket;
}

std::shared_ptr<Ticket> Tickets::find(std::uint64_t id)
{
  std::scoped_lock const lock{mutex_};
  auto const found = live_.find(id);
  require(found != live_.end(), VR_ESTALE, "no such ticket: it was freed, or never given");
  return found->second;
}

void Tickets::remove(std::uint64_t id)
{
  auto const ticket = find(id);
  {
    std::scoped_lock const lock{mutex_};
    live_.erase(id);
    if (pending_.erase(id) != 0) { std::erase(order_, id); }
  }
  ticket->abandon();
}

void Tickets::clear()
{
  std::scoped_lock const lock{mutex_};
  live_.clear();
  pending_.clear();
  order_.clear();
}

void Tickets::post(Ticket const& ticket, std::uint32_t what)
{
  std::scoped_lock const lock{mutex_};
  if (!live_.contains(ticket.id)) { return; }
  auto const [entry, added] = pending_.try_emplace(ticket.id, 0);
  entry->second |= what;
  if (added) { order_.push_back(ticket.id); }
  if (signalled_) { return; }
  signalled_ = true;
  // A full pipe is as good as one more byte: the reader has yet to look.
  char const byte = 1;
  [[maybe_unused]] auto const written = ::write(write_end_, &byte, 1);
}

std::uint32_t Tickets::drain(std::span<vr_event> into)
{
  std::scoped_lock const lock{mutex_};
  std::uint32_t count = 0;
  while (count < into.size() && !order_.empty()) {
    auto const id = order_.front();
    order_.pop_front();
    auto const found = pending_.find(id);
    if (found == pending_.end()) { continue; }
    into[count] = {id, found->second, 0};
    count += 1;
    pending_.erase(found);
  }
  if (count < into.size()) { signalled_ = false; }
  return count;
}

}  // namespace vram_residency
