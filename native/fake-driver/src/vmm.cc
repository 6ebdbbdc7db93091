// SPDX-License-Identifier: Apache-2.0
// Virtual memory management: reservations, physical handles, mappings, access, and sharing by descriptor.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "state.h"

namespace vrfake {
namespace {

bool is_device(State const& all, int device)
{
  return device >= 0 && static_cast<size_t>(device) < all.config.devices.size();
}

/// The configuration of the device whose context is current.
DeviceConfig const& settings_here(State const& all)
{
  return all.config.devices[all.contexts.at(current_stack().back()).device];
}

/// As locked(), for calls that a device without VMM support refuses.
template <typename Body>
int vmm_call(char const* function, int since, Body&& body) noexcept
{
  return locked(function, since, Needs::context, [&](State& all) -> int {
    if (settings_here(all).attribute(kAttributeVmm) == 0) return kNotSupported;
    return body(all);
  });
}

int check_prop(State const& all, MemAllocationProp const* prop)
{
  if (prop == nullptr || prop->type != kAllocationPinned) return kInvalidValue;
  if (prop->location.type != kLocationDevice) return kNotSupported;
  if (!is_device(all, prop->location.id)) return kInvalidDevice;
  if ((prop->requested_handle_types & ~kHandlePosixDescriptor) != 0) return kNotSupported;
  auto const exportable =
      all.config.devices[static_cast<size_t>(prop->location.id)].attribute(kAttributePosixHandles) != 0;
  return prop->requested_handle_types != 0 && !exportable ? kNotSupported : kSuccess;
}

/// Runs `visit` over the mappings that exactly cover a range; returns whether they do.
template <typename Visit>
bool covers(State& all, Address address, uint64_t bytes, Visit&& visit)
{
  auto const end = address + bytes;
  if (bytes == 0 || end < address) return false;
  auto at = address;
  for (auto found = all.memory.mappings.find(address); at < end; ++found) {
    if (found == all.memory.mappings.end() || found->first != at || found->second.reservation == 0) return false;
    at += found->second.bytes;
    if (at > end) return false;
    visit(found->second);
  }
  return true;
}

/// The live block that this descriptor's file backs; null when another process made it.
std::shared_ptr<Block> block_behind(State const& all, int descriptor)
{
  struct stat wanted{};
  if (fstat(descriptor, &wanted) != 0) return nullptr;
  for (auto const& [id, block] : all.memory.blocks()) {
    struct stat one{};
    if (fstat(block->descriptor(), &one) == 0 && one.st_ino == wanted.st_ino && one.st_dev == wanted.st_dev)
      return block;
  }
  return nullptr;
}

/// Whether a descriptor is one that a fake driver exported.
bool is_memory_file(int descriptor)
{
  char link[64];
  char target[64] = {};
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  auto const length = readlink(link, target, sizeof target - 1);
  return length > 0 && std::strncmp(target, "/memfd:vrfake-device-memory", 27) == 0;
}

std::shared_ptr<Block> import_block(State const& all, int descriptor)
{
  if (auto ours = block_behind(all, descriptor)) return ours;
  struct stat file{};
  if (!is_memory_file(descriptor) || fstat(descriptor, &file) != 0) return nullptr;
  auto const device = all.contexts.at(current_stack().back()).device;
  auto block = std::make_shared<Block>(device, descriptor, static_cast<uint64_t>(file.st_size));
  block->prop = {kAllocationPinned, kHandlePosixDescriptor, {kLocationDevice, static_cast<int>(device)}, nullptr, {}};
  return block;
}

}  // namespace
}  // namespace vrfake

using namespace vrfake;

