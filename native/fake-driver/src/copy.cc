// SPDX-License-Identifier: Apache-2.0
// Copies and fills. Ranges are looked up when the work runs, so memory that was unmapped in between is an illegal address.
#include <algorithm>
#include <chrono>
#include <cstring>

#include "state.h"

namespace vrfake {
namespace {

/// One side of a copy, and whether it may be host memory.
struct Side {
  Address address;
  bool host;
};

constexpr Side on_device(Address address) { return {address, false}; }
Side on_host(void const* data) { return {reinterpret_cast<Address>(data), true}; }

bool reads_pageable(State const& all, uint32_t device)
{
  return all.config.devices[device].attribute(kAttributePageableAccess) != 0;
}

Resolved resolve(State& all, Side side, uint64_t bytes, uint32_t device, bool write)
{
  return all.memory.resolve(side.address, bytes, device, write, side.host || reads_pageable(all, device));
}

/// Moves bytes between two lists of segments of the same length.
void move_bytes(std::vector<Segment> const& target, std::vector<Segment> const& source, uint64_t bytes)
{
  size_t into = 0;
  size_t from = 0;
  uint64_t written = 0;
  uint64_t taken = 0;
  while (bytes > 0) {
    auto const piece = std::min({bytes, target[into].bytes - written, source[from].bytes - taken});
    std::memmove(target[into].data + written, source[from].data + taken, piece);
    bytes -= piece;
    if ((written += piece) == target[into].bytes) ++into, written = 0;
    if ((taken += piece) == source[from].bytes) ++from, taken = 0;
  }
}

/// Changes one byte of a list of segments.
void flip_byte(std::vector<Segment> const& target, uint64_t offset, uint8_t mask)
{
  for (auto const& segment : target) {
    if (offset < segment.bytes) {
      segment.data[offset] ^= std::byte{mask};
      return;
    }
    offset -= segment.bytes;
  }
}

/// A copy whose turn has come.
void run_copy(Side target, Side source, uint64_t bytes, uint32_t device, CopyFault const& fault)
{
  if (fault.delay_ms > 0) std::this_thread::sleep_for(std::chrono::milliseconds{fault.delay_ms});
  auto& all = state();
  Resolved into;
  Resolved from;
  {
    std::scoped_lock const lock{all.mutex};
    into = resolve(all, target, bytes, device, true);
    from = resolve(all, source, bytes, device, false);
  }
  if (into.reach != Reach::ok || from.reach != Reach::ok) return stick(device, kIllegalAddress);
  move_bytes(into.segments, from.segments, fault.moved_bytes.value_or(bytes));
  if (fault.flip_offset) flip_byte(into.segments, *fault.flip_offset, fault.flip_mask);
}

/// Why the driver refuses a copy when it is asked for.
int check_copy(State& all, Side target, Side source, uint64_t bytes, uint32_t device)
{
  for (auto const write : {true, false}) {
    auto const reach = resolve(all, write ? target : source, bytes, device, write).reach;
    if (reach == Reach::unmapped) return kInvalidValue;
    if (reach == Reach::denied && !all.config.readonly_copy_faults) return kInvalidValue;
  }
  return kSuccess;
}

/// Whether a side is host memory that is not pinned, which the driver copies through a buffer of its own.
bool is_pageable(State& all, Side side)
{
  return side.host && all.memory.mapping_at(side.address) == nullptr &&
         all.memory.pinned_at(side.address) == all.memory.pinned.end();
}

struct Queued {
  int code = kSuccess;
  Point point;
  bool blocking = false;
};

Queued queue_copy(State& all, Side target, Side source, uint64_t bytes, void* stream_handle)
{
  auto const stream = stream_of(all, stream_handle);
  if (stream == nullptr) return {kInvalidHandle, {}, false};
  if (bytes == 0) return {};
  if (auto const code = check_copy(all, target, source, bytes, stream->device); code != kSuccess)
    return {code, {}, false};
  auto const fault = all.faults.on_copy(bytes);
  std::shared_ptr<std::vector<std::byte>> staged;
  auto const blocking = is_pageable(all, target);
  if (!blocking && is_pageable(all, source)) {
    auto const* const data = reinterpret_cast<std::byte const*>(source.address);
    staged = std::make_shared<std::vector<std::byte>>(data, data + bytes);
    source = on_host(staged->data());
  }
  auto const device = stream->device;
  auto const sequence = enqueue(all, stream, [=] {
    (void)staged;
    run_copy(target, source, bytes, device, fault);
  });
  return {kSuccess, {stream, sequence}, blocking};
}

enum class Returns { when_queued, when_done };

int copy(char const* function, int since, Side target, Side source, uint64_t bytes, void* stream, Returns returns)
{
  return call(function, since, Needs::context, [&]() -> int {
    auto& all = state();
    Queued queued;
    {
      std::scoped_lock const lock{all.mutex};
      queued = queue_copy(all, target, source, bytes, stream);
    }
    if (queued.code != kSuccess || queued.point.stream == nullptr) return queued.code;
    if (returns == Returns::when_queued && !queued.blocking) return kSuccess;
    return wait({queued.point}, queued.point.stream->device);
  });
}

/// A fill whose turn has come. It writes as a kernel does: what it may not write is an illegal address.
template <typename Unit>
void run_fill(Address address, Unit value, uint64_t bytes, uint32_t device)
{
  auto& all = state();
  Resolved into;
  {
    std::scoped_lock const lock{all.mutex};
    into = resolve(all, on_device(address), bytes, device, true);
  }
  if (into.reach != Reach::ok) return stick(device, kIllegalAddress);
  // Segments are whole pages but for the last, so every unit lies in one.
  for (auto const& segment : into.segments) {
    if constexpr (sizeof(Unit) == 1) {
      std::memset(segment.data, value, segment.bytes);
    } else {
      for (uint64_t at = 0; at + sizeof value <= segment.bytes; at += sizeof value)
        std::memcpy(segment.data + at, &value, sizeof value);
    }
  }
}

template <typename Unit>
int fill(char const* function, uint64_t address, Unit value, size_t count, void* stream_handle)
{
  return locked(function, 3020, Needs::context, [&](State& all) -> int {
    auto const stream = stream_of(all, stream_handle);
    if (stream == nullptr) return kInvalidHandle;
    if (address % sizeof value != 0 || count > UINT64_MAX / sizeof value) return kInvalidValue;
    auto const bytes = count * sizeof value;
    if (bytes == 0) return kSuccess;
    auto const device = stream->device;
    // Memory that may not be written is found out on the device; what is no memory at all, here.
    if (resolve(all, on_device(address), bytes, device, true).reach == Reach::unmapped) return kInvalidValue;
    enqueue(all, stream, [=] { run_fill(address, value, bytes, device); });
    return kSuccess;
  });
}

}  // namespace
}  // namespace vrfake

