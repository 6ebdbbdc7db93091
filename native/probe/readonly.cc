// SPDX-License-Identifier: Apache-2.0
/// Writes into memory that is mapped for reading.
#include <functional>
#include <vector>

#include "questions.h"

namespace vram_residency::probe {
namespace {

constexpr std::size_t kBytes = 4096;
constexpr unsigned char kBefore = 0x5A;
constexpr unsigned char kWritten = 0xC3;

/// One store by one thread. It is old PTX, so that every driver takes it.
constexpr char kStore[] =
    ".version 6.0\n.target sm_50\n.address_size 64\n"
    ".visible .entry probe_store(.param .u64 to)\n{\n"
    ".reg .b64 %a;\n.reg .b32 %v;\n"
    "ld.param.u64 %a, [to];\ncvta.to.global.u64 %a, %a;\nmov.u32 %v, 195;\nst.global.u8 [%a], %v;\nret;\n}\n";

/// What was said by the write, by waiting for it, and by a first innocent call after it; and what lies there.
void observe(Gpu& gpu, JsonObject& answer, std::function<Result(DevicePointer, unsigned char const*)> const& write)
{
  gpu.enter();
  Block const block = make_block(gpu, granularity_of(gpu), kAccessReadWrite);
  need(gpu, call(gpu.cuMemsetD8_v2, block.address, kBefore, kBytes), "cuMemsetD8");
  need(gpu, set_access(gpu, block.address, block.bytes, kAccessRead), "cuMemSetAccess");
  std::vector<unsigned char> const from(kBytes, kWritten);
  answer.text("write", said(gpu, write(block.address, from.data())));
  answer.text("synchronize", said(gpu, call(gpu.cuCtxSynchronize)));
  DevicePointer other = 0;
  Result const after = call(gpu.cuMemAlloc_v2, &other, kBytes);
  answer.text("after", said(gpu, after));
  answer.boolean("sticky", after != kSuccess);
  std::vector<unsigned char> lies(kBytes);
  Result const read = call(gpu.cuMemcpyDtoH_v2, lies.data(), block.address, kBytes);
  answer.text("read", said(gpu, read));
  if (read == kSuccess) { answer.boolean("unchanged", lies == std::vector<unsigned char>(kBytes, kBefore)); }
}

}  // namespace

void readonly_copy(Gpu& gpu, JsonObject& answer)
{
  observe(gpu, answer, [&gpu](DevicePointer to, unsigned char const* from) {
    return call(gpu.cuMemcpyHtoD_v2, to, from, kBytes);
  });
}

void readonly_copy_async(Gpu& gpu, JsonObject& answer)
{
  observe(gpu, answer, [&gpu](DevicePointer to, unsigned char const* from) {
    return call(gpu.cuMemcpyHtoDAsync_v2, to, from, kBytes, nullptr);
  });
}

void readonly_memset(Gpu& gpu, JsonObject& answer)
{
  observe(gpu, answer, [&gpu](DevicePointer to, unsigned char const*) {
    return call(gpu.cuMemsetD8_v2, to, kWritten, kBytes);
  });
}

void readonly_memset_async(Gpu& gpu, JsonObject& answer)
{
  observe(gpu, answer, [&gpu](DevicePointer to, unsigned char const*) {
    return call(gpu.cuMemsetD8Async, to, kWritten, kBytes, nullptr);
  });
}

void readonly_kernel(Gpu& gpu, JsonObject& answer)
{
  void* function = nullptr;
  bool ready = false;
  observe(gpu, answer, [&](DevicePointer to, unsigned char const*) {
    void* module = nullptr;
    Result const loaded = call(gpu.cuModuleLoadData, &module, kStore);
    Result const found = loaded == kSuccess ? call(gpu.cuModuleGetFunction, &function, module, "probe_store") : loaded;
    ready = found == kSuccess;
    if (!ready) { return found; }
    void* parameters[] = {&to};
    return call(gpu.cuLaunchKernel, function, 1u, 1u, 1u, 1u, 1u, 1u, 0u, nullptr, parameters, nullptr);
  });
  answer.boolean("launched", ready);
}

void access_flips(Gpu& gpu, JsonObject& answer)
{
  constexpr int kFlips = 16;
  constexpr std::size_t kRange = std::size_t{1} << 30;
  gpu.enter();
  Block const block = make_block(gpu, kRange, kAccessReadWrite);
  need(gpu, call(gpu.cuMemsetD8_v2, block.address, kBefore, kRange), "cuMemsetD8");
  double const started = now_ms();
  for (int flip = 0; flip < kFlips; ++flip) {
    need(gpu, set_access(gpu, block.address, kRange, flip % 2 == 0 ? kAccessRead : kAccessReadWrite), "cuMemSetAccess");
  }
  answer.raw("setAccessMsPerGib", decimal((now_ms() - started) / kFlips));
  std::vector<unsigned char> lies(kBytes);
  need(gpu, call(gpu.cuMemcpyDtoH_v2, lies.data(), block.address + kRange - kBytes, kBytes), "cuMemcpyDtoH");
  answer.boolean("unchanged", lies == std::vector<unsigned char>(kBytes, kBefore));
}

}  // namespace vram_residency::probe