extern "C" {

int cuMemGetAllocationGranularity(size_t* bytes, void const* prop, int option)
{
  return vmm_call("cuMemGetAllocationGranularity", 10020, [&](State& all) -> int {
    auto const* const wanted = static_cast<MemAllocationProp const*>(prop);
    if (bytes == nullptr || option < kGranularityMinimum || option > kGranularityRecommended) return kInvalidValue;
    if (auto const code = check_prop(all, wanted); code != kSuccess) return code;
    *bytes = all.config.devices[static_cast<size_t>(wanted->location.id)].granularity;
    return kSuccess;
  });
}

int cuMemAddressReserve(uint64_t* address, size_t bytes, size_t alignment, uint64_t hint, unsigned long long flags)
{
  return vmm_call("cuMemAddressReserve", 10020, [&](State& all) -> int {
    auto const granularity = settings_here(all).granularity;
    if (address == nullptr || bytes == 0 || bytes % granularity != 0 || flags != 0) return kInvalidValue;
    if ((alignment & (alignment - 1)) != 0) return kInvalidValue;
    auto const base = all.memory.reserve(bytes, std::max<uint64_t>(alignment, granularity), hint);
    all.memory.reservations.emplace(base, bytes);
    *address = base;
    return kSuccess;
  });
}

int cuMemAddressFree(uint64_t address, size_t bytes)
{
  return vmm_call("cuMemAddressFree", 10020, [&](State& all) -> int {
    auto const found = all.memory.reservations.find(address);
    if (found == all.memory.reservations.end() || found->second != bytes) return kInvalidValue;
    auto const mapped = all.memory.mappings.lower_bound(address);
    if (mapped != all.memory.mappings.end() && mapped->first < address + bytes) return kInvalidValue;
    all.memory.release(address, bytes);
    all.memory.reservations.erase(found);
    return kSuccess;
  });
}

int cuMemCreate(uint64_t* handle, size_t bytes, void const* prop, unsigned long long flags)
{
  return vmm_call("cuMemCreate", 10020, [&](State& all) -> int {
    auto const* const wanted = static_cast<MemAllocationProp const*>(prop);
    if (handle == nullptr || flags != 0) return kInvalidValue;
    if (auto const code = check_prop(all, wanted); code != kSuccess) return code;
    auto const device = static_cast<uint32_t>(wanted->location.id);
    auto const& settings = all.config.devices[device];
    if (bytes == 0 || bytes % settings.granularity != 0) return kInvalidValue;
    if (bytes > settings.largest_bytes || bytes > all.free_bytes(device)) return kOutOfMemory;
    auto block = std::make_shared<Block>(device, bytes, true, all.config.poison_bytes);
    block->prop = *wanted;
    auto const id = next_id();
    all.memory.handles.emplace(id, HandleEntry{std::move(block), 1});
    *handle = reinterpret_cast<uint64_t>(handle_of(id));
    return kSuccess;
  });
}

int cuMemRelease(uint64_t handle)
{
  return vmm_call("cuMemRelease", 10020, [&](State& all) -> int {
    auto const found = all.memory.handles.find(id_of(reinterpret_cast<void*>(handle)));
    if (found == all.memory.handles.end()) return kInvalidValue;
    if (--found->second.references > 0) return kSuccess;
    auto const block = std::move(found->second.block);
    all.memory.handles.erase(found);
    all.memory.dropped(block, all.config.check_wipe);
    return kSuccess;
  });
}

int cuMemMap(uint64_t address, size_t bytes, size_t offset, uint64_t handle, unsigned long long flags)
{
  return vmm_call("cuMemMap", 10020, [&](State& all) -> int {
    auto const granularity = settings_here(all).granularity;
    auto const found = all.memory.handles.find(id_of(reinterpret_cast<void*>(handle)));
    auto const range = all.memory.reservation_at(address);
    if (found == all.memory.handles.end() || range == all.memory.reservations.end()) return kInvalidValue;
    if (flags != 0 || offset != 0 || bytes == 0 || bytes % granularity != 0 || address % granularity != 0)
      return kInvalidValue;
    if (bytes > found->second.block->bytes || bytes > range->first + range->second - address) return kInvalidValue;
    auto const next = all.memory.mappings.lower_bound(address);
    auto const overlaps = next != all.memory.mappings.end() && next->first - address < bytes;
    if (overlaps || all.memory.mapping_at(address) != nullptr) return kInvalidValue;
    Mapping mapping;
    mapping.base = address;
    mapping.bytes = bytes;
    mapping.reservation = range->first;
    mapping.block = found->second.block;
    mapping.buffer_id = next_id();
    all.memory.map(std::move(mapping));
    return kSuccess;
  });
}

int cuMemUnmap(uint64_t address, size_t bytes)
{
  return vmm_call("cuMemUnmap", 10020, [&](State& all) -> int {
    if (!covers(all, address, bytes, [](Mapping const&) {})) return kInvalidValue;
    for (auto at = address; at < address + bytes;) {
      auto const found = all.memory.mappings.find(at);
      at += found->second.bytes;
      all.memory.unmap(found, all.config.check_wipe);
    }
    return kSuccess;
  });
}

int cuMemSetAccess(uint64_t address, size_t bytes, void const* descriptions, size_t count)
{
  return vmm_call("cuMemSetAccess", 10020, [&](State& all) -> int {
    auto const* const wanted = static_cast<MemAccessDesc const*>(descriptions);
    if (wanted == nullptr || count == 0) return kInvalidValue;
    for (size_t at = 0; at < count; ++at) {
      auto const& [location, flags] = wanted[at];
      if (flags != kAccessNone && flags != kAccessRead && flags != kAccessReadWrite) return kInvalidValue;
      if (location.type != kLocationDevice) return kNotSupported;
      if (!is_device(all, location.id)) return kInvalidDevice;
    }
    if (!covers(all, address, bytes, [](Mapping const&) {})) return kInvalidValue;
    covers(all, address, bytes, [&](Mapping& mapping) {
      for (size_t at = 0; at < count; ++at)
        mapping.access[static_cast<size_t>(wanted[at].location.id)] = static_cast<unsigned>(wanted[at].flags);
      all.memory.protect(mapping);
    });
    return kSuccess;
  });
}

int cuMemGetAccess(unsigned long long* flags, void const* location, uint64_t address)
{
  return vmm_call("cuMemGetAccess", 10020, [&](State& all) -> int {
    auto const* const where = static_cast<MemLocation const*>(location);
    auto const* const mapping = all.memory.mapping_at(address);
    if (flags == nullptr || where == nullptr || mapping == nullptr || mapping->reservation == 0) return kInvalidValue;
    if (where->type != kLocationDevice) return kInvalidValue;
    if (!is_device(all, where->id)) return kInvalidDevice;
    *flags = mapping->access[static_cast<size_t>(where->id)];
    return kSuccess;
  });
}

int cuMemExportToShareableHandle(void* out, uint64_t handle, int type, unsigned long long flags)
{
  return vmm_call("cuMemExportToShareableHandle", 10020, [&](State& all) -> int {
    auto const found = all.memory.handles.find(id_of(reinterpret_cast<void*>(handle)));
    if (out == nullptr || found == all.memory.handles.end() || flags != 0) return kInvalidValue;
    if (type != kHandlePosixDescriptor) return kNotSupported;
    auto const& block = *found->second.block;
    if ((block.prop.requested_handle_types & kHandlePosixDescriptor) == 0) return kInvalidValue;
    auto const copy = fcntl(block.descriptor(), F_DUPFD_CLOEXEC, 3);
    if (copy < 0) return kOperatingSystem;
    std::memcpy(out, &copy, sizeof copy);
    return kSuccess;
  });
}

int cuMemImportFromShareableHandle(uint64_t* handle, void* shared, int type)
{
  return vmm_call("cuMemImportFromShareableHandle", 10020, [&](State& all) -> int {
    if (handle == nullptr) return kInvalidValue;
    if (type != kHandlePosixDescriptor) return kNotSupported;
    auto block = import_block(all, static_cast<int>(reinterpret_cast<intptr_t>(shared)));
    if (block == nullptr) return kInvalidValue;
    auto const id = next_id();
    all.memory.handles.emplace(id, HandleEntry{std::move(block), 1});
    *handle = reinterpret_cast<uint64_t>(handle_of(id));
    return kSuccess;
  });
}

int cuMemRetainAllocationHandle(uint64_t* handle, void* address)
{
  return vmm_call("cuMemRetainAllocationHandle", 11000, [&](State& all) -> int {
    auto const* const mapping = all.memory.mapping_at(reinterpret_cast<Address>(address));
    if (handle == nullptr || mapping == nullptr || mapping->reservation == 0) return kInvalidValue;
    auto& handles = all.memory.handles;
    auto found = std::find_if(handles.begin(), handles.end(),
                              [&](auto const& one) { return one.second.block == mapping->block; });
    if (found != handles.end()) {
      ++found->second.references;
    } else {
      found = handles.emplace(next_id(), HandleEntry{mapping->block, 1}).first;
    }
    *handle = reinterpret_cast<uint64_t>(handle_of(found->first));
    return kSuccess;
  });
}

int cuMemGetAllocationPropertiesFromHandle(void* prop, uint64_t handle)
{
  return vmm_call("cuMemGetAllocationPropertiesFromHandle", 10020, [&](State& all) -> int {
    auto const found = all.memory.handles.find(id_of(reinterpret_cast<void*>(handle)));
    if (prop == nullptr || found == all.memory.handles.end()) return kInvalidValue;
    auto told = found->second.block->prop;
    auto const lie = all.config.devices[found->second.block->device].location_lie;
    if (lie != 0) told.location = {lie, 0};
    std::memcpy(prop, &told, sizeof told);
    return kSuccess;
  });
}

}  // extern "C"
