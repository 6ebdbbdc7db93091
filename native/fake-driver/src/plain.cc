// SPDX-License-Identifier: Apache-2.0
// Memory without the VMM calls: plain and managed device memory, pinned host memory.
#include <sys/mman.h>

#include <algorithm>

#include "state.h"

namespace vrfake {
namespace {

constexpr uint64_t kPage = 4096;

/// Why an allocation of this size cannot be had; kSuccess when it can.
int refusal(State& all, uint32_t device, uint64_t bytes)
{
  if (bytes > all.config.devices[device].largest_bytes) return kOutOfMemory;
  return bytes > all.free_bytes(device) ? kOutOfMemory : kSuccess;
}

int allocate(State& all, Here where, uint64_t* out, uint64_t bytes, bool managed)
{
  if (out == nullptr || bytes == 0) return kInvalidValue;
  if (auto const code = refusal(all, where.device, round_up(bytes, 2 * kMiB)); code != kSuccess && !managed)
    return code;
  auto block = std::make_shared<Block>(where.device, bytes, false, all.config.poison_bytes);
  block->managed = managed;
  Mapping mapping;
  mapping.base = all.memory.reserve(bytes, bytes >= 2 * kMiB ? 2 * kMiB : kPage, 0);
  mapping.bytes = bytes;
  mapping.block = std::move(block);
  mapping.buffer_id = next_id();
  mapping.context = where.context;
  mapping.access[where.device] = kAccessReadWrite;
  *out = mapping.base;
  all.memory.map(std::move(mapping));
  return kSuccess;
}

int pin(State& all, uint64_t context, void* data, uint64_t bytes, unsigned flags, bool registered)
{
  auto const address = reinterpret_cast<uintptr_t>(data);
  all.memory.pinned.emplace(address, Pinned{bytes, flags, registered, context, next_id()});
  all.memory.pinned_peak = std::max(all.memory.pinned_peak, all.memory.pinned_bytes());
  return kSuccess;
}

int allocate_host(State& all, Here where, void** out, uint64_t bytes, unsigned flags)
{
  if (out == nullptr || bytes == 0 || (flags & ~7U) != 0) return kInvalidValue;
  if (!all.config.devices[where.device].pinning) return kNotSupported;
  auto* const data = mmap(nullptr, round_up(bytes, kPage), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) return kOutOfMemory;
  *out = data;
  return pin(all, where.context, data, bytes, flags, false);
}

int host_pointer_call(char const* function, int since, void* data, bool registered)
{
  auto& all = state();
  return call(function, since, Needs::context, [&]() -> int {
    auto const [context, device] = here();
    std::vector<Point> work;
    {
      std::scoped_lock const lock{all.mutex};
      work = all.work_of(context);
    }
    // Host memory is given up only after everything that may use it.
    wait(work, device);
    std::scoped_lock const lock{all.mutex};
    auto const found = all.memory.pinned.find(reinterpret_cast<uintptr_t>(data));
    if (found == all.memory.pinned.end() || found->second.registered != registered)
      return registered ? kHostMemoryNotRegistered : kInvalidValue;
    unpin(all, found, true);
    return kSuccess;
  });
}

}  // namespace

void unpin(State& all, std::map<uintptr_t, Pinned>::iterator found, bool look)
{
  auto const [address, one] = *found;
  auto* const data = reinterpret_cast<std::byte*>(address);
  if (look && all.config.check_wipe) all.memory.dirty_pinned_bytes += count_nonzero(data, one.bytes);
  if (!one.registered) munmap(data, round_up(one.bytes, kPage));
  all.memory.pinned.erase(found);
}

}  // namespace vrfake

using namespace vrfake;

