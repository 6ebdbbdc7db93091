// SPDX-License-Identifier: Apache-2.0
#include "nvml.h"

namespace vram_residency {

namespace {

/// What `get` wrote, or nothing when the function is missing or failed.
template <typename Function, typename Value, typename... Before>
bool ask(Function function, Value* value, Before... before)
{
  return function != nullptr && function(before..., value) == nvml::kSuccess;
}

constexpr int kCorrected = 0;
constexpr int kUncorrected = 1;
constexpr int kVolatile = 0;
constexpr int kAggregate = 1;
constexpr int kClockSm = 1;
constexpr int kClockMemory = 2;

}  // namespace

void Nvml::load(std::string const& path)
{
  if (!library_.open(path, "libnvidia-ml.so.1")) { return; }
#define VRAM_LOAD(name, parameters) name = reinterpret_cast<decltype(name)>(library_.symbol(#name));
  VRAM_NVML(VRAM_LOAD)
#undef VRAM_LOAD
  ready_ = nvmlInit_v2 != nullptr && nvmlInit_v2() == nvml::kSuccess;
}

Nvml::~Nvml()
{
  if (ready_ && nvmlShutdown != nullptr) { nvmlShutdown(); }
}

std::string Nvml::driver_version() const
{
  char version[96] = "";
  if (!ready_ || nvmlSystemGetDriverVersion == nullptr ||
      nvmlSystemGetDriverVersion(version, sizeof version) != nvml::kSuccess) {
    return {};
  }
  version[sizeof version - 1] = '\0';
  return version;
}

nvml::Handle Nvml::find(std::string const& uuid, std::string const& pci) const
{
  nvml::Handle device = nullptr;
  if (!ready_) { return nullptr; }
  if (ask(nvmlDeviceGetHandleByUUID, &device, uuid.c_str())) { return device; }
  if (!pci.empty() && ask(nvmlDeviceGetHandleByPciBusId_v2, &device, pci.c_str())) { return device; }
  return nullptr;
}

NvmlFacts Nvml::facts(nvml::Handle device) const
{
  NvmlFacts facts;
  if (device == nullptr) { return facts; }

  nvml::AddressingMode mode{nvml::version_of<nvml::AddressingMode>(1), 0};
  if (ask(nvmlDeviceGetAddressingMode, &mode, device) && mode.value <= VR_ADDRESSING_ATS) {
    facts.addressing = static_cast<std::int32_t>(mode.value);
  }
  unsigned current = 0;
  unsigned pending = 0;
  if (nvmlDeviceGetEccMode != nullptr && nvmlDeviceGetEccMode(device, &current, &pending) == nvml::kSuccess) {
    facts.ecc = current != 0;
  }
  if (nvmlDeviceGetMigMode != nullptr) {
    auto const answer = nvmlDeviceGetMigMode(device, &current, &pending);
    if (answer == nvml::kSuccess) { facts.mig_mode = current != 0; }
    if (answer == nvml::kNotSupported) { facts.mig_mode = 0; }
  }
  unsigned corrected = 0;
  unsigned uncorrected = 0;
  unsigned failed = 0;
  if (nvmlDeviceGetRemappedRows != nullptr &&
      nvmlDeviceGetRemappedRows(device, &corrected, &uncorrected, &pending, &failed) == nvml::kSuccess) {
    facts.row_remap = failed != 0 ? VR_REMAP_FAILED : pending != 0 ? VR_REMAP_PENDING : VR_REMAP_CLEAN;
  }
  return facts;
}

void Nvml::observe(nvml::Handle device, JsonObject& into) const
{
  if (device == nullptr) { return; }
  unsigned long long wide = 0;
  unsigned value = 0;
  auto const ecc = [&](char const* name, int kind, int counter) {
    if (ask(nvmlDeviceGetTotalEccErrors, &wide, device, kind, counter)) {
      into.number(name, static_cast<std::int64_t>(wide));
    }
  };
  ecc("eccCorrectedVolatile", kCorrected, kVolatile);
  ecc("eccUncorrectedVolatile", kUncorrected, kVolatile);
  ecc("eccCorrectedAggregate", kCorrected, kAggregate);
  ecc("eccUncorrectedAggregate", kUncorrected, kAggregate);

  nvml::Memory memory{};
  memory.version = nvml::version_of<nvml::Memory>(2);
  if (ask(nvmlDeviceGetMemoryInfo_v2, &memory, device)) {
    into.number("nvmlMemoryUsedBytes", static_cast<std::int64_t>(memory.used));
    into.number("nvmlMemoryReservedBytes", static_cast<std::int64_t>(memory.reserved));
  }
  nvml::Bar1 bar{};
  if (ask(nvmlDeviceGetBAR1MemoryInfo, &bar, device)) {
    into.number("bar1TotalBytes", static_cast<std::int64_t>(bar.total));
    into.number("bar1UsedBytes", static_cast<std::int64_t>(bar.used));
  }
  if (ask(nvmlDeviceGetPersistenceMode, &value, device)) { into.boolean("persistenceMode", value != 0); }
  if (ask(nvmlDeviceGetClockInfo, &value, device, kClockSm)) { into.number("smClockMhz", value); }
  if (ask(nvmlDeviceGetClockInfo, &value, device, kClockMemory)) { into.number("memoryClockMhz", value); }
  if (ask(nvmlDeviceGetMaxClockInfo, &value, device, kClockSm)) { into.number("smClockMaxMhz", value); }
  if (ask(nvmlDeviceGetCurrentClocksThrottleReasons, &wide, device)) {
    into.number("clockThrottleReasons", static_cast<std::int64_t>(wide));
  }
  if (ask(nvmlDeviceGetCurrPcieLinkGeneration, &value, device)) { into.number("pcieLinkGeneration", value); }
  if (ask(nvmlDeviceGetCurrPcieLinkWidth, &value, device)) { into.number("pcieLinkWidth", value); }
  char serial[64] = "";
  if (nvmlDeviceGetSerial != nullptr && nvmlDeviceGetSerial(device, serial, sizeof serial) == nvml::kSuccess) {
    serial[sizeof serial - 1] = '\0';
    into.text("serial", serial);
  }
}

}  // namespace vram_residency
