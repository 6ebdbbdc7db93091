// SPDX-License-Identifier: Apache-2.0
#include "gpu.h"

#include <dlfcn.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

namespace vram_residency::probe {
namespace {

[[noreturn]] void stop(std::string const& why)
{
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(3);
}

template <typename Function>
void take(void* library, char const* name, Function& function)
{
  function = reinterpret_cast<Function>(dlsym(library, name));
}

}  // namespace

void Gpu::open(char const* cuda, char const* nvml_path)
{
  void* library = dlopen(cuda, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) { stop(std::string("there is no CUDA driver: ") + dlerror()); }
#define VRAM_TAKE(name, parameters) take(library, #name, name);
  VRAM_DRIVER_REQUIRED(VRAM_TAKE)
  VRAM_DRIVER_OPTIONAL(VRAM_TAKE)
  VRAM_PROBE_DRIVER(VRAM_TAKE)
#undef VRAM_TAKE
  fake = dlsym(library, "vrfake_abi_version") != nullptr;
  nvml = dlopen(nvml_path, RTLD_NOW | RTLD_LOCAL);
  need(*this, call(cuInit, 0u), "cuInit");
  need(*this, call(cuDeviceGet, &device, 0), "cuDeviceGet");
}

void Gpu::enter()
{
  Context context = nullptr;
  need(*this, call(cuDevicePrimaryCtxRetain, &context, device), "cuDevicePrimaryCtxRetain");
  need(*this, call(cuCtxSetCurrent, context), "cuCtxSetCurrent");
}

void need(Gpu const& gpu, Result code, char const* step)
{
  if (code != kSuccess) { stop(std::string(step) + ": " + said(gpu, code)); }
}

std::string said(Gpu const& gpu, Result code)
{
  if (code == kSuccess) { return "success"; }
  if (code == kMissing) { return "missing"; }
  char const* name = nullptr;
  bool const named = call(gpu.cuGetErrorName, code, &name) == kSuccess && name != nullptr;
  return std::string(named ? name : "unnamed") + " (" + std::to_string(code) + ")";
}

AllocationProperties properties_of(Gpu const& gpu)
{
  AllocationProperties properties{};
  properties.type = kTypePinned;
  properties.location = {kLocationDevice, gpu.device};
  return properties;
}

std::size_t granularity_of(Gpu const& gpu)
{
  AllocationProperties const properties = properties_of(gpu);
  std::size_t bytes = 0;
  need(gpu, call(gpu.cuMemGetAllocationGranularity, &bytes, &properties, kGranularityMinimum),
       "cuMemGetAllocationGranularity");
  return bytes;
}

Result set_access(Gpu const& gpu, DevicePointer address, std::size_t bytes, int access)
{
  AccessDescriptor const descriptor{{kLocationDevice, gpu.device}, access};
  return call(gpu.cuMemSetAccess, address, bytes, &descriptor, std::size_t{1});
}

Block make_block(Gpu const& gpu, std::size_t bytes, int access)
{
  AllocationProperties const properties = properties_of(gpu);
  Block block{0, bytes, 0};
  need(gpu, call(gpu.cuMemCreate, &block.handle, bytes, &properties, 0ull), "cuMemCreate");
  need(gpu, call(gpu.cuMemAddressReserve, &block.address, bytes, std::size_t{0}, DevicePointer{0}, 0ull),
       "cuMemAddressReserve");
  need(gpu, call(gpu.cuMemMap, block.address, bytes, std::size_t{0}, block.handle, 0ull), "cuMemMap");
  need(gpu, set_access(gpu, block.address, bytes, access), "cuMemSetAccess");
  return block;
}

double now_ms()
{
  auto const since = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double, std::milli>(since).count();
}

std::string decimal(double value)
{
  char text[64];
  std::snprintf(text, sizeof text, "%.6f", value);
  return text;
}

}  // namespace vram_residency::probe