extern "C" {

int cuMemGetInfo_v2(size_t* free, size_t* total)
{
  return locked("cuMemGetInfo_v2", 3020, Needs::context, [&](State& all) {
    if (free == nullptr || total == nullptr) return kInvalidValue;
    auto const device = all.contexts.at(current_stack().back()).device;
    *free = all.free_bytes(device);
    *total = all.config.devices[device].total_bytes;
    return kSuccess;
  });
}

int cuMemAlloc_v2(uint64_t* address, size_t bytes)
{
  return locked("cuMemAlloc_v2", 3020, Needs::context, [&](State& all) {
    auto const& context = all.contexts.at(current_stack().back());
    return allocate(all, {context.id, context.device}, address, bytes, false);
  });
}

int cuMemAllocManaged(uint64_t* address, size_t bytes, unsigned flags)
{
  return locked("cuMemAllocManaged", 6000, Needs::context, [&](State& all) -> int {
    if (flags != 1 && flags != 2) return kInvalidValue;
    auto const& context = all.contexts.at(current_stack().back());
    return allocate(all, {context.id, context.device}, address, bytes, true);
  });
}

int cuMemFree_v2(uint64_t address)
{
  return call("cuMemFree_v2", 3020, Needs::context, [&]() -> int {
    if (address == 0) return kSuccess;
    auto& all = state();
    auto const [context, device] = here();
    std::vector<Point> work;
    {
      std::scoped_lock const lock{all.mutex};
      for (auto const& [id, one] : all.contexts)
        if (one.device == device)
          for (auto& point : all.work_of(id)) work.push_back(std::move(point));
    }
    // Freeing waits for the whole device.
    if (auto const code = wait(work, device); code != kSuccess) return code;
    std::scoped_lock const lock{all.mutex};
    auto const found = all.memory.mappings.find(address);
    if (found == all.memory.mappings.end() || found->second.reservation != 0) return kInvalidValue;
    auto const bytes = found->second.bytes;
    all.memory.unmap(found, all.config.check_wipe);
    all.memory.release(address, bytes);
    return kSuccess;
  });
}

int cuMemGetAddressRange_v2(uint64_t* base, size_t* bytes, uint64_t address)
{
  return locked("cuMemGetAddressRange_v2", 3020, Needs::context, [&](State& all) {
    auto const* const mapping = all.memory.mapping_at(address);
    if (mapping == nullptr) return kNotFound;
    if (base != nullptr) *base = mapping->base;
    if (bytes != nullptr) *bytes = mapping->bytes;
    return kSuccess;
  });
}

int cuMemHostAlloc(void** data, size_t bytes, unsigned flags)
{
  return locked("cuMemHostAlloc", 2020, Needs::context, [&](State& all) {
    auto const& context = all.contexts.at(current_stack().back());
    return allocate_host(all, {context.id, context.device}, data, bytes, flags);
  });
}

int cuMemAllocHost_v2(void** data, size_t bytes)
{
  return locked("cuMemAllocHost_v2", 3020, Needs::context, [&](State& all) {
    auto const& context = all.contexts.at(current_stack().back());
    return allocate_host(all, {context.id, context.device}, data, bytes, 0);
  });
}

int cuMemFreeHost(void* data) { return host_pointer_call("cuMemFreeHost", 2000, data, false); }

int cuMemHostRegister_v2(void* data, size_t bytes, unsigned flags)
{
  return locked("cuMemHostRegister_v2", 4000, Needs::context, [&](State& all) -> int {
    auto const& context = all.contexts.at(current_stack().back());
    auto const& settings = all.config.devices[context.device];
    if (data == nullptr || bytes == 0) return kInvalidValue;
    if (!settings.pinning || settings.attribute(kAttributeHostRegister) == 0) return kNotSupported;
    auto const address = reinterpret_cast<uintptr_t>(data);
    auto const after = all.memory.pinned.lower_bound(address);
    auto const overlaps = after != all.memory.pinned.end() && after->first - address < bytes;
    if (overlaps || all.memory.pinned_at(address) != all.memory.pinned.end()) return kHostMemoryAlreadyRegistered;
    return pin(all, context.id, data, bytes, flags, true);
  });
}

int cuMemHostUnregister(void* data) { return host_pointer_call("cuMemHostUnregister", 4000, data, true); }

int cuMemHostGetDevicePointer_v2(uint64_t* address, void* data, unsigned flags)
{
  return locked("cuMemHostGetDevicePointer_v2", 3020, Needs::context, [&](State& all) {
    if (address == nullptr || flags != 0) return kInvalidValue;
    auto const at = reinterpret_cast<uintptr_t>(data);
    if (all.memory.pinned_at(at) == all.memory.pinned.end()) return kInvalidValue;
    *address = at;
    return kSuccess;
  });
}

int cuMemHostGetFlags(unsigned* flags, void* data)
{
  return locked("cuMemHostGetFlags", 2030, Needs::context, [&](State& all) {
    auto const found = all.memory.pinned_at(reinterpret_cast<uintptr_t>(data));
    if (flags == nullptr || found == all.memory.pinned.end()) return kInvalidValue;
    *flags = found->second.flags;
    return kSuccess;
  });
}

}  // extern "C"
