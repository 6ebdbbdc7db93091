// SPDX-License-Identifier: Apache-2.0
#include "wipe.h"

#include <algorithm>

#include "operations.h"

namespace vram_residency {

namespace {

/// Of one launch: about a millisecond on a large device.
constexpr std::uint64_t kZeroSlice = 4ull << 30;
/// Threads go over a slice together; more than these find no room on any device.
constexpr std::uint64_t kZeroThreads = 1u << 19;

}  // namespace

Wipe::Wipe(std::shared_ptr<Ticket> its_ticket, std::shared_ptr<Allocation> allocation)
    : ReadBack{std::move(its_ticket), false}
{
  uses.push_back({std::move(allocation), true});
}

Wipe::Where Wipe::decide(Device& device)
{
  if (!device.kernels().loaded()) { return Where::host; }
  if (!take_slots(device, 1)) { return Where::undecided; }
  try {
    scratch_.allocate(device, sizeof(kernels::ZeroReport));
  } catch (Failure const& broken) {
    if (broken.error.status == VR_EDEVICE_LOST) { throw; }
    put_slots(device);
    return Where::host;
  }
  begin(device);
  return Where::device;
}

Step Wipe::step(Device& device)
{
  if (where_ == Where::undecided) {
    require_writable(*uses.front().allocation);
    where_ = decide(device);
    if (where_ == Where::undecided) { return Step::waiting; }
  }
  if (where_ == Where::host) { return ReadBack::step(device); }
  bool landed = false;
  if (under_way_ != 0 && arrived(device, *slots().front())) {
    collect(device);
    landed = true;
  }
  if (checked_.load() == bytes_ahead()) {
    put_slots(device);
    scratch_.release(device);
    finish(device);
    return Step::ended;
  }
  if (under_way_ == 0) { launch(device); }
  return landed ? Step::again : Step::device;
}

void Wipe::block(Device& device)
{
  if (where_ != Where::device) { return ReadBack::block(device); }
  device.check(device.driver().cuEventSynchronize(slots().front()->event), "cuEventSynchronize");
}

bool Wipe::settled(Device& device) noexcept
{
  if (!ReadBack::settled(device)) { return false; }
  scratch_.abandon(device);
  return true;
}

/// Sends a report of zeros, lets the kernel add to it, and fetches it over poison.
void Wipe::launch(Device& device)
{
  auto const& driver = device.driver();
  auto& slot = *slots().front();
  auto const done = checked_.load();
  kernels::ZeroReport const zeros{};
  constexpr std::size_t kBack = sizeof zeros;
  slot.dirty = std::max(slot.dirty, kBack + sizeof zeros);
  std::memcpy(slot.data, &zeros, sizeof zeros);
  std::memset(slot.data + kBack, kPoison, sizeof zeros);
  under_way_ = std::min(kZeroSlice, bytes_ahead() - done);
  auto* const stream = device.stream(0);
  device.check(driver.cuMemcpyHtoDAsync_v2(scratch_.address(), slot.data, sizeof zeros, stream), "cuMemcpyHtoDAsync");
  kernels::ZeroArguments const arguments{uses.front().allocation->region.address + done, under_way_, scratch_.address()};
  device.kernels().launch(driver, Kernel::zero_check, std::min(kZeroThreads, under_way_ / 16), stream, arguments);
  device.check(driver.cuMemcpyDtoHAsync_v2(slot.data + kBack, scratch_.address(), sizeof zeros, stream), "cuMemcpyDtoHAsync");
  device.check(driver.cuEventRecord(slot.event, stream), "cuEventRecord");
}

void Wipe::collect(Device& device)
{
  kernels::ZeroReport report;
  std::memcpy(&report, slots().front()->data + sizeof report, sizeof report);
  if (report.checked_bytes != under_way_) { throw_unwritten("not all that was wiped was looked at"); }
  non_zero_.fetch_add(report.non_zero_bytes, std::memory_order_relaxed);
  checked_.fetch_add(under_way_, std::memory_order_relaxed);
  advance(device, under_way_);
  under_way_ = 0;
}

void Wipe::begin(Device& device)
{
  auto const& allocation = *uses.front().allocation;
  require_writable(allocation);
  auto const& region = allocation.region;
  device.check(device.driver().cuMemsetD8Async(region.address, 0, region.bytes, device.stream(0)), "cuMemsetD8Async");
  // Before anything is read back, and before anybody may free it.
  device.check(device.driver().cuStreamSynchronize(device.stream(0)), "cuStreamSynchronize");
  set_range(region.address, region.bytes);
}

void Wipe::consume(std::uint64_t, std::uint8_t const* data, std::size_t bytes)
{
  std::uint64_t found = 0;
  for (std::size_t at = 0; at < bytes; at += 1) { found += data[at] != 0; }
  checked_.fetch_add(bytes, std::memory_order_relaxed);
  non_zero_.fetch_add(found, std::memory_order_relaxed);
}

void Wipe::finish(Device&)
{
  outcome.set_report(vr_wipe_report{uses.front().allocation->region.bytes, checked_.load(), non_zero_.load()});
}

}  // namespace vram_residency
