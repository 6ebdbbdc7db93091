// SPDX-License-Identifier: Apache-2.0
/// What the link and the memory can do, in the units in which the library's own figures are quoted.
#include <algorithm>
#include <cstring>
#include <vector>

#include "questions.h"

namespace vram_residency::probe {
namespace {

constexpr std::size_t kMib = std::size_t{1} << 20;
constexpr std::size_t kGib = std::size_t{1} << 30;
constexpr int kRounds = 5;

/// The best of some rounds, each from its first submission to the end of the work. Unit: bytes a second.
template <typename Work>
double best_rate(Gpu& gpu, std::size_t bytes, Work const& work)
{
  double least = 0;
  for (int round = 0; round <= kRounds; ++round) {
    double const started = now_ms();
    need(gpu, work(), "a measured call");
    need(gpu, call(gpu.cuCtxSynchronize), "cuCtxSynchronize");
    double const took = now_ms() - started;
    // The first round only warms up.
    if (round > 0) { least = least == 0 ? took : std::min(least, took); }
  }
  return static_cast<double>(bytes) / (least / 1000);
}

/// Copies `bytes` in slots that take turns on two streams, as the staging ring does.
Result copy_in_slots(Gpu& gpu, DevicePointer to, unsigned char* from, std::size_t ring, std::size_t slot, std::size_t bytes,
                     Stream const (&streams)[2])
{
  for (std::size_t done = 0; done < bytes; done += slot) {
    Result const code = call(gpu.cuMemcpyHtoDAsync_v2, to + done, from + done % ring, slot, streams[done / slot % 2]);
    if (code != kSuccess) { return code; }
  }
  return kSuccess;
}

}  // namespace

void rates(Gpu& gpu, JsonObject& answer)
{
  constexpr std::size_t kRing = 128 * kMib;
  std::size_t const bytes = gpu.fake ? 256 * kMib : kGib;
  gpu.enter();
  double started = now_ms();
  void* pinned = nullptr;
  need(gpu, call(gpu.cuMemHostAlloc, &pinned, kRing, kHostAllocPortable), "cuMemHostAlloc");
  answer.raw("pin128MibMs", decimal(now_ms() - started));
  std::memset(pinned, 0x5A, kRing);
  Stream streams[2] = {};
  for (Stream& stream : streams) {
    need(gpu, call(gpu.cuStreamCreateWithPriority, &stream, kStreamNonBlocking, 0), "cuStreamCreateWithPriority");
  }
  DevicePointer to = 0;
  DevicePointer other = 0;
  need(gpu, call(gpu.cuMemAlloc_v2, &to, bytes), "cuMemAlloc");
  need(gpu, call(gpu.cuMemAlloc_v2, &other, bytes), "cuMemAlloc");
  auto* const ring = static_cast<unsigned char*>(pinned);
  answer.number("bytes", static_cast<std::int64_t>(bytes));
  for (std::size_t const slot : {4 * kMib, 16 * kMib, 64 * kMib}) {
    double const rate = best_rate(gpu, bytes, [&] { return copy_in_slots(gpu, to, ring, kRing, slot, bytes, streams); });
    answer.raw("pinnedToDevice" + std::to_string(slot / kMib) + "MibPerSecond", decimal(rate));
  }
  answer.raw("deviceToPinnedPerSecond",
             decimal(best_rate(gpu, kRing, [&] { return call(gpu.cuMemcpyDtoHAsync_v2, pinned, to, kRing, streams[0]); })));
  std::vector<unsigned char> pageable(kRing, 0x5A);
  answer.raw("pageableToDevicePerSecond",
             decimal(best_rate(gpu, kRing, [&] { return call(gpu.cuMemcpyHtoD_v2, to, pageable.data(), kRing); })));
  answer.raw("memsetPerSecond",
             decimal(best_rate(gpu, bytes, [&] { return call(gpu.cuMemsetD8Async, to, 0, bytes, streams[0]); })));
  // Bytes copied; the memory reads and writes each of them.
  answer.raw("deviceCopyPerSecond",
             decimal(best_rate(gpu, bytes, [&] { return call(gpu.cuMemcpyDtoDAsync_v2, other, to, bytes, streams[0]); })));
  started = now_ms();
  need(gpu, call(gpu.cuMemFreeHost, pinned), "cuMemFreeHost");
  answer.raw("unpin128MibMs", decimal(now_ms() - started));
}

void allocation_costs(Gpu& gpu, JsonObject& answer)
{
  gpu.enter();
  std::size_t free = 0;
  std::size_t total = 0;
  need(gpu, call(gpu.cuMemGetInfo_v2, &free, &total), "cuMemGetInfo");
  AllocationProperties const properties = properties_of(gpu);
  for (std::size_t const bytes : {2 * kMib, kGib, 64 * kGib}) {
    JsonObject one;
    if (bytes > free || (gpu.fake && bytes > kGib)) { continue; }
    AllocationHandle handle = 0;
    DevicePointer at = 0;
    double started = now_ms();
    auto const took = [&](char const* name, Result code) {
      double const ended = now_ms();
      need(gpu, code, name);
      one.raw(name, decimal(ended - started));
      started = now_ms();
    };
    took("createMs", call(gpu.cuMemCreate, &handle, bytes, &properties, 0ull));
    took("reserveMs", call(gpu.cuMemAddressReserve, &at, bytes, std::size_t{0}, DevicePointer{0}, 0ull));
    took("mapMs", call(gpu.cuMemMap, at, bytes, std::size_t{0}, handle, 0ull));
    took("setAccessMs", set_access(gpu, at, bytes, kAccessReadWrite));
    took("setReadOnlyMs", set_access(gpu, at, bytes, kAccessRead));
    took("unmapMs", call(gpu.cuMemUnmap, at, bytes));
    took("releaseMs", call(gpu.cuMemRelease, handle));
    took("addressFreeMs", call(gpu.cuMemAddressFree, at, bytes));
    took("plainAllocMs", call(gpu.cuMemAlloc_v2, &at, bytes));
    took("plainFreeMs", call(gpu.cuMemFree_v2, at));
    answer.raw(std::to_string(bytes / kMib) + "Mib", one.str());
  }
}

}  // namespace vram_residency::probe
