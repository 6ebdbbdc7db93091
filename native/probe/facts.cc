// SPDX-License-Identifier: Apache-2.0
/// What the device and NVML say of themselves: the raw material of a profile of the fake driver.
#include <dlfcn.h>

#include "questions.h"

namespace vram_residency::probe {
namespace {

/// Above the last attribute that the headers of today know.
constexpr int kAttributes = 200;
constexpr int kNvmlClocks[] = {0, 1, 2};
constexpr char const* kNvmlClockNames[] = {"graphics", "sm", "memory"};

using NvmlDevice = struct OpaqueNvmlDevice*;

template <typename... Parameters>
auto nvml_function(Gpu const& gpu, char const* name)
{
  using Function = int (*)(Parameters...);
  return gpu.nvml == nullptr ? nullptr : reinterpret_cast<Function>(dlsym(gpu.nvml, name));
}

/// Asks for one number. What has no answer is null.
template <typename Number, typename... Arguments>
void ask(Gpu const& gpu, JsonObject& into, char const* label, char const* name, NvmlDevice device, Arguments... arguments)
{
  auto const function = nvml_function<NvmlDevice, Arguments..., Number*>(gpu, name);
  Number value{};
  bool const told = function != nullptr && function(device, arguments..., &value) == 0;
  into.raw(label, told ? std::to_string(value) : "null");
}

NvmlDevice nvml_device(Gpu const& gpu)
{
  auto const initialise = nvml_function<>(gpu, "nvmlInit_v2");
  auto const find = nvml_function<char const*, NvmlDevice*>(gpu, "nvmlDeviceGetHandleByPciBusId_v2");
  char address[32] = {};
  NvmlDevice device = nullptr;
  if (initialise == nullptr || find == nullptr || initialise() != 0) { return nullptr; }
  if (call(gpu.cuDeviceGetPCIBusId, address, static_cast<int>(sizeof address), gpu.device) != kSuccess) { return nullptr; }
  return find(address, &device) == 0 ? device : nullptr;
}

}  // namespace

void attributes(Gpu& gpu, JsonObject& answer)
{
  char name[256] = {};
  std::size_t bytes = 0;
  int version = 0;
  call(gpu.cuDeviceGetName, name, static_cast<int>(sizeof name), gpu.device);
  call(gpu.cuDeviceTotalMem_v2, &bytes, gpu.device);
  call(gpu.cuDriverGetVersion, &version);
  answer.text("name", name);
  answer.number("totalBytes", static_cast<std::int64_t>(bytes));
  answer.number("cudaVersion", version);
  JsonObject values;
  for (int attribute = 1; attribute <= kAttributes; ++attribute) {
    int value = 0;
    if (call(gpu.cuDeviceGetAttribute, &value, attribute, gpu.device) == kSuccess) {
      values.number(std::to_string(attribute), value);
    }
  }
  answer.raw("attributes", values.str());
  gpu.enter();
  answer.number("granularityBytes", static_cast<std::int64_t>(granularity_of(gpu)));
  std::size_t free = 0;
  std::size_t total = 0;
  call(gpu.cuMemGetInfo_v2, &free, &total);
  answer.number("freeBytes", static_cast<std::int64_t>(free));
}

void clocks(Gpu& gpu, JsonObject& answer)
{
  NvmlDevice const device = nvml_device(gpu);
  answer.boolean("nvml", device != nullptr);
  if (device == nullptr) { return; }
  for (int const kind : kNvmlClocks) {
    std::string const name = kNvmlClockNames[kind];
    ask<unsigned>(gpu, answer, (name + "Mhz").c_str(), "nvmlDeviceGetClockInfo", device, kind);
    ask<unsigned>(gpu, answer, (name + "MaxMhz").c_str(), "nvmlDeviceGetMaxClockInfo", device, kind);
  }
  ask<unsigned long long>(gpu, answer, "throttleReasons", "nvmlDeviceGetCurrentClocksThrottleReasons", device);
  ask<unsigned>(gpu, answer, "pcieGeneration", "nvmlDeviceGetCurrPcieLinkGeneration", device);
  ask<unsigned>(gpu, answer, "pcieWidth", "nvmlDeviceGetCurrPcieLinkWidth", device);
  ask<unsigned>(gpu, answer, "powerMilliwatts", "nvmlDeviceGetPowerUsage", device);
  ask<unsigned>(gpu, answer, "temperatureCelsius", "nvmlDeviceGetTemperature", device, 0);
  ask<unsigned>(gpu, answer, "persistence", "nvmlDeviceGetPersistenceMode", device);
}

}  // namespace vram_residency::probe
