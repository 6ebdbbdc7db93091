// SPDX-License-Identifier: Apache-2.0
#include "device.h"

#include <algorithm>
#include <future>

namespace vram_residency {

Device::Device(Driver const& driver, Nvml const& nvml, Tickets& tickets, int ordinal, DeviceOptions const& options)
    : driver_{driver},
      nvml_{nvml},
      tickets_{tickets},
      ordinal_{ordinal},
      options_{options},
      ring_{driver, options.staging_bytes, options.pageable},
      worker_{*this, tickets, options.idle_after},
      pool_{options.threads}
{
}

Device::~Device() = default;

void Device::start()
{
  try {
    open();
    set_facts(read_facts());
    std::promise<cu::Result> current;
    worker_.start([&] { current.set_value(driver_.cuCtxSetCurrent(context_)); }, [this] { wipe_everything(); });
    check(current.get_future().get(), "cuCtxSetCurrent");
  } catch (...) {
    worker_.stop();
    close();
    throw;
  }
  driver_.cuCtxSetCurrent(nullptr);
}

void Device::open()
{
  check(driver_.cuDeviceGet(&device_, ordinal_), "cuDeviceGet");
  check(driver_.cuDevicePrimaryCtxRetain(&context_, device_), "cuDevicePrimaryCtxRetain");
  check(driver_.cuCtxSetCurrent(context_), "cuCtxSetCurrent");

  // A driver that knows no such attribute has no such memory.
  auto const virtual_memory = attribute(cu::kVirtualMemory) == 1 && driver_.has_virtual_memory() && !options_.plain;
  kind_.driver = &driver_;
  kind_.ordinal = ordinal_;
  kind_.path = virtual_memory ? VR_PATH_VMM : VR_PATH_PLAIN;
  kind_.granularity = virtual_memory ? virtual_granularity(driver_, ordinal_) : kPlainGranularity;

  int least = 0;
  int greatest = 0;
  check(driver_.cuCtxGetStreamPriorityRange(&least, &greatest), "cuCtxGetStreamPriorityRange");
  for (auto& stream : streams_) {
    // The lowest priority: an engine beside us goes first.
    check(driver_.cuStreamCreateWithPriority(&stream, cu::kStreamNonBlocking, least), "cuStreamCreateWithPriority");
  }
}

void Device::stop()
{
  worker_.stop();
  close();
  if (stop_error_.status != VR_OK) { throw Failure{stop_error_}; }
}

void Device::close() noexcept
{
  if (context_ == nullptr) { return; }
  driver_.cuCtxSetCurrent(context_);
  kernels_.unload(driver_);
  for (auto& stream : streams_) {
    if (stream != nullptr) { driver_.cuStreamDestroy_v2(stream); }
    stream = nullptr;
  }
  driver_.cuCtxSetCurrent(nullptr);
  driver_.cuDevicePrimaryCtxRelease_v2(device_);
  context_ = nullptr;
}

KernelModule const& Device::kernels()
{
  auto const known = facts();
  kernels_.load(driver_, known.capability_major, known.capability_minor);
  return kernels_;
}

vr_device Device::facts() const
{
  std::scoped_lock const lock{mutex_};
  auto facts = facts_;
  facts.lost = lost() ? 1 : 0;
  return facts;
}

void Device::set_facts(vr_device const& facts)
{
  std::scoped_lock const lock{mutex_};
  facts_ = facts;
}

Failure Device::lost_failure() const
{
  std::scoped_lock const lock{mutex_};
  return lost_cause_;
}

void Device::require_live() const
{
  if (lost()) { throw lost_failure(); }
}

void Device::poison(Failure const& cause) noexcept
{
  std::scoped_lock const lock{mutex_};
  if (lost()) { return; }
  lost_cause_ = cause;
  lost_cause_.error.device = static_cast<std::uint32_t>(ordinal_);
  lost_.store(true, std::memory_order_release);
}

std::uint64_t Device::submit(std::shared_ptr<Operation> operation)
{
  auto const ticket = operation->ticket;
  try {
    worker_.submit(std::move(operation));
  } catch (...) {
    tickets_.remove(ticket->id);
    throw;
  }
  return ticket->id;
}

void Device::synchronise() const
{
  for (auto* const stream : streams_) { check(driver_.cuStreamSynchronize(stream), "cuStreamSynchronize"); }
}

cu::Result Device::quiesce() const noexcept
{
  auto first = cu::kSuccess;
  for (auto* const stream : streams_) {
    auto const code = driver_.cuStreamSynchronize(stream);
    if (code == cu::kSuccess) { continue; }
    if (first == cu::kSuccess) { first = code; }
    driver_.cuStreamSynchronize(stream);
  }
  return first;
}

vr_capacity Device::capacity() const
{
  std::size_t free = 0;
  std::size_t total = 0;
  check(driver_.cuMemGetInfo_v2(&free, &total), "cuMemGetInfo");
  vr_capacity capacity{};
  capacity.total_bytes = total;
  capacity.free_bytes = std::min(free, total);
  // The driver's own rounding must not make the sum come out below zero.
  capacity.ours_bytes = std::min<std::uint64_t>(ours_bytes_, total - capacity.free_bytes);
  capacity.foreign_bytes = total - capacity.free_bytes - capacity.ours_bytes;
  capacity.granularity_bytes = kind_.granularity;
  capacity.largest_bytes = capacity.free_bytes / kind_.granularity * kind_.granularity;
  capacity.staging_bytes = ring_.staging_bytes();
  capacity.pinned_bytes = ring_.pinned_bytes();
  return capacity;
}

void Device::build_zeroed(std::uint64_t rounded, bool exportable, Region& region)
{
  try {
    build(kind_, rounded, exportable, region);
    check(driver_.cuMemsetD8Async(region.address, 0, rounded, stream(0)), "cuMemsetD8Async");
    check(driver_.cuStreamSynchronize(stream(0)), "cuStreamSynchronize");
    ours_bytes_ += rounded;
  } catch (Failure& broken) {
    char const* operation = nullptr;
    quiesce();
    if (give_back(driver_, region, operation) != cu::kSuccess && give_back(driver_, region, operation) != cu::kSuccess) {
      keep(region);
      ours_bytes_ += rounded;
    }
    region = Region{};
    throw;
  }
}

void Device::give_back_region(Region& region)
{
  // Nothing that was started may still be under way in memory that goes back.
  char const* operation = "cuStreamSynchronize";
  auto code = quiesce();
  char const* refused = nullptr;
  // Twice: a failure that passes must not cost the memory, but it is told all the same.
  for (int tries = 0; tries < 2 && !region.empty(); tries += 1) {
    auto const answer = give_back(driver_, region, refused);
    if (code == cu::kSuccess && answer != cu::kSuccess) {
      code = answer;
      operation = refused;
    }
  }
  retry_unreturned();
  if (region.empty()) {
    ours_bytes_ -= region.bytes;
  } else {
    keep(region);
  }
  region = Region{};
  // However it failed, it was not for want of memory.
  if (code != cu::kSuccess) {
    auto broken = driver_.driver_failure(code, operation, Purpose::transfer);
    if (broken.error.status == VR_ECOPY) { broken.error.status = VR_EALLOCATION; }
    throw broken;
  }
}

void Device::retry_unreturned() noexcept
{
  for (auto& region : unreturned_) {
    char const* operation = nullptr;
    give_back(driver_, region, operation);
    if (region.empty()) { ours_bytes_ -= region.bytes; }
  }
  std::erase_if(unreturned_, [](Region const& region) { return region.empty(); });
}

void Device::probe_enforcement(Region const& region)
{
  if (probed_ || kind_.path != VR_PATH_VMM) { return; }
  auto const code = set_access(kind_, region, cu::kAccessRead);
  if (code != cu::kNotSupported) { check(code, "cuMemSetAccess", Purpose::allocation); }
  check(set_access(kind_, region, cu::kAccessReadWrite), "cuMemSetAccess", Purpose::allocation);
  kind_.enforces = code == cu::kSuccess;
  probed_ = true;
}

/// Runs on the worker's thread, when all work has ended.
void Device::wipe_everything() noexcept
{
  auto const left = handles_.remove_all();
  for (auto const& allocation : left) {
    auto& region = allocation->region;
    try {
      if (!lost()) {
        if (allocation->access == VR_ACCESS_READ && kind_.enforces) {
          check(set_access(kind_, region, cu::kAccessReadWrite), "cuMemSetAccess");
        }
        check(driver_.cuMemsetD8Async(region.address, 0, region.bytes, stream(0)), "cuMemsetD8Async");
        check(driver_.cuStreamSynchronize(stream(0)), "cuStreamSynchronize");
      }
    } catch (...) {
      note(current_failure());
    }
    try {
      give_back_region(region);
    } catch (...) {
      note(current_failure());
    }
  }
  retry_unreturned();
  ring_.release();
}

void Device::note(Failure const& broken) noexcept
{
  if (broken.error.status == VR_EDEVICE_LOST) { poison(broken); }
  if (stop_error_.status != VR_OK) { return; }
  stop_error_ = broken.error;
  stop_error_.device = static_cast<std::uint32_t>(ordinal_);
}

}  // namespace vram_residency
