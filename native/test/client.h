// SPDX-License-Identifier: Apache-2.0
/// A caller of the C ABI, as small as one can be.
#pragma once

#include <poll.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <vector>

#include "fake.h"
#include "vram_residency.h"

namespace client {

using Bytes = std::vector<std::uint8_t>;

inline std::string text(std::uint8_t const* field) { return reinterpret_cast<char const*>(field); }

/// An open context over the fake driver.
class Context {
 public:
  explicit Context(vr_open_options options = {}, std::string const& cuda = fake::cuda(), bool start = true)
  {
    if (options.threads == 0) { options.threads = 2; }
    options.flags |= VR_OPEN_TEST;
    auto const nvml = fake::nvml();
    opened = vr_open(&options, bytes(cuda), cuda.size(), bytes(nvml), nvml.size(), &id, &wake);
    if (!start || opened != VR_OK) { return; }
    std::uint64_t ticket = 0;
    started = vr_submit_start(id, &ticket);
    if (started == VR_OK) { started = finish(ticket); }
  }
  ~Context()
  {
    if (id != 0) { vr_close(id); }
    if (wake >= 0) { ::close(wake); }
  }
  Context(Context const&) = delete;
  Context& operator=(Context const&) = delete;

  /// Waits for work to end. @returns its status, its error in `error`.
  std::int32_t await(std::uint64_t ticket)
  {
    for (;;) {
      auto const status = vr_outcome(id, ticket, &error);
      if (status == VR_OK) { return error.status; }
      if (status != VR_EAGAIN) { return status; }
      pollfd waiting{wake, POLLIN, 0};
      if (::poll(&waiting, 1, 20'000) != 1) { return VR_EBUG; }
      char some[64];
      [[maybe_unused]] auto const got = ::read(wake, some, sizeof some);
      vr_event events[8];
      std::uint32_t count = 8;
      while (count == 8 && vr_events(id, events, 8, &count) == VR_OK) {}
    }
  }
  /// Waits, and forgets the ticket.
  std::int32_t finish(std::uint64_t ticket)
  {
    auto const status = await(ticket);
    vr_ticket_free(id, ticket);
    return status;
  }
  template <typename Report>
  std::int32_t finish(std::uint64_t ticket, Report* report)
  {
    auto status = await(ticket);
    if (status == VR_OK) { status = vr_report(id, ticket, reinterpret_cast<std::uint8_t*>(report), sizeof *report); }
    vr_ticket_free(id, ticket);
    return status;
  }
  Bytes part(std::uint64_t ticket, std::uint32_t which)
  {
    std::uint64_t length = 0;
    std::uint8_t none = 0;
    vr_result_part(id, ticket, which, 0, &none, 0, &length);
    Bytes all(length + 1);
    vr_result_part(id, ticket, which, 0, all.data(), length, &length);
    all.resize(length);
    return all;
  }

  std::uint64_t allocate(std::uint64_t size, std::int32_t* status = nullptr, std::uint32_t device = 0, std::uint32_t flags = 0)
  {
    std::uint64_t ticket = 0;
    vr_allocation made{};
    auto result = vr_submit_allocate(id, device, size, 1, 0, flags, &ticket);
    if (result == VR_OK) { result = finish(ticket, &made); }
    if (status != nullptr) { *status = result; }
    return result == VR_OK ? made.handle : 0;
  }
  std::int32_t release(std::uint64_t handle)
  {
    std::uint64_t ticket = 0;
    auto const status = vr_submit_free(id, 0, handle, &ticket);
    return status == VR_OK ? finish(ticket) : status;
  }
  std::int32_t write(std::uint64_t handle, std::uint64_t offset, Bytes const& data)
  {
    std::uint64_t ticket = 0;
    std::uint8_t none = 0;
    auto const status = vr_submit_write(id, 0, handle, offset, data.empty() ? &none : data.data(), data.size(), &ticket);
    return status == VR_OK ? finish(ticket) : status;
  }
  std::int32_t read(std::uint64_t handle, std::uint64_t offset, std::uint64_t size, Bytes* data)
  {
    std::uint64_t ticket = 0;
    auto status = vr_submit_read(id, 0, handle, offset, size, &ticket);
    if (status != VR_OK) { return status; }
    status = await(ticket);
    if (status == VR_OK) { *data = part(ticket, VR_PART_DATA); }
    vr_ticket_free(id, ticket);
    return status;
  }
  std::int32_t protect(std::uint64_t handle, std::uint32_t access)
  {
    std::uint64_t ticket = 0;
    auto const status = vr_submit_protect(id, 0, handle, access, &ticket);
    return status == VR_OK ? finish(ticket) : status;
  }
  std::int32_t wipe(std::uint64_t handle, vr_wipe_report* report)
  {
    std::uint64_t ticket = 0;
    auto const status = vr_submit_wipe(id, 0, handle, &ticket);
    return status == VR_OK ? finish(ticket, report) : status;
  }
  std::int32_t capacity(vr_capacity* report, std::uint32_t device = 0)
  {
    std::uint64_t ticket = 0;
    auto const status = vr_submit_capacity(id, device, &ticket);
    return status == VR_OK ? finish(ticket, report) : status;
  }
  std::int32_t evidence(std::uint64_t handle, vr_evidence* report)
  {
    std::uint64_t ticket = 0;
    auto const status = vr_submit_evidence(id, 0, handle, &ticket);
    return status == VR_OK ? finish(ticket, report) : status;
  }
  std::int32_t digest(std::uint64_t handle, vr_digest_options const& options, vr_digest_report* report,
                      Bytes* level1 = nullptr, Bytes* leaves = nullptr)
  {
    std::uint64_t ticket = 0;
    auto status = vr_submit_digest(id, 0, handle, &options, &ticket);
    if (status != VR_OK) { return status; }
    status = await(ticket);
    if (status == VR_OK) { status = vr_report(id, ticket, reinterpret_cast<std::uint8_t*>(report), sizeof *report); }
    if (level1 != nullptr) { *level1 = part(ticket, VR_PART_LEVEL1); }
    if (leaves != nullptr) { *leaves = part(ticket, VR_PART_LEAVES); }
    vr_ticket_free(id, ticket);
    return status;
  }
  /// Pushes `data` in runs, whatever the allocation's size, and waits.
  std::int32_t ingest(std::uint64_t handle, Bytes const& data, vr_ingest_options options, vr_digest_report* report,
                      std::size_t run = VR_SLOT_BYTES)
  {
    std::uint64_t ticket = 0;
    std::uint8_t none = 0;
    options.source = VR_SOURCE_PUSH;
    auto status = vr_submit_ingest(id, 0, handle, &options, &none, 0, &ticket);
    if (status != VR_OK) { return status; }
    for (std::size_t at = 0; at < data.size();) {
      std::uint64_t taken = 0;
      status = vr_push(id, ticket, data.data() + at, std::min(run, data.size() - at), &taken);
      if (status == VR_EAGAIN) {
        pollfd waiting{wake, POLLIN, 0};
        ::poll(&waiting, 1, 50);
        char some[64];
        [[maybe_unused]] auto const got = ::read(wake, some, sizeof some);
        vr_event events[8];
        std::uint32_t count = 0;
        vr_events(id, events, 8, &count);
        continue;
      }
      if (status != VR_OK) { break; }
      at += taken;
    }
    vr_push_end(id, ticket);
    return finish(ticket, report);
  }

  std::uint64_t id = 0;
  int wake = -1;
  std::int32_t opened = VR_EBUG;
  std::int32_t started = VR_EBUG;
  vr_error error{};

 private:
  static std::uint8_t const* bytes(std::string const& path) { return reinterpret_cast<std::uint8_t const*>(path.data()); }
};

/// What a driver must hold when everything was given back.
inline bool nothing_left()
{
  for (std::uint32_t kind = 0; kind < VRFAKE_LIVE_KINDS; kind += 1) {
    auto const left = FAKE(vrfake_live)(kind);
    if (left != 0) {
      std::printf("  left behind: %llu of kind %u\n", static_cast<unsigned long long>(left), kind);
      return false;
    }
  }
  return true;
}

}  // namespace client
