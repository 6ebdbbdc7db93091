// SPDX-License-Identifier: Apache-2.0
#include "push_source.h"

#include <algorithm>

namespace vram_residency {

std::uint64_t PushSource::push(std::uint8_t const* data, std::uint64_t bytes)
{
  bool filled_one = false;
  bool too_long = false;
  std::uint64_t taken = 0;
  {
    std::scoped_lock const lock{mutex_};
    if (closed_) { throw Failure{why_}; }
    auto const most = std::min<std::uint64_t>(bytes, VR_SLOT_BYTES);
    if (bytes > 0 && (ended_ || bytes > total_ - accepted_)) { overlong_ = true; }
    too_long = overlong_;
    while (!too_long && taken < most) {
      if (current_.slot == nullptr) {
        if (free_.empty()) { break; }
        current_ = {free_.back(), accepted_, 0};
        free_.pop_back();
      }
      auto const wanted = std::min<std::uint64_t>(VR_SLOT_BYTES, total_ - current_.offset);
      auto const part = static_cast<std::size_t>(std::min(most - taken, wanted - current_.bytes));
      std::memcpy(current_.slot->data + current_.bytes, data + taken, part);
      current_.bytes += part;
      current_.slot->dirty = std::max(current_.slot->dirty, current_.bytes);
      taken += part;
      accepted_ += part;
      if (current_.bytes < wanted) { continue; }
      filled_.push_back(std::exchange(current_, {}));
      filled_one = true;
    }
    if (taken < bytes) { starved_ = true; }
  }
  if (filled_one || too_long) { rouse_(); }
  if (too_long) { throw overlong(); }
  require(taken > 0 || bytes == 0, VR_EAGAIN, "the staging ring has no room now");
  return taken;
}

void PushSource::end()
{
  {
    std::scoped_lock const lock{mutex_};
    ended_ = true;
  }
  rouse_();
}

std::uint64_t PushSource::room() const
{
  std::scoped_lock const lock{mutex_};
  if (closed_ || ended_ || overlong_) { return 0; }
  auto const current = current_.slot == nullptr ? 0 : VR_SLOT_BYTES - current_.bytes;
  return std::min<std::uint64_t>(total_ - accepted_, current + free_.size() * VR_SLOT_BYTES);
}

bool PushSource::offer(Slot* slot)
{
  std::scoped_lock const lock{mutex_};
  free_.push_back(slot);
  return std::exchange(starved_, false);
}

std::vector<PushSource::Filled> PushSource::collect()
{
  std::scoped_lock const lock{mutex_};
  return std::exchange(filled_, {});
}

bool PushSource::ended() const
{
  std::scoped_lock const lock{mutex_};
  return ended_;
}

void PushSource::require_sound() const
{
  std::scoped_lock const lock{mutex_};
  if (overlong_) { throw overlong(); }
  if (ended_ && accepted_ < total_) {
    throw source_failure(VR_REASON_TRUNCATED, "the source is shorter than the allocation: open it again");
  }
}

void PushSource::close(vr_error const& why) noexcept
{
  std::scoped_lock const lock{mutex_};
  closed_ = true;
  why_ = why;
  free_.clear();
  current_ = {};
  filled_.clear();
}

Failure PushSource::overlong() const
{
  return source_failure(VR_REASON_CHANGED, "the source is longer than the allocation: open it again");
}

}  // namespace vram_residency
