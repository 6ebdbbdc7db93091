// SPDX-License-Identifier: Apache-2.0
/// Tickets: what the caller holds of a piece of work, and the events that wake it.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>
#include <vector>

#include "errors.h"

namespace vram_residency {

using Clock = std::chrono::steady_clock;

/// Bytes that may be weights: overwritten before they are given back.
class PrivateBytes {
 public:
  PrivateBytes() = default;
  PrivateBytes(PrivateBytes&& other) noexcept : bytes_{std::move(other.bytes_)} { other.bytes_.clear(); }
  PrivateBytes& operator=(PrivateBytes&& other) noexcept
  {
    wipe();
    bytes_ = std::move(other.bytes_);
    other.bytes_.clear();
    return *this;
  }
  explicit PrivateBytes(std::size_t length) : bytes_(length) {}
  explicit PrivateBytes(std::vector<std::uint8_t> bytes) noexcept : bytes_{std::move(bytes)} {}
  ~PrivateBytes() { wipe(); }

  std::uint8_t* data() noexcept { return bytes_.data(); }
  std::uint8_t const* data() const noexcept { return bytes_.data(); }
  std::size_t size() const noexcept { return bytes_.size(); }

 private:
  void wipe() noexcept
  {
    if (!bytes_.empty()) { ::explicit_bzero(bytes_.data(), bytes_.size()); }
  }

  std::vector<std::uint8_t> bytes_;
};

inline constexpr std::size_t kParts = 4;

/// What work leaves behind when it ends.
struct Outcome {
  vr_error error{};
  /// The report struct, byte for byte.
  std::vector<std::uint8_t> report;
  std::array<PrivateBytes, kParts> parts;
  /// Gives back what the report names, when nobody took it.
  std::function<void()> undo;

  template <typename Report>
  void set_report(Report const& value)
  {
    auto const* bytes = reinterpret_cast<std::uint8_t const*>(&value);
    report.assign(bytes, bytes + sizeof value);
  }
  void set_part(std::uint32_t part, std::string_view text)
  {
    parts[part] = PrivateBytes{std::vector<std::uint8_t>{text.begin(), text.end()}};
  }
};

class PushSource;
class Tickets;

/// One piece of work as its caller sees it. Written by the thread that does the work, read by any.
class Ticket {
 public:
  std::uint64_t id = 0;
  std::atomic<std::uint64_t> bytes_done{0};
  std::atomic<std::uint64_t> bytes_total{0};
  std::atomic<bool> running{false};
  std::atomic<bool> cancelled{false};
  /// Clock ticks since its epoch; 0: no deadline.
  std::atomic<Clock::rep> deadline{0};
  /// Set for an ingest that is pushed; never changes after submission.
  std::shared_ptr<PushSource> push;

  bool ended() const noexcept { return ended_.load(std::memory_order_acquire); }
  bool overdue(Clock::time_point now) const noexcept
  {
    auto const limit = deadline.load(std::memory_order_relaxed);
    return limit != 0 && now.time_since_epoch().count() >= limit;
  }

  /// Keeps the outcome. Called once.
  void end(Outcome outcome);

  /// Calls `read` with the outcome. @throws VR_EAGAIN unless the work has ended.
  template <typename Read>
  void with_outcome(Read&& read)
  {
    require(ended(), VR_EAGAIN, "the work has not ended");
    std::scoped_lock const lock{mutex_};
    read(outcome_);
  }

  /// The caller has forgotten it. Undoes what was not taken.
  void abandon();

 private:
  std::mutex mutex_;
  std::atomic<bool> ended_{false};
  bool abandoned_ = false;
  Outcome outcome_;
};

/// All tickets of a context, their events, and the wake-up pipe.
class Tickets {
 public:
  /// @throws VR_EHOST when there is no pipe to be had.
  Tickets();
  ~Tickets();
  Tickets(Tickets const&) = delete;
  Tickets& operator=(Tickets const&) = delete;

  /// A descriptor of the read end, for the caller to own.
  int duplicate_read_end() const;

  std::shared_ptr<Ticket> create();
  /// @throws VR_ESTALE.
  std::shared_ptr<Ticket> find(std::uint64_t id);
  /// Forgets one. @throws VR_ESTALE.
  void remove(std::uint64_t id);
  /// Forgets all.
  void clear();

  void post(Ticket const& ticket, std::uint32_t what);
  std::uint32_t drain(std::span<vr_event> into);

 private:
  std::mutex mutex_;
  std::unordered_map<std::uint64_t, std::shared_ptr<Ticket>> live_;
  std::unordered_map<std::uint64_t, std::uint32_t> pending_;
  std::deque<std::uint64_t> order_;
  bool signalled_ = false;
  int read_end_ = -1;
  int write_end_ = -1;
};

}  // namespace vram_residency
