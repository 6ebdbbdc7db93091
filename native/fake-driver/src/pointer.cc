// SPDX-License-Identifier: Apache-2.0
// What the driver says about a pointer.
#include <cstring>
#include <optional>

#include "state.h"

namespace vrfake {
namespace {

/// The size of each attribute that exists.
std::optional<size_t> size_of(int attribute)
{
  switch (attribute) {
    case kPointerSyncMemops:
    case kPointerIsManaged:
    case kPointerMapped:
    case kPointerIpcCapable:
    case kPointerRdmaCapable:
    case kPointerDecompress: return 1;  // The manual says boolean; the driver writes one byte.
    case kPointerMemoryType:
    case kPointerOrdinal:
    case kPointerAccessFlags: return 4;
    case kPointerContext:
    case kPointerDevicePointer:
    case kPointerHostPointer:
    case kPointerBufferId:
    case kPointerRangeStart:
    case kPointerRangeSize:
    case kPointerHandleTypes:
    case kPointerMempool:
    case kPointerMappingSize:
    case kPointerMappingBase:
    case kPointerBlockId: return 8;
    default: return std::nullopt;
  }
}

std::optional<uint64_t> of_device_memory(State& all, Mapping const& mapping, int attribute, Address address)
{
  auto const& block = *mapping.block;
  auto const& lies = all.config.devices[block.device].pointer_lies;
  if (auto const lie = lies.find(attribute); lie != lies.end()) return lie->second;
  auto const vmm = mapping.reservation != 0;
  switch (attribute) {
    case kPointerContext: return vmm ? 0 : reinterpret_cast<uint64_t>(handle_of(mapping.context));
    case kPointerMemoryType: return kMemoryDevice;
    case kPointerDevicePointer: return address;
    case kPointerHostPointer: return block.managed ? std::optional{address} : std::nullopt;
    case kPointerSyncMemops: return mapping.sync_memops ? 1 : 0;
    case kPointerBufferId: return mapping.buffer_id;
    case kPointerIsManaged: return block.managed ? 1 : 0;
    case kPointerOrdinal: return block.device;
    case kPointerIpcCapable: return vmm || block.managed ? 0 : 1;
    case kPointerRangeStart: return vmm ? mapping.reservation : mapping.base;
    case kPointerRangeSize: return vmm ? all.memory.reservations.at(mapping.reservation) : mapping.bytes;
    case kPointerMapped: return 1;
    case kPointerHandleTypes: return static_cast<uint64_t>(block.prop.requested_handle_types);
    case kPointerRdmaCapable: return block.prop.flags.rdma_capable;
    case kPointerAccessFlags: return mapping.access[all.contexts.at(current_stack().back()).device];
    case kPointerMappingSize: return mapping.bytes;
    case kPointerMappingBase: return mapping.base;
    case kPointerBlockId: return block.id;
    default: return 0;
  }
}

std::optional<uint64_t> of_pinned_memory(State& all, uintptr_t base, Pinned const& one, int attribute, Address address)
{
  switch (attribute) {
    case kPointerContext: return reinterpret_cast<uint64_t>(handle_of(one.context));
    case kPointerMemoryType: return kMemoryHost;
    case kPointerDevicePointer:
    case kPointerHostPointer: return address;
    case kPointerBufferId: return one.buffer_id;
    case kPointerOrdinal: {
      auto const owner = all.contexts.find(one.context);
      return owner == all.contexts.end() ? 0 : owner->second.device;
    }
    case kPointerRangeStart: return base;
    case kPointerRangeSize: return one.bytes;
    case kPointerMapped: return 1;
    case kPointerAccessFlags: return kAccessReadWrite;
    case kPointerMappingSize:
    case kPointerMappingBase:
    case kPointerBlockId: return std::nullopt;
    default: return 0;
  }
}

std::optional<uint64_t> answer(State& all, int attribute, Address address)
{
  if (auto const* const mapping = all.memory.mapping_at(address))
    return of_device_memory(all, *mapping, attribute, address);
  if (auto const pinned = all.memory.pinned_at(address); pinned != all.memory.pinned.end())
    return of_pinned_memory(all, pinned->first, pinned->second, attribute, address);
  auto const range = all.memory.reservation_at(address);
  if (range == all.memory.reservations.end()) return std::nullopt;
  if (attribute == kPointerMapped) return 0;
  if (attribute == kPointerRangeStart) return range->first;
  if (attribute == kPointerRangeSize) return range->second;
  return std::nullopt;
}

void put(void* out, uint64_t value, size_t bytes) { std::memcpy(out, &value, bytes); }

/// The plural call leaves out what only the singular one can tell.
bool in_plural(int attribute)
{
  return attribute <= kPointerMapped || attribute == kPointerHandleTypes || attribute == kPointerMempool ||
         attribute == kPointerDecompress;
}

}  // namespace
}  // namespace vrfake

using namespace vrfake;

extern "C" {

int cuPointerGetAttribute(void* data, int attribute, uint64_t address)
{
  return locked("cuPointerGetAttribute", 4000, Needs::context, [&](State& all) {
    auto const bytes = size_of(attribute);
    if (data == nullptr || !bytes) return kInvalidValue;
    auto const value = answer(all, attribute, address);
    if (!value) return kInvalidValue;
    put(data, *value, *bytes);
    return kSuccess;
  });
}

int cuPointerGetAttributes(unsigned count, int* attributes, void** data, uint64_t address)
{
  return locked("cuPointerGetAttributes", 7000, Needs::context, [&](State& all) {
    if (count == 0 || attributes == nullptr || data == nullptr) return kInvalidValue;
    for (unsigned at = 0; at < count; ++at)
      if (data[at] == nullptr || !size_of(attributes[at])) return kInvalidValue;
    for (unsigned at = 0; at < count; ++at) {
      auto const attribute = attributes[at];
      auto const none = attribute == kPointerOrdinal ? static_cast<uint64_t>(kDeviceInvalid) : 0;
      auto const value = in_plural(attribute) ? answer(all, attribute, address) : std::nullopt;
      put(data[at], value.value_or(none), *size_of(attribute));
    }
    return kSuccess;
  });
}

int cuPointerSetAttribute(void const* value, int attribute, uint64_t address)
{
  return locked("cuPointerSetAttribute", 6000, Needs::context, [&](State& all) {
    auto* const mapping = all.memory.mapping_at(address);
    if (value == nullptr || mapping == nullptr || attribute != kPointerSyncMemops) return kInvalidValue;
    mapping->sync_memops = *static_cast<unsigned char const*>(value) != 0;
    return kSuccess;
  });
}

}  // extern "C"
