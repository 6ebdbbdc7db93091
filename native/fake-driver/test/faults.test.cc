// SPDX-License-Identifier: Apache-2.0
// Faults on demand: each fires where it was armed, does what it says, and says that it fired.
#include <chrono>

#include "harness.h"

using namespace vrfake;

namespace {

double milliseconds_of(auto&& work)
{
  auto const start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

void the_nth_call_of_a_function_fails_once_and_does_nothing()
{
  start("profile=h200");
  auto const before = fake().calls_of("cuMemAlloc_v2");
  OK(fake().fail("cuMemAlloc_v2", 2, kOutOfMemory));
  uint64_t first = 0;
  uint64_t second = 0;
  OK(cuda().cuMemAlloc_v2(&first, 4096));
  CHECK(fake().fired() == 0);
  CODE(kOutOfMemory, cuda().cuMemAlloc_v2(&second, 4096));
  CHECK(second == 0 && fake().live(VRFAKE_PLAIN) == 1 && fake().fired() == 1);
  OK(cuda().cuMemAlloc_v2(&second, 4096));
  CHECK(fake().calls_of("cuMemAlloc_v2") == before + 3);
  OK(fake().fail("cuMemFree_v2", 1, kUnknown));
  CODE(kUnknown, cuda().cuMemFree_v2(first));
  CHECK(fake().live(VRFAKE_PLAIN) == 2);
}

/// A small application that gives everything back, whatever fails. Returns the first code that was not success.
int small_application()
{
  Region region;
  region.bytes = 2 * kMiB;
  void* context = nullptr;
  int first = 0;
  auto const note = [&](int code) {
    if (first == 0) first = code;
    return code == 0;
  };
  auto const insist = [&](auto&& release) {
    for (int attempt = 0; attempt < 2 && !note(release()); ++attempt) {
    }
  };
  if (!note(cuda().cuInit(0)) || !note(cuda().cuDevicePrimaryCtxRetain(&context, 0))) return first;
  if (note(cuda().cuCtxSetCurrent(context))) {
    auto const prop = prop_on(0);
    if (note(cuda().cuMemCreate(&region.handle, region.bytes, &prop, 0))) {
      if (note(cuda().cuMemAddressReserve(&region.address, region.bytes, 0, 0, 0))) {
        if (note(cuda().cuMemMap(region.address, region.bytes, 0, region.handle, 0))) {
          if (note(set_access(region, kAccessReadWrite))) note(cuda().cuMemsetD8_v2(region.address, 0, region.bytes));
          note(cuda().cuCtxSynchronize());
          insist([&] { return cuda().cuMemUnmap(region.address, region.bytes); });
        }
        insist([&] { return cuda().cuMemAddressFree(region.address, region.bytes); });
      }
      insist([&] { return cuda().cuMemRelease(region.handle); });
    }
  }
  insist([&] { return cuda().cuDevicePrimaryCtxRelease_v2(0); });
  return first;
}

void every_call_of_a_program_can_be_made_to_fail()
{
  fake().reset();
  OK(small_application());
  auto const calls = fake().calls();
  CHECK(calls == 13);
  CHECK(std::string{fake().call_name(1)} == "cuInit" &&
        std::string{fake().call_name(calls)} == "cuDevicePrimaryCtxRelease_v2");
  for (uint64_t nth = 1; nth <= calls; ++nth) {
    fake().reset();
    OK(fake().fail(nullptr, nth, 304));
    CODE(304, small_application());
    CHECK(fake().fired() == 1);
    for (uint32_t kind = 0; kind < VRFAKE_LIVE_KINDS; ++kind) CHECK(fake().live(kind) == 0);
  }
  CHECK(std::string{fake().call_name(1000)}.empty() && fake().live(99) == UINT64_MAX);
}

void asking_for_an_errors_name_is_no_call()
{
  start("profile=h200");
  auto const before = fake().calls();
  char const* name = nullptr;
  OK(cuda().cuGetErrorName(700, &name));
  CHECK(std::string{name} == "CUDA_ERROR_ILLEGAL_ADDRESS" && fake().calls() == before);
  CODE(kInvalidValue, cuda().cuGetErrorName(12345, &name));
  CHECK(name == nullptr);
  OK(cuda().cuGetErrorString(0, &name));
  CHECK(std::string{name} == "no error");
}

void a_sticky_failure_stays_and_drops_queued_work()
{
  start("profile=two-devices");
  auto const region = map_region(2 * kMiB);
  OK(fake().fail_sticky("cuStreamSynchronize", 1, kEccUncorrectable));
  CODE(kEccUncorrectable, cuda().cuStreamSynchronize(nullptr));
  size_t free = 0;
  size_t total = 0;
  CODE(kEccUncorrectable, cuda().cuMemGetInfo_v2(&free, &total));
  CODE(kEccUncorrectable, cuda().cuMemUnmap(region.address, region.bytes));
  // The other device goes on.
  void* context = nullptr;
  OK(cuda().cuDevicePrimaryCtxRetain(&context, 1));
  OK(cuda().cuCtxSetCurrent(context));
  OK(cuda().cuMemGetInfo_v2(&free, &total));
  CHECK(fake().fired() == 1);
}

void a_lost_device_refuses_contexts_and_work()
{
  start("profile=h200");
  OK(fake().lose(0));
  CODE(kDeviceUnavailable, cuda().cuCtxSynchronize());
  void* context = nullptr;
  CODE(kDeviceUnavailable, cuda().cuDevicePrimaryCtxRetain(&context, 0));
}

void copies_can_be_short_wrong_or_slow()
{
  start("profile=h200");
  auto const region = map_region(2 * kMiB);
  OK(cuda().cuMemsetD8_v2(region.address, 0, region.bytes));
  std::vector<unsigned char> const ones(1000, 1);
  OK(fake().short_copy(1, 600));
  OK(cuda().cuMemcpyHtoD_v2(region.address, ones.data(), ones.size()));
  std::vector<unsigned char> back(1000);
  OK(cuda().cuMemcpyDtoH_v2(back.data(), region.address, back.size()));
  CHECK(back[599] == 1 && back[600] == 0 && fake().fired() == 1);
  // The first of these is too short for the fault; it has not fired then.
  OK(fake().flip_copy(2, 999, 0x80));
  OK(cuda().cuMemcpyHtoD_v2(region.address, ones.data(), 10));
  OK(cuda().cuMemcpyHtoD_v2(region.address, ones.data(), ones.size()));
  OK(cuda().cuMemcpyDtoH_v2(back.data(), region.address, back.size()));
  CHECK(back[998] == 1 && back[999] == 0x81 && fake().fired() == 2);
  OK(fake().flip_copy(1, 999, 0x80));
  OK(cuda().cuMemcpyHtoD_v2(region.address, ones.data(), 10));
  CHECK(fake().fired() == 2);
  OK(fake().slow_copy(1, 30));
  CHECK(milliseconds_of([&] { OK(cuda().cuMemcpyHtoD_v2(region.address, ones.data(), 10)); }) >= 30);
  CHECK(fake().fired() == 3);
}

void calls_can_be_slow()
{
  start("profile=h200");
  OK(fake().delay("cuCtxSynchronize", 0, 15));
  CHECK(milliseconds_of([] { OK(cuda().cuCtxSynchronize()); }) >= 15);
  CHECK(milliseconds_of([] { OK(cuda().cuCtxSynchronize()); }) >= 15);
  CHECK(fake().fired() == 2);
  fake().disarm();
  OK(cuda().cuCtxSynchronize());
  CHECK(fake().fired() == 2);
}

void one_bit_of_memory_flips()
{
  start("profile=h200");
  auto const region = map_region(2 * kMiB);
  OK(cuda().cuMemsetD8_v2(region.address, 0, region.bytes));
  OK(cuda().cuCtxSynchronize());
  OK(set_access(region, kAccessRead));
  vrfake_allocation_info info;
  OK(fake().allocation(0, &info));
  OK(fake().flip(info.id, 12345, 0x10));
  unsigned char byte = 0;
  OK(cuda().cuMemcpyDtoH_v2(&byte, region.address + 12345, 1));
  CHECK(byte == 0x10);
  CODE(-1, fake().flip(info.id, region.bytes, 1));
  CODE(-1, fake().flip(info.id + 1000, 0, 1));
  CODE(-1, fake().allocation(1, &info));
  unsigned char const seven = 7;
  OK(fake().poke(info.id, 0, &seven, 1));
  OK(cuda().cuMemcpyDtoH_v2(&byte, region.address, 1));
  CHECK(byte == 7);
}

void nonsense_is_not_armed()
{
  fake().reset();
  CODE(-1, fake().fail("cuInit", 0, 1));
  CODE(-1, fake().fail("cuInit", 1, 0));
  CODE(-1, fake().flip_copy(1, 0, 0));
  CODE(-1, fake().stick(0, 0));
  CODE(-1, fake().lose(8));
  CHECK(std::string{fake().problem()}.size() > 5);
  CHECK(fake().abi_version() == VRFAKE_ABI_VERSION);
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
                       TEST(the_nth_call_of_a_function_fails_once_and_does_nothing),
                       TEST(every_call_of_a_program_can_be_made_to_fail),
                       TEST(asking_for_an_errors_name_is_no_call),
                       TEST(a_sticky_failure_stays_and_drops_queued_work),
                       TEST(a_lost_device_refuses_contexts_and_work),
                       TEST(copies_can_be_short_wrong_or_slow),
                       TEST(calls_can_be_slow),
                       TEST(one_bit_of_memory_flips),
                       TEST(nonsense_is_not_armed),
                   });
}
