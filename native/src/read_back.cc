// SPDX-License-Identifier: Apache-2.0
#include "read_back.h"

#include <algorithm>

namespace vram_residency {

namespace {

constexpr std::size_t kSlots = 4;
constexpr std::size_t kBackgroundSlots = 2;

/**
 * Marks every page of what is to be overwritten, and its end.
 *
 * A copy that reports success and moves less leaves a mark, which no digest agrees with and no zero check passes; what
 * lay in the slot before cannot pass for what lies on the device.
 */
void mark(std::uint8_t* data, std::size_t bytes) noexcept
{
  constexpr std::size_t kPage = 4096;
  constexpr std::size_t kMark = 8;
  for (std::size_t at = 0; at < bytes; at += kPage) { std::memset(data + at, 0xa5, std::min(kMark, bytes - at)); }
  std::memset(data + bytes - std::min(kMark, bytes), 0x5a, std::min(kMark, bytes));
}

}  // namespace

Step ReadBack::step(Device& device)
{
  rethrow();
  if (!began_) {
    auto const chunks = (bytes_ahead() + VR_SLOT_BYTES - 1) / VR_SLOT_BYTES;
    auto const wanted = std::min<std::uint64_t>(chunks, background ? kBackgroundSlots : kSlots);
    if (wanted > 0 && !take_slots(device, wanted)) { return Step::waiting; }
    began_ = true;
    begin(device);
    free_ = slots();
  }
  fetch(device);
  auto const landed = land(device);
  give(device);
  auto const retired = retire(device);
  if (done_ == total_) {
    put_slots(device);
    finish(device);
    return Step::ended;
  }
  if (landed || retired) { return Step::again; }
  auto const flying = std::any_of(chunks_.begin(), chunks_.end(), [](Chunk const& chunk) { return !chunk.landed; });
  return flying ? Step::device : Step::waiting;
}

void ReadBack::block(Device& device)
{
  for (auto const& chunk : chunks_) {
    if (chunk.landed) { continue; }
    device.check(device.driver().cuEventSynchronize(chunk.slot->event), "cuEventSynchronize");
    return;
  }
}

void ReadBack::fetch(Device& device)
{
  auto const& driver = device.driver();
  while (!free_.empty() && fetched_ < total_) {
    auto* const slot = free_.back();
    free_.pop_back();
    auto const bytes = static_cast<std::size_t>(std::min<std::uint64_t>(VR_SLOT_BYTES, total_ - fetched_));
    auto& chunk = chunks_.emplace_back();
    chunk.slot = slot;
    chunk.offset = fetched_;
    chunk.bytes = bytes;
    slot->dirty = std::max(slot->dirty, bytes);
    mark(slot->data, bytes);
    auto* const stream = device.stream(fetched_ / VR_SLOT_BYTES);
    device.check(driver.cuMemcpyDtoHAsync_v2(slot->data, address_ + fetched_, bytes, stream), "cuMemcpyDtoHAsync");
    device.check(driver.cuEventRecord(slot->event, stream), "cuEventRecord");
    fetched_ += bytes;
  }
}

bool ReadBack::land(Device& device)
{
  bool any = false;
  for (auto& chunk : chunks_) {
    if (chunk.landed) { continue; }
    if (!arrived(device, *chunk.slot)) { break; }
    chunk.landed = true;
    any = true;
  }
  return any;
}

void ReadBack::give(Device& device)
{
  for (auto& chunk : chunks_) {
    if (!chunk.landed) { return; }
    if (!chunk.given) {
      chunk.given = true;
      run_task(device, [this, &chunk] {
        consume(chunk.offset, chunk.slot->data, chunk.bytes);
        chunk.consumed.store(true, std::memory_order_release);
      });
    }
    if (in_order_ && !chunk.consumed.load(std::memory_order_acquire)) { return; }
  }
}

bool ReadBack::retire(Device& device)
{
  bool any = false;
  while (!chunks_.empty() && chunks_.front().consumed.load(std::memory_order_acquire)) {
    auto const& chunk = chunks_.front();
    free_.push_back(chunk.slot);
    done_ += chunk.bytes;
    advance(device, chunk.bytes);
    chunks_.pop_front();
    any = true;
  }
  return any;
}

}  // namespace vram_residency
