// SPDX-License-Identifier: Apache-2.0
// Memory: what is allocated, mapped, protected, shared, and given back.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

using namespace vrfake;

namespace {

void calls_without_initialisation_or_context_are_refused()
{
  fake().reset();
  int count = 0;
  CODE(kNotInitialized, cuda().cuDeviceGetCount(&count));
  OK(cuda().cuInit(0));
  OK(cuda().cuDeviceGetCount(&count));
  CHECK(count == 1);
  uint64_t address = 0;
  CODE(kInvalidContext, cuda().cuMemAlloc_v2(&address, 4096));
  auto const prop = prop_on(0);
  CODE(kInvalidContext, cuda().cuMemCreate(&address, 2 * kMiB, &prop, 0));
  void* context = nullptr;
  OK(cuda().cuDevicePrimaryCtxRetain(&context, 0));
  CODE(kInvalidContext, cuda().cuMemAlloc_v2(&address, 4096));
  OK(cuda().cuCtxSetCurrent(context));
  OK(cuda().cuMemAlloc_v2(&address, 4096));
  CHECK(address % 256 == 0);
  OK(cuda().cuMemFree_v2(address));
}

void primary_contexts_are_counted_and_take_their_plain_memory_along()
{
  start("profile=h200");
  void* again = nullptr;
  OK(cuda().cuDevicePrimaryCtxRetain(&again, 0));
  CHECK(fake().live(VRFAKE_CONTEXTS) == 2);
  uint64_t address = 0;
  OK(cuda().cuMemAlloc_v2(&address, 4096));
  void* stream = nullptr;
  OK(cuda().cuStreamCreate(&stream, 1));
  OK(cuda().cuDevicePrimaryCtxRelease_v2(0));
  CHECK(fake().live(VRFAKE_PLAIN) == 1);
  OK(cuda().cuDevicePrimaryCtxRelease_v2(0));
  CHECK(fake().live(VRFAKE_PLAIN) == 0 && fake().live(VRFAKE_STREAMS) == 0);
  CODE(kInvalidContext, cuda().cuDevicePrimaryCtxRelease_v2(0));
  CODE(kContextIsDestroyed, cuda().cuMemAlloc_v2(&address, 4096));
}

void new_memory_is_poisoned_and_copies_arrive()
{
  start("profile=h200");
  auto const region = map_region(4 * kMiB);
  std::vector<unsigned char> back(4 * kMiB);
  OK(cuda().cuMemcpyDtoH_v2(back.data(), region.address, back.size()));
  CHECK(back.front() == 0xA5 && back.back() == 0xA5);
  auto const data = pattern(4 * kMiB);
  OK(cuda().cuMemcpyHtoD_v2(region.address, data.data(), data.size()));
  OK(cuda().cuMemcpyDtoH_v2(back.data(), region.address, back.size()));
  CHECK(back == data);
  OK(cuda().cuMemsetD32_v2(region.address, 0x01020304, 4 * kMiB / 4));
  OK(cuda().cuMemcpyDtoH_v2(back.data(), region.address, 8));
  CHECK(back[0] == 4 && back[3] == 1 && back[7] == 1);
  free_region(region);
}

void what_was_not_wiped_is_counted_when_it_is_freed()
{
  start("profile=h200");
  auto const wiped = map_region(2 * kMiB);
  OK(cuda().cuMemsetD8_v2(wiped.address, 0, wiped.bytes));
  OK(cuda().cuCtxSynchronize());
  free_region(wiped);
  CHECK(fake().dirty_bytes() == 0);
  auto const left = map_region(2 * kMiB);
  OK(cuda().cuMemsetD8_v2(left.address, 0, left.bytes));
  OK(cuda().cuMemsetD8_v2(left.address + 5, 7, 3));
  OK(cuda().cuCtxSynchronize());
  free_region(left);
  CHECK(fake().dirty_bytes() == 3);
  void* pinned = nullptr;
  OK(cuda().cuMemHostAlloc(&pinned, 8192, 0));
  std::memset(pinned, 1, 10);
  OK(cuda().cuMemFreeHost(pinned));
  CHECK(fake().dirty_pinned_bytes() == 10);
  CHECK(fake().pinned_peak_bytes() == 8192 && fake().live(VRFAKE_PINNED_BYTES) == 0);
}

void handles_are_counted_and_memory_lives_while_it_is_mapped()
{
  start("profile=h200");
  auto const region = map_region(2 * kMiB);
  CHECK(fake().used_bytes(0) == 2 * kMiB);
  uint64_t again = 0;
  OK(cuda().cuMemRetainAllocationHandle(&again, reinterpret_cast<void*>(region.address + 100)));
  CHECK(again == region.handle && fake().live(VRFAKE_HANDLES) == 2);
  OK(cuda().cuMemRelease(region.handle));
  OK(cuda().cuMemRelease(region.handle));
  CODE(kInvalidValue, cuda().cuMemRelease(region.handle));
  CHECK(fake().live_allocations() == 1);
  OK(cuda().cuMemRetainAllocationHandle(&again, reinterpret_cast<void*>(region.address)));
  OK(cuda().cuMemUnmap(region.address, region.bytes));
  CHECK(fake().live_allocations() == 1);
  OK(cuda().cuMemRelease(again));
  CHECK(fake().live_allocations() == 0 && fake().used_bytes(0) == 0 && fake().live(VRFAKE_RESERVATIONS) == 1);
  OK(cuda().cuMemAddressFree(region.address, region.bytes));
  CHECK(fake().live(VRFAKE_RESERVATIONS) == 0);
}

void mappings_must_fit_their_reservation_and_go_as_a_whole()
{
  start("profile=h200");
  auto const prop = prop_on(0);
  Region region{0, 0, 4 * kMiB};
  OK(cuda().cuMemCreate(&region.handle, region.bytes, &prop, 0));
  CODE(kInvalidValue, cuda().cuMemCreate(&region.handle, 4096, &prop, 0));
  CODE(kInvalidValue, cuda().cuMemAddressReserve(&region.address, 4096, 0, 0, 0));
  OK(cuda().cuMemAddressReserve(&region.address, region.bytes, 0, 0, 0));
  CODE(kInvalidValue, cuda().cuMemMap(region.address, 8 * kMiB, 0, region.handle, 0));
  CODE(kInvalidValue, cuda().cuMemMap(region.address + 2 * kMiB, region.bytes, 0, region.handle, 0));
  CODE(kInvalidValue, cuda().cuMemMap(0x1000, region.bytes, 0, region.handle, 0));
  OK(cuda().cuMemMap(region.address, region.bytes, 0, region.handle, 0));
  CODE(kInvalidValue, cuda().cuMemMap(region.address, region.bytes, 0, region.handle, 0));
  CODE(kInvalidValue, cuda().cuMemUnmap(region.address, 2 * kMiB));
  CODE(kInvalidValue, cuda().cuMemAddressFree(region.address, region.bytes));
  Region half = region;
  half.bytes = 2 * kMiB;
  CODE(kInvalidValue, set_access(half, kAccessRead));
  OK(cuda().cuMemUnmap(region.address, region.bytes));
  CODE(kInvalidValue, cuda().cuMemAddressFree(region.address, 2 * kMiB));
  OK(cuda().cuMemAddressFree(region.address, region.bytes));
  OK(cuda().cuMemRelease(region.handle));
}

void memory_without_access_is_refused_and_comes_back_with_its_bytes()
{
  start("profile=h200");
  auto const region = map_region(2 * kMiB);
  auto const data = pattern(region.bytes);
  OK(cuda().cuMemcpyHtoD_v2(region.address, data.data(), data.size()));
  OK(set_access(region, kAccessNone));
  std::vector<unsigned char> back(region.bytes);
  CODE(kInvalidValue, cuda().cuMemcpyDtoH_v2(back.data(), region.address, back.size()));
  OK(set_access(region, kAccessRead));
  OK(cuda().cuMemcpyDtoH_v2(back.data(), region.address, back.size()));
  CHECK(back == data);
  CODE(kInvalidValue, cuda().cuMemcpyHtoD_v2(region.address, data.data(), 1));
  MemLocation const where{kLocationDevice, 0};
  unsigned long long flags = 0;
  OK(cuda().cuMemGetAccess(&flags, &where, region.address));
  CHECK(flags == kAccessRead);
  MemLocation const host{kLocationHost, 0};
  CODE(kInvalidValue, cuda().cuMemGetAccess(&flags, &host, region.address));
  OK(cuda().cuCtxSynchronize());
  free_region(region);
}

void a_fill_of_read_only_memory_is_an_illegal_address_that_sticks()
{
  start("profile=h200");
  auto const region = map_region(2 * kMiB);
  OK(cuda().cuMemsetD8_v2(region.address, 9, region.bytes));
  OK(cuda().cuCtxSynchronize());
  OK(set_access(region, kAccessRead));
  OK(cuda().cuMemsetD8Async(region.address, 0, 16, nullptr));
  CODE(kIllegalAddress, cuda().cuCtxSynchronize());
  uint64_t address = 0;
  CODE(kIllegalAddress, cuda().cuMemAlloc_v2(&address, 4096));
  vrfake_allocation_info info;
  OK(fake().allocation(0, &info));
  unsigned char byte = 0;
  OK(fake().peek(info.id, 0, &byte, 1));
  CHECK(byte == 9 && info.access == kAccessRead && info.vmm == 1 && info.mappings == 1 && info.bytes == region.bytes);
}

void a_copy_into_read_only_memory_may_be_told_to_stick()
{
  start("profile=h200 readonly_copy=fault");
  auto const region = map_region(2 * kMiB);
  OK(set_access(region, kAccessRead));
  unsigned char const byte = 1;
  CODE(kIllegalAddress, cuda().cuMemcpyHtoD_v2(region.address, &byte, 1));
  CODE(kIllegalAddress, cuda().cuCtxSynchronize());
}

void the_host_cannot_follow_a_device_address()
{
  start("profile=h200");
  auto const region = map_region(2 * kMiB);
  uint64_t plain = 0;
  OK(cuda().cuMemAlloc_v2(&plain, 4096));
  for (auto const address : {region.address, plain}) {
    std::fflush(stdout);
    auto const child = fork();
    if (child == 0) {
      // A sanitizer would turn the fault into a report of its own.
      signal(SIGSEGV, SIG_DFL);
      _exit(*reinterpret_cast<unsigned char volatile*>(address) == 0 ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
  }
}

void pointers_are_described_as_the_driver_does()
{
  start("profile=h200");
  auto const region = map_region(2 * kMiB);
  auto const ask = [&](int attribute, uint64_t address) {
    uint64_t value = 0;
    auto const code = cuda().cuPointerGetAttribute(&value, attribute, address);
    return code == 0 ? static_cast<int64_t>(value) : -1;
  };
  auto const last = region.address + region.bytes - 1;
  CHECK(ask(kPointerMemoryType, last) == kMemoryDevice && ask(kPointerIsManaged, last) == 0 &&
        ask(kPointerMapped, last) == 1);
  CHECK(ask(kPointerHostPointer, last) == -1 && ask(kPointerOrdinal, last) == 0 && ask(kPointerMempool, last) == 0);
  CHECK(static_cast<uint64_t>(ask(kPointerRangeStart, last)) == region.address &&
        ask(kPointerRangeSize, last) == 2 * kMiB);
  CHECK(ask(kPointerAccessFlags, last) == kAccessReadWrite && ask(kPointerBlockId, last) > 0);
  auto const buffer = ask(kPointerBufferId, last);
  OK(set_access(region, kAccessRead));
  CHECK(ask(kPointerAccessFlags, last) == kAccessRead);
  int attributes[] = {kPointerMemoryType, kPointerHostPointer, kPointerOrdinal, kPointerAccessFlags};
  unsigned type = 7;
  void* host = &type;
  int ordinal = 7;
  unsigned access = 7;
  void* out[] = {&type, &host, &ordinal, &access};
  OK(cuda().cuPointerGetAttributes(4, attributes, out, region.address));
  CHECK(type == kMemoryDevice && host == nullptr && ordinal == 0 && access == 0);
  int on_stack = 0;
  CHECK(ask(kPointerMemoryType, reinterpret_cast<uint64_t>(&on_stack)) == -1);
  OK(cuda().cuPointerGetAttributes(4, attributes, out, reinterpret_cast<uint64_t>(&on_stack)));
  CHECK(type == 0 && ordinal == kDeviceInvalid);
  free_region(region);
  auto const another = map_region(2 * kMiB);
  CHECK(ask(kPointerBufferId, another.address) > buffer);
  OK(fake().configure("pointer.8=1 pointer.13=none location=2"));
  CHECK(ask(kPointerIsManaged, another.address) == 1 && ask(kPointerMapped, another.address) == -1);
  MemAllocationProp prop{};
  OK(cuda().cuMemGetAllocationPropertiesFromHandle(&prop, another.handle));
  CHECK(prop.location.type == kLocationHost && prop.type == 1);
  free_region(another);
}

void capacity_counts_ours_the_contexts_and_others()
{
  start("profile=small-memory");
  size_t free = 0;
  size_t total = 0;
  OK(cuda().cuMemGetInfo_v2(&free, &total));
  CHECK(free == 64 * kMiB && total == 64 * kMiB);
  auto const region = map_region(32 * kMiB);
  OK(fake().configure("foreign_bytes=16777216"));
  OK(cuda().cuMemGetInfo_v2(&free, &total));
  CHECK(free == 16 * kMiB);
  uint64_t handle = 0;
  auto const prop = prop_on(0);
  CODE(kOutOfMemory, cuda().cuMemCreate(&handle, 18 * kMiB, &prop, 0));
  CODE(kOutOfMemory, cuda().cuMemAlloc_v2(&handle, 17 * kMiB));
  OK(fake().configure("largest_bytes=4194304"));
  CODE(kOutOfMemory, cuda().cuMemCreate(&handle, 6 * kMiB, &prop, 0));
  OK(cuda().cuMemCreate(&handle, 4 * kMiB, &prop, 0));
  OK(cuda().cuMemRelease(handle));
  free_region(region);
  OK(cuda().cuMemGetInfo_v2(&free, &total));
  CHECK(free == 48 * kMiB);
}

void memory_is_shared_by_descriptor_only_on_request()
{
  start("profile=h200");
  auto const region = map_region(2 * kMiB, 0, true);
  auto const data = pattern(region.bytes);
  OK(cuda().cuMemcpyHtoD_v2(region.address, data.data(), data.size()));
  int descriptor = -1;
  OK(cuda().cuMemExportToShareableHandle(&descriptor, region.handle, 1, 0));
  CHECK(descriptor >= 3 && (fcntl(descriptor, F_GETFD) & FD_CLOEXEC) != 0);
  Region other{0, 0, region.bytes};
  OK(cuda().cuMemImportFromShareableHandle(&other.handle, reinterpret_cast<void*>(static_cast<intptr_t>(descriptor)),
                                           1));
  close(descriptor);
  CHECK(fake().live_allocations() == 1 && fake().live(VRFAKE_HANDLES) == 2);
  OK(cuda().cuMemAddressReserve(&other.address, other.bytes, 0, 0, 0));
  OK(cuda().cuMemMap(other.address, other.bytes, 0, other.handle, 0));
  OK(set_access(other, kAccessReadWrite));
  OK(set_access(region, kAccessRead));
  // Read-only binds one mapping, not the memory.
  OK(cuda().cuMemsetD8_v2(other.address, 1, 1));
  std::vector<unsigned char> back(2);
  OK(cuda().cuMemcpyDtoH_v2(back.data(), region.address, 2));
  CHECK(back[0] == 1 && back[1] == data[1]);
  free_region(other);
  free_region(region);
  auto const closed = map_region(2 * kMiB);
  CODE(kInvalidValue, cuda().cuMemExportToShareableHandle(&descriptor, closed.handle, 1, 0));
  auto const file = open("/dev/null", O_RDONLY);
  CODE(kInvalidValue,
       cuda().cuMemImportFromShareableHandle(&other.handle, reinterpret_cast<void*>(static_cast<intptr_t>(file)), 1));
  close(file);
  free_region(closed);
}

void each_device_has_its_own_memory()
{
  start("profile=two-devices", 1);
  int device = -1;
  OK(cuda().cuCtxGetDevice(&device));
  CHECK(device == 1);
  auto const region = map_region(2 * kMiB, 1);
  CHECK(fake().used_bytes(0) == 0 && fake().used_bytes(1) == 2 * kMiB);
  int ordinal = -1;
  OK(cuda().cuPointerGetAttribute(&ordinal, kPointerOrdinal, region.address));
  CHECK(ordinal == 1);
  unsigned char first[16];
  unsigned char second[16];
  OK(cuda().cuDeviceGetUuid_v2(first, 0));
  OK(cuda().cuDeviceGetUuid_v2(second, 1));
  CHECK(std::memcmp(first, second, 16) != 0);
  // Device 0 was given no access.
  void* context = nullptr;
  OK(cuda().cuDevicePrimaryCtxRetain(&context, 0));
  OK(cuda().cuCtxPushCurrent_v2(context));
  CODE(kInvalidValue, cuda().cuMemcpyDtoH_v2(first, region.address, 16));
  OK(cuda().cuCtxPopCurrent_v2(nullptr));
  OK(cuda().cuMemcpyDtoH_v2(first, region.address, 16));
  free_region(region);
}

void host_memory_is_pinned_once_and_may_be_refused()
{
  start("profile=h200");
  std::vector<unsigned char> own(8192);
  OK(cuda().cuMemHostRegister_v2(own.data(), own.size(), 0));
  CODE(kHostMemoryAlreadyRegistered, cuda().cuMemHostRegister_v2(own.data() + 100, 10, 0));
  unsigned type = 0;
  OK(cuda().cuPointerGetAttribute(&type, kPointerMemoryType, reinterpret_cast<uint64_t>(own.data() + 8191)));
  CHECK(type == kMemoryHost);
  CODE(kInvalidValue, cuda().cuMemFreeHost(own.data()));
  OK(cuda().cuMemHostUnregister(own.data()));
  CODE(kHostMemoryNotRegistered, cuda().cuMemHostUnregister(own.data()));
  OK(fake().configure("pinning=0"));
  void* pinned = nullptr;
  CODE(kNotSupported, cuda().cuMemHostAlloc(&pinned, 4096, 0));
  CODE(kNotSupported, cuda().cuMemHostRegister_v2(own.data(), own.size(), 0));
}

void managed_memory_says_so()
{
  start("profile=h200");
  uint64_t address = 0;
  OK(cuda().cuMemAllocManaged(&address, 4096, 1));
  *reinterpret_cast<unsigned char*>(address) = 3;
  unsigned char managed = 0;
  OK(cuda().cuPointerGetAttribute(&managed, kPointerIsManaged, address));
  unsigned type = 0;
  OK(cuda().cuPointerGetAttribute(&type, kPointerMemoryType, address));
  CHECK(managed == 1 && type == kMemoryDevice);
  OK(cuda().cuMemFree_v2(address));
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
                       TEST(calls_without_initialisation_or_context_are_refused),
                       TEST(primary_contexts_are_counted_and_take_their_plain_memory_along),
                       TEST(new_memory_is_poisoned_and_copies_arrive),
                       TEST(what_was_not_wiped_is_counted_when_it_is_freed),
                       TEST(handles_are_counted_and_memory_lives_while_it_is_mapped),
                       TEST(mappings_must_fit_their_reservation_and_go_as_a_whole),
                       TEST(memory_without_access_is_refused_and_comes_back_with_its_bytes),
                       TEST(a_fill_of_read_only_memory_is_an_illegal_address_that_sticks),
                       TEST(a_copy_into_read_only_memory_may_be_told_to_stick),
                       TEST(the_host_cannot_follow_a_device_address),
                       TEST(pointers_are_described_as_the_driver_does),
                       TEST(capacity_counts_ours_the_contexts_and_others),
                       TEST(memory_is_shared_by_descriptor_only_on_request),
                       TEST(each_device_has_its_own_memory),
                       TEST(host_memory_is_pinned_once_and_may_be_refused),
                       TEST(managed_memory_says_so),
                   });
}