using namespace vrfake;

extern "C" {

int cuMemcpy(uint64_t target, uint64_t source, size_t bytes)
{
  return copy("cuMemcpy", 4000, {target, true}, {source, true}, bytes, nullptr, Returns::when_done);
}

int cuMemcpyHtoD_v2(uint64_t target, void const* source, size_t bytes)
{
  return copy("cuMemcpyHtoD_v2", 3020, on_device(target), on_host(source), bytes, nullptr, Returns::when_done);
}

int cuMemcpyDtoH_v2(void* target, uint64_t source, size_t bytes)
{
  return copy("cuMemcpyDtoH_v2", 3020, on_host(target), on_device(source), bytes, nullptr, Returns::when_done);
}

int cuMemcpyDtoD_v2(uint64_t target, uint64_t source, size_t bytes)
{
  // Between device addresses even this call returns before the copy is done.
  return copy("cuMemcpyDtoD_v2", 3020, on_device(target), on_device(source), bytes, nullptr, Returns::when_queued);
}

int cuMemcpyAsync(uint64_t target, uint64_t source, size_t bytes, void* stream)
{
  return copy("cuMemcpyAsync", 4000, {target, true}, {source, true}, bytes, stream, Returns::when_queued);
}

int cuMemcpyHtoDAsync_v2(uint64_t target, void const* source, size_t bytes, void* stream)
{
  return copy("cuMemcpyHtoDAsync_v2", 3020, on_device(target), on_host(source), bytes, stream, Returns::when_queued);
}

int cuMemcpyDtoHAsync_v2(void* target, uint64_t source, size_t bytes, void* stream)
{
  return copy("cuMemcpyDtoHAsync_v2", 3020, on_host(target), on_device(source), bytes, stream, Returns::when_queued);
}

int cuMemcpyDtoDAsync_v2(uint64_t target, uint64_t source, size_t bytes, void* stream)
{
  return copy("cuMemcpyDtoDAsync_v2", 3020, on_device(target), on_device(source), bytes, stream, Returns::when_queued);
}

int cuMemsetD8_v2(uint64_t address, unsigned char value, size_t count)
{
  return fill("cuMemsetD8_v2", address, value, count, nullptr);
}

int cuMemsetD16_v2(uint64_t address, unsigned short value, size_t count)
{
  return fill("cuMemsetD16_v2", address, value, count, nullptr);
}

int cuMemsetD32_v2(uint64_t address, unsigned value, size_t count)
{
  return fill("cuMemsetD32_v2", address, value, count, nullptr);
}

int cuMemsetD8Async(uint64_t address, unsigned char value, size_t count, void* stream)
{
  return fill("cuMemsetD8Async", address, value, count, stream);
}

int cuMemsetD16Async(uint64_t address, unsigned short value, size_t count, void* stream)
{
  return fill("cuMemsetD16Async", address, value, count, stream);
}

int cuMemsetD32Async(uint64_t address, unsigned value, size_t count, void* stream)
{
  return fill("cuMemsetD32Async", address, value, count, stream);
}

}  // extern "C"
