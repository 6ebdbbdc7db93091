// SPDX-License-Identifier: Apache-2.0
// Order: what is queued where, what waits for what, and what an application gets that did not wait.
#include <atomic>
#include <chrono>
#include <thread>

#include "harness.h"

using namespace vrfake;

namespace {

void* stream_with(unsigned flags)
{
  void* stream = nullptr;
  OK(cuda().cuStreamCreate(&stream, flags));
  return stream;
}

/// Holds up a stream until it is let go.
struct Gate {
  std::atomic<bool> open{false};

  void hold(void* stream)
  {
    auto const wait = [](void* self) {
      while (!static_cast<Gate*>(self)->open) std::this_thread::yield();
    };
    OK(cuda().cuLaunchHostFunc(stream, wait, this));
  }
};

void an_asynchronous_copy_is_done_when_its_turn_comes_and_not_before()
{
  start("profile=h200");
  auto const region = map_region(2 * kMiB);
  void* pinned = nullptr;
  OK(cuda().cuMemHostAlloc(&pinned, 4096, 0));
  std::memset(pinned, 1, 4096);
  auto* const stream = stream_with(kStreamNonBlocking);
  Gate gate;
  gate.hold(stream);
  OK(cuda().cuMemcpyHtoDAsync_v2(region.address, pinned, 4096, stream));
  void* event = nullptr;
  OK(cuda().cuEventCreate(&event, kEventDisableTiming));
  OK(cuda().cuEventRecord(event, stream));
  CODE(kNotReady, cuda().cuEventQuery(event));
  CODE(kNotReady, cuda().cuStreamQuery(stream));
  // A slot that is used again too early delivers the later bytes.
  std::memset(pinned, 2, 4096);
  gate.open = true;
  OK(cuda().cuEventSynchronize(event));
  OK(cuda().cuEventQuery(event));
  unsigned char byte = 0;
  OK(cuda().cuMemcpyDtoH_v2(&byte, region.address, 1));
  CHECK(byte == 2);
  OK(cuda().cuEventDestroy_v2(event));
  OK(cuda().cuStreamDestroy_v2(stream));
  CODE(kInvalidHandle, cuda().cuStreamSynchronize(stream));
  CODE(kInvalidHandle, cuda().cuEventQuery(event));
  CHECK(fake().live(VRFAKE_STREAMS) == 0 && fake().live(VRFAKE_EVENTS) == 0);
}

void pageable_memory_is_taken_when_the_copy_is_queued()
{
  start("profile=h200");
  auto const region = map_region(2 * kMiB);
  auto* const stream = stream_with(kStreamNonBlocking);
  Gate gate;
  gate.hold(stream);
  std::vector<unsigned char> data(4096, 1);
  OK(cuda().cuMemcpyHtoDAsync_v2(region.address, data.data(), data.size(), stream));
  std::fill(data.begin(), data.end(), static_cast<unsigned char>(2));
  gate.open = true;
  // The copy back to pageable memory returns when it is done.
  OK(cuda().cuMemcpyDtoHAsync_v2(data.data(), region.address, data.size(), stream));
  CHECK(data.front() == 1 && data.back() == 1);
}

void streams_are_independent_until_an_event_orders_them()
{
  start("profile=h200");
  auto const region = map_region(2 * kMiB);
  auto* const first = stream_with(kStreamNonBlocking);
  auto* const second = stream_with(kStreamNonBlocking);
  void* done = nullptr;
  OK(cuda().cuEventCreate(&done, 0));
  Gate gate;
  gate.hold(first);
  OK(cuda().cuMemsetD8Async(region.address, 1, 1, first));
  OK(cuda().cuEventRecord(done, first));
  OK(cuda().cuMemsetD8Async(region.address + 1, 2, 1, second));
  OK(cuda().cuStreamSynchronize(second));
  OK(cuda().cuStreamWaitEvent(second, done, 0));
  OK(cuda().cuMemsetD8Async(region.address, 3, 1, second));
  CODE(kNotReady, cuda().cuStreamQuery(second));
  gate.open = true;
  OK(cuda().cuStreamSynchronize(second));
  unsigned char bytes[2];
  OK(cuda().cuMemcpyDtoH_v2(bytes, region.address, 2));
  CHECK(bytes[0] == 3 && bytes[1] == 2);
  void* after = nullptr;
  OK(cuda().cuEventCreate(&after, 0));
  OK(cuda().cuEventRecord(after, second));
  OK(cuda().cuEventSynchronize(after));
  float milliseconds = -1;
  OK(cuda().cuEventElapsedTime(&milliseconds, done, after));
  CHECK(milliseconds >= 0);
}

void the_default_stream_waits_for_all_that_did_not_opt_out()
{
  start("profile=h200");
  auto const region = map_region(2 * kMiB);
  OK(cuda().cuMemsetD8_v2(region.address, 0, 16));
  OK(cuda().cuCtxSynchronize());
  auto* const blocking = stream_with(0);
  auto* const apart = stream_with(kStreamNonBlocking);
  Gate gate;
  gate.hold(blocking);
  OK(cuda().cuMemsetD8Async(region.address, 5, 1, blocking));
  OK(cuda().cuMemsetD8_v2(region.address, 6, 1));
  CODE(kNotReady, cuda().cuStreamQuery(nullptr));
  OK(cuda().cuMemsetD8Async(region.address + 1, 7, 1, apart));
  OK(cuda().cuStreamSynchronize(apart));
  OK(cuda().cuMemsetD8Async(region.address, 8, 1, blocking));
  gate.open = true;
  OK(cuda().cuStreamSynchronize(blocking));
  unsigned char bytes[2];
  OK(cuda().cuMemcpyDtoH_v2(bytes, region.address, 2));
  CHECK(bytes[0] == 8 && bytes[1] == 7);
  Gate held;
  held.hold(nullptr);
  OK(cuda().cuMemsetD8Async(region.address, 9, 1, blocking));
  std::this_thread::sleep_for(std::chrono::milliseconds{20});
  CODE(kNotReady, cuda().cuStreamQuery(blocking));
  OK(cuda().cuStreamQuery(apart));
  held.open = true;
  OK(cuda().cuStreamSynchronize(blocking));
}

void a_fill_returns_before_it_is_done()
{
  start("profile=h200");
  auto const region = map_region(2 * kMiB);
  Gate gate;
  gate.hold(nullptr);
  OK(cuda().cuMemsetD8_v2(region.address, 1, 16));
  OK(cuda().cuMemcpyDtoD_v2(region.address + 16, region.address, 16));
  CODE(kNotReady, cuda().cuStreamQuery(nullptr));
  gate.open = true;
  OK(cuda().cuCtxSynchronize());
  unsigned char byte = 0;
  OK(cuda().cuMemcpyDtoH_v2(&byte, region.address + 31, 1));
  CHECK(byte == 1);
}

void memory_that_is_unmapped_under_queued_work_is_an_illegal_address()
{
  start("profile=h200");
  auto const region = map_region(2 * kMiB);
  auto* const stream = stream_with(kStreamNonBlocking);
  Gate gate;
  gate.hold(stream);
  OK(cuda().cuMemsetD8Async(region.address, 1, 16, stream));
  OK(cuda().cuMemUnmap(region.address, region.bytes));
  gate.open = true;
  CODE(kIllegalAddress, cuda().cuStreamSynchronize(stream));
}

void freeing_waits_for_the_device()
{
  start("profile=h200");
  uint64_t address = 0;
  OK(cuda().cuMemAlloc_v2(&address, 4096));
  auto* const stream = stream_with(kStreamNonBlocking);
  Gate gate;
  gate.hold(stream);
  OK(cuda().cuMemsetD8Async(address, 1, 16, stream));
  std::thread opener{[&] {
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
    gate.open = true;
  }};
  OK(cuda().cuMemFree_v2(address));
  CHECK(gate.open);
  opener.join();
  OK(cuda().cuCtxSynchronize());
}

void a_destroyed_stream_still_does_its_work()
{
  start("profile=h200");
  auto* const stream = stream_with(kStreamNonBlocking);
  Gate gate;
  std::atomic<int> ran{0};
  gate.hold(stream);
  OK(cuda().cuLaunchHostFunc(stream, [](void* count) { ++*static_cast<std::atomic<int>*>(count); }, &ran));
  OK(cuda().cuStreamDestroy_v2(stream));
  CHECK(ran == 0);
  gate.open = true;
  while (ran == 0) std::this_thread::yield();
}

void many_threads_use_the_driver_at_once()
{
  start("profile=h200");
  void* context = nullptr;
  OK(cuda().cuCtxGetCurrent(&context));
  auto const work = [&](int seed) {
    OK(cuda().cuCtxSetCurrent(context));
    auto const data = pattern(static_cast<size_t>(100000 + seed));
    for (int round = 0; round < 8; ++round) {
      auto const region = map_region(2 * kMiB);
      auto* const stream = stream_with(kStreamNonBlocking);
      std::vector<unsigned char> back(data.size());
      OK(cuda().cuMemcpyHtoDAsync_v2(region.address, data.data(), data.size(), stream));
      OK(cuda().cuMemcpyDtoHAsync_v2(back.data(), region.address, back.size(), stream));
      OK(cuda().cuStreamSynchronize(stream));
      if (back != data) std::exit(1);
      OK(cuda().cuStreamDestroy_v2(stream));
      free_region(region);
    }
  };
  std::vector<std::thread> threads;
  for (int seed = 0; seed < 4; ++seed) threads.emplace_back(work, seed);
  for (auto& thread : threads) thread.join();
  CHECK(fake().live_allocations() == 0 && fake().live(VRFAKE_STREAMS) == 0 && fake().live(VRFAKE_MAPPINGS) == 0);
}

}  // namespace

int main(int argc, char** argv)
{
#define TEST(name) \
  {                \
    #name, name    \
  }
  return run_tests(argc, argv,
                   {
                       TEST(an_asynchronous_copy_is_done_when_its_turn_comes_and_not_before),
                       TEST(pageable_memory_is_taken_when_the_copy_is_queued),
                       TEST(streams_are_independent_until_an_event_orders_them),
                       TEST(the_default_stream_waits_for_all_that_did_not_opt_out),
                       TEST(a_fill_returns_before_it_is_done),
                       TEST(memory_that_is_unmapped_under_queued_work_is_an_illegal_address),
                       TEST(freeing_waits_for_the_device),
                       TEST(a_destroyed_stream_still_does_its_work),
                       TEST(many_threads_use_the_driver_at_once),
                   });
}
