// SPDX-License-Identifier: Apache-2.0
/// What calls about memory mean where the documentation leaves it open.
#include <array>

#include "questions.h"

namespace vram_residency::probe {
namespace {

struct Attribute {
  int number;
  char const* name;
};

constexpr Attribute kAsked[] = {
    {kMemoryType, "memoryType"}, {kIsManaged, "isManaged"},     {kDeviceOrdinal, "deviceOrdinal"},
    {kMapped, "mapped"},         {kHandleTypes, "handleTypes"}, {kAccessFlags, "accessFlags"},
    {kPoolHandle, "poolHandle"}, {kBufferId, "bufferId"},       {kMemoryBlockId, "memoryBlockId"},
};

constexpr std::size_t kRoom = 32;

/// The last byte that an answer changes, counted over two different fillings: a byte that equals the one is not the other.
std::size_t width_of(Gpu const& gpu, int attribute, DevicePointer address, Result& code)
{
  std::size_t width = 0;
  for (unsigned char const filling : {static_cast<unsigned char>(0xCC), static_cast<unsigned char>(0x33)}) {
    std::array<unsigned char, kRoom> room;
    room.fill(filling);
    code = call(gpu.cuPointerGetAttribute, room.data(), attribute, address);
    for (std::size_t at = 0; at < kRoom; ++at) {
      if (room[at] != filling && at + 1 > width) { width = at + 1; }
    }
  }
  return width;
}

}  // namespace

void attribute_widths(Gpu& gpu, JsonObject& answer)
{
  gpu.enter();
  Block const block = make_block(gpu, granularity_of(gpu), kAccessReadWrite);
  for (Attribute const& asked : kAsked) {
    Result code = kSuccess;
    JsonObject one;
    one.number("bytes", static_cast<std::int64_t>(width_of(gpu, asked.number, block.address, code)));
    one.text("said", said(gpu, code));
    answer.raw(asked.name, one.str());
  }
}

void ranges(Gpu& gpu, JsonObject& answer)
{
  gpu.enter();
  std::size_t const granule = granularity_of(gpu);
  AllocationProperties const properties = properties_of(gpu);
  DevicePointer base = 0;
  need(gpu, call(gpu.cuMemAddressReserve, &base, 4 * granule, std::size_t{0}, DevicePointer{0}, 0ull), "cuMemAddressReserve");
  for (int half = 0; half < 2; ++half) {
    AllocationHandle handle = 0;
    DevicePointer const at = base + static_cast<DevicePointer>(half) * granule;
    need(gpu, call(gpu.cuMemCreate, &handle, granule, &properties, 0ull), "cuMemCreate");
    need(gpu, call(gpu.cuMemMap, at, granule, std::size_t{0}, handle, 0ull), "cuMemMap");
    need(gpu, set_access(gpu, at, granule, kAccessReadWrite), "cuMemSetAccess");
  }
  DevicePointer const inside = base + granule + granule / 2;
  DevicePointer start = 0;
  std::size_t bytes = 0;
  DevicePointer range_start = 0;
  std::size_t range_bytes = 0;
  answer.text("rangeStart", said(gpu, call(gpu.cuPointerGetAttribute, &start, kRangeStart, inside)));
  answer.text("rangeSize", said(gpu, call(gpu.cuPointerGetAttribute, &bytes, kRangeSize, inside)));
  answer.text("getAddressRange", said(gpu, call(gpu.cuMemGetAddressRange_v2, &range_start, &range_bytes, inside)));
  // Two of four granules are mapped; the question lies in the second. In granules, never as addresses.
  auto const granules = [granule](std::uint64_t value) { return decimal(static_cast<double>(value) / static_cast<double>(granule)); };
  answer.raw("startGranule", granules(start - base));
  answer.raw("sizeGranules", granules(bytes));
  answer.raw("addressRangeStartGranule", granules(range_start - base));
  answer.raw("addressRangeGranules", granules(range_bytes));
}

void without_context(Gpu& gpu, JsonObject& answer)
{
  AllocationProperties const properties = properties_of(gpu);
  std::size_t granule = 0;
  answer.text("cuMemGetAllocationGranularity",
              said(gpu, call(gpu.cuMemGetAllocationGranularity, &granule, &properties, kGranularityMinimum)));
  if (granule == 0) { granule = std::size_t{2} << 20; }
  AllocationHandle handle = 0;
  DevicePointer address = 0;
  unsigned long long flags = 0;
  Location const here{kLocationDevice, gpu.device};
  unsigned type = 0;
  std::size_t free = 0;
  std::size_t total = 0;
  answer.text("cuMemCreate", said(gpu, call(gpu.cuMemCreate, &handle, granule, &properties, 0ull)));
  answer.text("cuMemAddressReserve",
              said(gpu, call(gpu.cuMemAddressReserve, &address, granule, std::size_t{0}, DevicePointer{0}, 0ull)));
  answer.text("cuMemMap", said(gpu, call(gpu.cuMemMap, address, granule, std::size_t{0}, handle, 0ull)));
  answer.text("cuMemSetAccess", said(gpu, set_access(gpu, address, granule, kAccessRead)));
  answer.text("cuMemGetAccess", said(gpu, call(gpu.cuMemGetAccess, &flags, &here, address)));
  answer.text("cuPointerGetAttribute", said(gpu, call(gpu.cuPointerGetAttribute, &type, kMemoryType, address)));
  answer.text("cuMemGetInfo", said(gpu, call(gpu.cuMemGetInfo_v2, &free, &total)));
  answer.text("cuMemUnmap", said(gpu, call(gpu.cuMemUnmap, address, granule)));
  answer.text("cuMemRelease", said(gpu, call(gpu.cuMemRelease, handle)));
  answer.text("cuMemAddressFree", said(gpu, call(gpu.cuMemAddressFree, address, granule)));
}

void unmap_waits(Gpu& gpu, JsonObject& answer)
{
  constexpr std::size_t kBusy = std::size_t{1} << 30;
  constexpr int kPasses = 256;
  gpu.enter();
  Block const other = make_block(gpu, granularity_of(gpu), kAccessReadWrite);
  DevicePointer busy = 0;
  Stream stream = nullptr;
  Event done = nullptr;
  need(gpu, call(gpu.cuMemAlloc_v2, &busy, kBusy), "cuMemAlloc");
  need(gpu, call(gpu.cuStreamCreateWithPriority, &stream, kStreamNonBlocking, 0), "cuStreamCreateWithPriority");
  need(gpu, call(gpu.cuEventCreate, &done, kEventDisableTiming), "cuEventCreate");
  // Longer than any of the calls below takes by itself: 256 GiB of stores. A fake needs only a few of them.
  for (int pass = 0; pass < (gpu.fake ? 2 : kPasses); ++pass) {
    need(gpu, call(gpu.cuMemsetD8Async, busy, static_cast<unsigned char>(pass), kBusy, stream), "cuMemsetD8Async");
  }
  need(gpu, call(gpu.cuEventRecord, done, stream), "cuEventRecord");
  auto const step = [&](char const* name, Result code, double started) {
    JsonObject one;
    one.text("said", said(gpu, code));
    one.raw("ms", decimal(now_ms() - started));
    // Success before the call would say nothing: each step also says whether the work was still under way after it.
    one.boolean("workPendingAfter", call(gpu.cuEventQuery, done) == kNotReady);
    answer.raw(name, one.str());
  };
  answer.boolean("workPendingBefore", call(gpu.cuEventQuery, done) == kNotReady);
  double started = now_ms();
  Result code = set_access(gpu, other.address, other.bytes, kAccessRead);
  step("setAccess", code, started);
  started = now_ms();
  code = call(gpu.cuMemUnmap, other.address, other.bytes);
  step("unmap", code, started);
  started = now_ms();
  code = call(gpu.cuMemRelease, other.handle);
  step("release", code, started);
  started = now_ms();
  need(gpu, call(gpu.cuEventSynchronize, done), "cuEventSynchronize");
  answer.raw("workLeftMs", decimal(now_ms() - started));
}

}  // namespace vram_residency::probe
