// SPDX-License-Identifier: Apache-2.0
/// Many callers at once, and a driver that takes its time. What a sanitizer watches best.
#include "client.h"
#include "digest/harness.h"

#include <atomic>
#include <chrono>
#include <thread>

using client::Bytes;
using client::Context;

namespace {

/// Ends one piece of work without the pipe, which several threads cannot share.
std::int32_t poll_for(std::uint64_t context, std::uint64_t ticket)
{
  vr_error error{};
  while (vr_outcome(context, ticket, &error) == VR_EAGAIN) { ::usleep(200); }
  return error.status;
}

}  // namespace

TEST(callers_on_several_threads_do_not_disturb_each_other)
{
  fake::reset("profile=two-devices");
  Context context;
  std::atomic<int> wrong{0};
  auto const live = [&](std::uint32_t device, std::uint64_t seed) {
    for (int round = 0; round < 6; round += 1) {
      auto const data = harness::Random{seed + static_cast<std::uint64_t>(round)}.bytes(70'000 + seed);
      std::uint64_t ticket = 0;
      vr_allocation made{};
      auto good = vr_submit_allocate(context.id, device, data.size(), 1, 0, 0, &ticket) == VR_OK &&
                  poll_for(context.id, ticket) == VR_OK &&
                  vr_report(context.id, ticket, reinterpret_cast<std::uint8_t*>(&made), sizeof made) == VR_OK;
      vr_ticket_free(context.id, ticket);
      good = good && vr_submit_write(context.id, device, made.handle, 0, data.data(), data.size(), &ticket) == VR_OK;
      vr_ticket_free(context.id, ticket);
      // A write whose ticket was freed may have been cancelled: what is read is all of it, or nothing.
      Bytes back(data.size());
      std::uint64_t length = 0;
      good = good && vr_submit_read(context.id, device, made.handle, 0, data.size(), &ticket) == VR_OK &&
             poll_for(context.id, ticket) == VR_OK &&
             vr_result_part(context.id, ticket, VR_PART_DATA, 0, back.data(), back.size(), &length) == VR_OK;
      vr_ticket_free(context.id, ticket);
      good = good && (back == data || back == Bytes(data.size()));
      good = good && vr_submit_free(context.id, device, made.handle, &ticket) == VR_OK &&
             poll_for(context.id, ticket) == VR_OK;
      vr_ticket_free(context.id, ticket);
      if (!good) { wrong += 1; }
    }
  };
  std::vector<std::thread> threads;
  for (std::uint64_t seed = 0; seed < 4; seed += 1) {
    threads.emplace_back(live, static_cast<std::uint32_t>(seed % 2), seed);
  }
  for (auto& thread : threads) { thread.join(); }
  CHECK(wrong == 0);
  vr_capacity capacity{};
  CHECK(context.capacity(&capacity) == VR_OK && capacity.ours_bytes == 0);
}

TEST(closing_beside_running_work_ends_it)
{
  for (int round = 0; round < 8; round += 1) {
    fake::reset();
    {
      Context context;
      auto const handle = context.allocate(9'000'000);
      std::vector<std::uint64_t> tickets;
      for (int index = 0; index < 5; index += 1) {
        vr_digest_options const options{0, 9'000'000, VR_FSVERITY_SHA256, 0, 0, 0, {}};
        std::uint64_t ticket = 0;
        CHECK(vr_submit_digest(context.id, 0, handle, &options, &ticket) == VR_OK);
        tickets.push_back(ticket);
      }
      vr_ingest_options options{};
      options.algorithm = VR_FSVERITY_SHA256;
      std::uint64_t pushed = 0;
      std::uint8_t none = 0;
      CHECK(vr_submit_ingest(context.id, 0, context.allocate(5'000'000), &options, &none, 0, &pushed) == VR_OK);
      std::atomic<bool> stop{false};
      std::thread pusher{[&] {
        Bytes const data(100'000, 7);
        std::uint64_t taken = 0;
        while (!stop && vr_push(context.id, pushed, data.data(), data.size(), &taken) != VR_ECLOSED) {}
      }};
      ::usleep(static_cast<useconds_t>(round * 700));
      std::uint64_t closing = 0;
      CHECK(vr_submit_close(context.id, &closing) == VR_OK);
      CHECK(context.await(closing) == VR_OK);
      for (auto const ticket : tickets) {
        vr_error error{};
        CHECK(vr_outcome(context.id, ticket, &error) == VR_OK);
        CHECK(error.status == VR_OK || error.status == VR_ECANCELLED);
      }
      stop = true;
      pusher.join();
    }
    CHECK(client::nothing_left());
  }
}

TEST(a_driver_that_sleeps_keeps_nobody_waiting_who_only_submits)
{
  fake::reset();
  Context context;
  CHECK(FAKE(vrfake_delay)("cuMemCreate", 1, 300) == 0);
  auto const begun = std::chrono::steady_clock::now();
  std::uint64_t ticket = 0;
  CHECK(vr_submit_allocate(context.id, 0, 64, 1, 0, 0, &ticket) == VR_OK);
  vr_progress progress{};
  vr_device facts{};
  std::uint64_t other = 0;
  CHECK(vr_poll(context.id, ticket, &progress) == VR_OK && vr_device_facts(context.id, 0, &facts) == VR_OK);
  CHECK(vr_submit_capacity(context.id, 0, &other) == VR_OK && vr_cancel(context.id, other) == VR_OK);
  // None of that waited for the driver, which sleeps on.
  vr_error error{};
  CHECK(vr_outcome(context.id, ticket, &error) == VR_EAGAIN);
  CHECK(context.finish(ticket) == VR_OK);
  CHECK(std::chrono::steady_clock::now() - begun >= std::chrono::milliseconds{300});
  CHECK(context.finish(other) == VR_ECANCELLED);
}

TEST(events_are_told_once_and_wake_the_reader)
{
  fake::reset();
  Context context;
  auto const handle = context.allocate(9'000'000);
  vr_digest_options const options{0, 9'000'000, VR_FSVERITY_SHA256, 0, 0, 0, {}};
  std::uint64_t ticket = 0;
  CHECK(vr_submit_digest(context.id, 0, handle, &options, &ticket) == VR_OK);
  std::uint32_t seen = 0;
  std::uint64_t last = 0;
  while ((seen & VR_EVENT_ENDED) == 0) {
    pollfd waiting{context.wake, POLLIN, 0};
    CHECK(::poll(&waiting, 1, 20'000) == 1);
    char some[64];
    CHECK(::read(context.wake, some, sizeof some) > 0);
    vr_event events[4];
    std::uint32_t count = 0;
    CHECK(vr_events(context.id, events, 4, &count) == VR_OK);
    for (std::uint32_t index = 0; index < count; index += 1) {
      CHECK(events[index].ticket == ticket && events[index].reserved == 0);
      seen |= events[index].what;
    }
    vr_progress progress{};
    CHECK(vr_poll(context.id, ticket, &progress) == VR_OK && progress.bytes_done >= last);
    last = progress.bytes_done;
  }
  CHECK((seen & VR_EVENT_PROGRESS) != 0 && last == 9'000'000);
  vr_event events[4];
  std::uint32_t count = 9;
  CHECK(vr_events(context.id, events, 4, &count) == VR_OK && count == 0);
  CHECK(vr_events(context.id, events, 0, &count) == VR_EINVAL);
}
