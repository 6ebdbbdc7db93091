// SPDX-License-Identifier: Apache-2.0
#include "context.h"

#include <algorithm>

namespace vram_residency {

Context::~Context() { shut(); }

std::uint64_t Context::start()
{
  std::scoped_lock const lock{mutex_};
  require_open();
  require(!started_, VR_EBUSY, "the context was started before");
  auto ticket = tickets_.create();
  try {
    starter_ = std::thread{[this, ticket] {
      ticket->running.store(true, std::memory_order_relaxed);
      ticket->end(do_start());
      tickets_.post(*ticket, VR_EVENT_ENDED);
    }};
  } catch (...) {
    tickets_.remove(ticket->id);
    throw;
  }
  started_ = true;
  return ticket->id;
}

Outcome Context::do_start() noexcept
{
  Outcome outcome;
  try {
    driver_.load(options_.cuda_path, options_.test);
    auto const count = std::min<int>(driver_.initialise(), VR_DEVICES_MAX);
    if (count > 0) { nvml_.load(options_.nvml_path); }
    for (int ordinal = 0; ordinal < count; ordinal += 1) {
      auto device = std::make_unique<Device>(driver_, nvml_, tickets_, ordinal, options_.device);
      try {
        device->start();
      } catch (Failure& broken) {
        broken.error.device = static_cast<std::uint32_t>(ordinal);
        throw;
      }
      devices_.push_back(std::move(device));
    }
    outcome.error.device = kNoDevice;
    ready_.store(true, std::memory_order_release);
  } catch (...) {
    outcome.error = current_failure().error;
    for (auto const& device : devices_) {
      try {
        device->stop();
      } catch (...) {
        // What failed first is told.
      }
    }
    devices_.clear();
  }
  return outcome;
}

std::uint64_t Context::close()
{
  std::scoped_lock const lock{mutex_};
  require_open();
  auto ticket = tickets_.create();
  auto const id = ticket->id;
  try {
    begin_close(std::move(ticket));
  } catch (...) {
    tickets_.remove(id);
    throw;
  }
  return id;
}

void Context::begin_close(std::shared_ptr<Ticket> ticket)
{
  closer_ = std::thread{[this, ticket = std::move(ticket)] {
    ticket->running.store(true, std::memory_order_relaxed);
    ticket->end(do_close());
    tickets_.post(*ticket, VR_EVENT_ENDED);
  }};
  closing_.store(true, std::memory_order_release);
}

Outcome Context::do_close() noexcept
{
  if (starter_.joinable()) { starter_.join(); }
  Outcome outcome;
  outcome.error.device = kNoDevice;
  for (auto const& device : devices_) {
    try {
      device->stop();
    } catch (...) {
      if (outcome.error.status == VR_OK) { outcome.error = current_failure().error; }
    }
  }
  return outcome;
}

void Context::shut() noexcept
{
  std::thread closer;
  {
    std::scoped_lock const lock{mutex_};
    if (closing_.exchange(true)) {
      closer.swap(closer_);
    } else {
      // Nobody waits for it but the caller, who needs no thread for it.
      shutting_ = true;
    }
  }
  if (closer.joinable()) { closer.join(); }
  if (std::exchange(shutting_, false)) { do_close(); }
}

void Context::require_open() const
{
  require(!closing_.load(std::memory_order_acquire), VR_ECLOSED, "the context is closing");
}

Device& Context::device(std::uint32_t ordinal)
{
  require_open();
  require(ready_.load(std::memory_order_acquire) && ordinal < devices_.size(), VR_ENODEVICE, "no device has this ordinal");
  return *devices_[ordinal];
}

std::uint32_t Context::device_count() const
{
  require_open();
  require(ready_.load(std::memory_order_acquire), VR_EAGAIN, "the context has not started");
  return static_cast<std::uint32_t>(devices_.size());
}

std::string Context::describe() const
{
  require_open();
  auto const ready = ready_.load(std::memory_order_acquire);
  JsonObject text;
  text.boolean("test", options_.test);
  text.boolean("started", ready);
  text.boolean("fake", ready && driver_.fake());
  text.text_or_null("cuda", ready ? driver_.origin() : "");
  text.text_or_null("nvml", ready ? nvml_.origin() : "");
  text.text_or_null("driverVersion", ready && !devices_.empty() ? text_of(devices_.front()->facts().driver_version) : "");
  text.number("cudaVersion", ready ? driver_.version() : 0);
  text.texts("missing", ready ? driver_.missing() : std::vector<std::string>{});
  return text.str();
}

void Context::nudge()
{
  if (!ready_.load(std::memory_order_acquire)) { return; }
  for (auto const& device : devices_) { device->worker().nudge(); }
}

}  // namespace vram_residency
