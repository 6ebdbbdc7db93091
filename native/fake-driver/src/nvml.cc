// SPDX-License-Identifier: Apache-2.0
// libnvidia-ml.so.1 of the fake. It keeps no state: the fake driver, which it is linked to, has it all.
#include <cstdio>
#include <cstring>
#include <initializer_list>

#include "nvml_bridge.h"

#define VRFAKE_NVML extern "C" __attribute__((visibility("default")))

namespace {

enum Code : int {
  kSuccess = 0,
  kUninitialized = 1,
  kInvalidArgument = 2,
  kNotSupported = 3,
  kNotFound = 6,
  kInsufficientSize = 7,
  kDriverNotLoaded = 9,
  kGpuIsLost = 15,
  kArgumentVersionMismatch = 25,
  kUnknown = 999,
};

/// Versioned structures begin with their size and version.
constexpr unsigned version_of(size_t bytes, unsigned version) { return static_cast<unsigned>(bytes) | (version << 24); }

/// Structures as NVML lays them out.
struct Memory {
  unsigned long long total, free, used;
};
struct MemoryV2 {
  unsigned version;
  unsigned long long total, reserved, free, used;
};
struct Bar1Memory {
  unsigned long long total, free, used;
};
struct PciInfo {
  char bus_legacy[16];
  unsigned domain, bus, device, id, subsystem;
  char bus_id[32];
};
struct Versioned {
  unsigned version;
  unsigned value;
};
struct RepairStatus {
  unsigned version;
  unsigned channel_pending, tpc_pending;
};
struct ConfComputeState {
  unsigned environment, features, devtools;
};

/// Reserved by the driver itself, out of every total.
constexpr unsigned long long kReserved = 600ULL << 20;

bool initialised() { return vrfake_nvml_references(0) > 0; }

void* handle_of(uint32_t index) { return reinterpret_cast<void*>(uintptr_t{0x6e766d00} + index); }

/// A call that needs nvmlInit_v2.
template <typename Body>
int call(char const* function, Body&& body) noexcept
try {
  if (auto const code = vrfake_nvml_enter(function); code != 0) return code;
  if (!initialised()) return kUninitialized;
  return body();
} catch (...) {
  return kUnknown;
}

/// A call about one device.
template <typename Body>
int device_call(char const* function, void* handle, Body&& body) noexcept
{
  return call(function, [&]() -> int {
    auto const index = static_cast<uint32_t>(reinterpret_cast<uintptr_t>(handle) - 0x6e766d00);
    vrfake_nvml_device device;
    if (vrfake_nvml_describe(index, &device) != 0) return kInvalidArgument;
    if (device.lost) return kGpuIsLost;
    return body(device);
  });
}

int copy_text(char const* text, char* out, unsigned room)
{
  if (out == nullptr) return kInvalidArgument;
  if (std::strlen(text) >= room) return kInsufficientSize;
  std::strcpy(out, text);
  return kSuccess;
}

template <typename Value>
int put(Value* out, Value value)
{
  if (out == nullptr) return kInvalidArgument;
  *out = value;
  return kSuccess;
}

/// The handle of the first device for which `fits` says so.
template <typename Fits>
int find_device(void** out, Fits&& fits)
{
  if (out == nullptr) return kInvalidArgument;
  for (uint32_t index = 0; index < vrfake_nvml_devices(); ++index) {
    vrfake_nvml_device device;
    if (vrfake_nvml_describe(index, &device) != 0 || !fits(index, device)) continue;
    *out = handle_of(index);
    return device.lost ? kGpuIsLost : kSuccess;
  }
  return kNotFound;
}

void pci_text(vrfake_nvml_device const& device, char* out, size_t room)
{
  std::snprintf(out, room, "%08X:%02X:%02X.0", static_cast<unsigned>(device.pci_domain),
                static_cast<unsigned>(device.pci_bus) & 0xFFU, static_cast<unsigned>(device.pci_slot) & 0xFFU);
}

}  // namespace

VRFAKE_NVML int nvmlInit_v2()
{
  if (auto const code = vrfake_nvml_enter("nvmlInit_v2"); code != 0) return code;
  return vrfake_nvml_references(1) < 0 ? kDriverNotLoaded : kSuccess;
}

VRFAKE_NVML int nvmlInitWithFlags(unsigned)
{
  if (auto const code = vrfake_nvml_enter("nvmlInitWithFlags"); code != 0) return code;
  return vrfake_nvml_references(1) < 0 ? kDriverNotLoaded : kSuccess;
}

VRFAKE_NVML int nvmlShutdown()
{
  return call("nvmlShutdown", [] { return vrfake_nvml_references(-1) < 0 ? kUninitialized : kSuccess; });
}

VRFAKE_NVML char const* nvmlErrorString(int code)
{
  switch (code) {
    case kSuccess: return "no error";
    case kUninitialized: return "nvmlInit has not been called";
    case kInvalidArgument: return "an argument is wrong";
    case kNotSupported: return "not supported on this device";
    case kNotFound: return "no such device";
    case kInsufficientSize: return "the buffer is too small";
    case kDriverNotLoaded: return "the driver is not loaded";
    case kGpuIsLost: return "the device is gone from the bus";
    case kArgumentVersionMismatch: return "the structure's version is unknown";
    default: return "unknown error";
  }
}

VRFAKE_NVML int nvmlSystemGetDriverVersion(char* out, unsigned room)
{
  return call("nvmlSystemGetDriverVersion", [&] {
    vrfake_nvml_device device{};
    vrfake_nvml_describe(0, &device);
    return copy_text(device.driver_release, out, room);
  });
}

VRFAKE_NVML int nvmlSystemGetNVMLVersion(char* out, unsigned room)
{
  return call("nvmlSystemGetNVMLVersion", [&] { return copy_text("13.580.95.05", out, room); });
}

VRFAKE_NVML int nvmlSystemGetCudaDriverVersion_v2(int* out)
{
  return call("nvmlSystemGetCudaDriverVersion_v2", [&] {
    vrfake_nvml_device device{};
    vrfake_nvml_describe(0, &device);
    return put(out, device.driver_version);
  });
}

VRFAKE_NVML int nvmlSystemGetConfComputeState(ConfComputeState* out)
{
  return call("nvmlSystemGetConfComputeState", [&] { return put(out, ConfComputeState{}); });
}

VRFAKE_NVML int nvmlDeviceGetCount_v2(unsigned* out)
{
  return call("nvmlDeviceGetCount_v2", [&] { return put(out, vrfake_nvml_devices()); });
}

VRFAKE_NVML int nvmlDeviceGetHandleByIndex_v2(unsigned wanted, void** out)
{
  return call("nvmlDeviceGetHandleByIndex_v2", [&]() -> int {
    if (wanted >= vrfake_nvml_devices()) return kInvalidArgument;
    return find_device(out, [&](uint32_t index, auto const&) { return index == wanted; });
  });
}

VRFAKE_NVML int nvmlDeviceGetHandleByUUID(char const* uuid, void** out)
{
  return call("nvmlDeviceGetHandleByUUID", [&]() -> int {
    if (uuid == nullptr) return kInvalidArgument;
    return find_device(out, [&](uint32_t, auto const& device) { return std::strcmp(device.uuid, uuid) == 0; });
  });
}

VRFAKE_NVML int nvmlDeviceGetHandleByPciBusId_v2(char const* address, void** out)
{
  return call("nvmlDeviceGetHandleByPciBusId_v2", [&]() -> int {
    unsigned domain = 0, bus = 0, slot = 0;
    if (address == nullptr || std::sscanf(address, "%x:%x:%x", &domain, &bus, &slot) != 3) return kInvalidArgument;
    return find_device(out, [&](uint32_t, auto const& device) {
      return static_cast<unsigned>(device.pci_domain) == domain && static_cast<unsigned>(device.pci_bus) == bus &&
             static_cast<unsigned>(device.pci_slot) == slot;
    });
  });
}

VRFAKE_NVML int nvmlDeviceGetUUID(void* handle, char* out, unsigned room)
{
  return device_call("nvmlDeviceGetUUID", handle,
                     [&](auto const& device) { return copy_text(device.uuid, out, room); });
}

VRFAKE_NVML int nvmlDeviceGetName(void* handle, char* out, unsigned room)
{
  return device_call("nvmlDeviceGetName", handle,
                     [&](auto const& device) { return copy_text(device.name, out, room); });
}

VRFAKE_NVML int nvmlDeviceGetIndex(void* handle, unsigned* out)
{
  return device_call("nvmlDeviceGetIndex", handle, [&](auto const&) {
    return put(out, static_cast<unsigned>(reinterpret_cast<uintptr_t>(handle) - 0x6e766d00));
  });
}

VRFAKE_NVML int nvmlDeviceGetSerial(void* handle, char* out, unsigned room)
{
  return device_call("nvmlDeviceGetSerial", handle, [&](auto const& device) {
    return device.virtual_gpu ? int{kNotSupported} : copy_text("1650000000001", out, room);
  });
}

VRFAKE_NVML int nvmlDeviceGetPciInfo_v3(void* handle, PciInfo* out)
{
  return device_call("nvmlDeviceGetPciInfo_v3", handle, [&](auto const& device) {
    PciInfo info{};
    info.domain = static_cast<unsigned>(device.pci_domain);
    info.bus = static_cast<unsigned>(device.pci_bus);
    info.device = static_cast<unsigned>(device.pci_slot);
    info.id = 0x233510DE;
    pci_text(device, info.bus_id, sizeof info.bus_id);
    std::memcpy(info.bus_legacy, info.bus_id + 4, 12);  // Four digits of domain; the rest is zeros.
    return put(out, info);
  });
}

VRFAKE_NVML int nvmlDeviceGetCudaComputeCapability(void* handle, int* major, int* minor)
{
  return device_call("nvmlDeviceGetCudaComputeCapability", handle, [&](auto const& device) {
    return major == nullptr ? int{kInvalidArgument} : (*major = device.major, put(minor, device.minor));
  });
}

VRFAKE_NVML int nvmlDeviceGetMemoryInfo(void* handle, Memory* out)
{
  return device_call("nvmlDeviceGetMemoryInfo", handle, [&](auto const& device) {
    return put(out, Memory{device.total_bytes, device.total_bytes - device.used_bytes, device.used_bytes});
  });
}

VRFAKE_NVML int nvmlDeviceGetMemoryInfo_v2(void* handle, MemoryV2* out)
{
  return device_call("nvmlDeviceGetMemoryInfo_v2", handle, [&](auto const& device) -> int {
    if (out == nullptr) return kInvalidArgument;
    if (out->version != version_of(sizeof(MemoryV2), 2)) return kArgumentVersionMismatch;
    // What CUDA calls total leaves the reserved part out.
    *out = {out->version, device.total_bytes + kReserved, kReserved, device.total_bytes - device.used_bytes,
            device.used_bytes};
    return kSuccess;
  });
}

VRFAKE_NVML int nvmlDeviceGetBAR1MemoryInfo(void* handle, Bar1Memory* out)
{
  return device_call("nvmlDeviceGetBAR1MemoryInfo", handle, [&](auto const& device) -> int {
    if (device.integrated) return kNotSupported;
    constexpr unsigned long long total = 256ULL << 30;
    return put(out, Bar1Memory{total, total - (1 << 20), 1 << 20});
  });
}

VRFAKE_NVML int nvmlDeviceGetEccMode(void* handle, unsigned* current, unsigned* pending)
{
  return device_call("nvmlDeviceGetEccMode", handle, [&](auto const& device) -> int {
    if (device.integrated) return kNotSupported;
    return current == nullptr ? int{kInvalidArgument} : (*current = device.ecc, put(pending, unsigned{device.ecc}));
  });
}

VRFAKE_NVML int nvmlDeviceGetTotalEccErrors(void* handle, int type, int, unsigned long long* out)
{
  return device_call("nvmlDeviceGetTotalEccErrors", handle, [&](auto const& device) -> int {
    if (!device.ecc) return kNotSupported;
    if (type != 0 && type != 1) return kInvalidArgument;
    return put(out, static_cast<unsigned long long>(type == 1 ? device.ecc_uncorrected : device.ecc_corrected));
  });
}

VRFAKE_NVML int nvmlDeviceGetMemoryErrorCounter(void* handle, int type, int, int place, unsigned long long* out)
{
  return device_call("nvmlDeviceGetMemoryErrorCounter", handle, [&](auto const& device) -> int {
    if (!device.ecc) return kNotSupported;
    if (type != 0 && type != 1) return kInvalidArgument;
    // Place 2 is device memory; the fake has errors nowhere else.
    auto const errors = type == 1 ? device.ecc_uncorrected : device.ecc_corrected;
    return put(out, place == 2 ? static_cast<unsigned long long>(errors) : 0ULL);
  });
}

VRFAKE_NVML int nvmlDeviceGetRemappedRows(void* handle, unsigned* corrected, unsigned* uncorrected, unsigned* pending,
                                          unsigned* failed)
{
  return device_call("nvmlDeviceGetRemappedRows", handle, [&](auto const& device) -> int {
    if (device.major < 8 || device.integrated || device.mig || device.virtual_gpu) return kNotSupported;
    for (auto* const one : {corrected, uncorrected, pending, failed})
      if (one == nullptr) return kInvalidArgument;
    *corrected = 0;
    *uncorrected = device.remap_pending || device.remap_failed ? 1 : 0;
    *pending = device.remap_pending;
    *failed = device.remap_failed;
    return kSuccess;
  });
}

VRFAKE_NVML int nvmlDeviceGetRepairStatus(void* handle, RepairStatus* out)
{
  return device_call("nvmlDeviceGetRepairStatus", handle, [&](auto const& device) -> int {
    if (device.major < 9 || device.integrated) return kNotSupported;
    if (out == nullptr) return kInvalidArgument;
    if (out->version != version_of(sizeof(RepairStatus), 1)) return kArgumentVersionMismatch;
    out->channel_pending = out->tpc_pending = 0;
    return kSuccess;
  });
}

VRFAKE_NVML int nvmlDeviceGetRetiredPages(void* handle, int, unsigned* count, unsigned long long*)
{
  return device_call("nvmlDeviceGetRetiredPages", handle, [&](auto const& device) {
    // Replaced by row remapping from compute capability 8.0 on.
    return device.major >= 8 ? int{kNotSupported} : put(count, 0U);
  });
}

VRFAKE_NVML int nvmlDeviceGetRetiredPagesPendingStatus(void* handle, unsigned* out)
{
  return device_call("nvmlDeviceGetRetiredPagesPendingStatus", handle,
                     [&](auto const& device) { return device.major >= 8 ? int{kNotSupported} : put(out, 0U); });
}

VRFAKE_NVML int nvmlDeviceGetMigMode(void* handle, unsigned* current, unsigned* pending)
{
  return device_call("nvmlDeviceGetMigMode", handle, [&](auto const& device) -> int {
    if (device.major < 8 || device.integrated || device.virtual_gpu) return kNotSupported;
    return current == nullptr ? int{kInvalidArgument} : (*current = device.mig, put(pending, unsigned{device.mig}));
  });
}

VRFAKE_NVML int nvmlDeviceIsMigDeviceHandle(void* handle, unsigned* out)
{
  return device_call("nvmlDeviceIsMigDeviceHandle", handle, [&](auto const&) { return put(out, 0U); });
}

VRFAKE_NVML int nvmlDeviceGetAddressingMode(void* handle, Versioned* out)
{
  return device_call("nvmlDeviceGetAddressingMode", handle, [&](auto const& device) -> int {
    if (out == nullptr) return kInvalidArgument;
    if (out->version != version_of(sizeof(Versioned), 1)) return kArgumentVersionMismatch;
    out->value = device.addressing;
    return kSuccess;
  });
}

VRFAKE_NVML int nvmlDeviceGetVirtualizationMode(void* handle, unsigned* out)
{
  return device_call("nvmlDeviceGetVirtualizationMode", handle,
                     [&](auto const& device) { return put(out, device.virtual_gpu ? 2U : 0U); });
}

VRFAKE_NVML int nvmlDeviceGetPersistenceMode(void* handle, unsigned* out)
{
  return device_call("nvmlDeviceGetPersistenceMode", handle, [&](auto const&) { return put(out, 1U); });
}

VRFAKE_NVML int nvmlDeviceGetClockInfo(void* handle, int type, unsigned* out)
{
  return device_call("nvmlDeviceGetClockInfo", handle, [&](auto const& device) {
    return put(out, static_cast<unsigned>(type == 2 ? device.memory_clock_mhz : device.sm_clock_mhz));
  });
}

VRFAKE_NVML int nvmlDeviceGetMaxClockInfo(void* handle, int type, unsigned* out)
{
  return device_call("nvmlDeviceGetMaxClockInfo", handle, [&](auto const& device) {
    return put(out, static_cast<unsigned>(type == 2 ? device.memory_clock_mhz : device.sm_clock_mhz));
  });
}

VRFAKE_NVML int nvmlDeviceGetCurrentClocksEventReasons(void* handle, unsigned long long* out)
{
  return device_call("nvmlDeviceGetCurrentClocksEventReasons", handle, [&](auto const&) { return put(out, 0ULL); });
}

VRFAKE_NVML int nvmlDeviceGetCurrentClocksThrottleReasons(void* handle, unsigned long long* out)
{
  return device_call("nvmlDeviceGetCurrentClocksThrottleReasons", handle, [&](auto const&) { return put(out, 0ULL); });
}

VRFAKE_NVML int nvmlDeviceGetCurrPcieLinkGeneration(void* handle, unsigned* out)
{
  return device_call("nvmlDeviceGetCurrPcieLinkGeneration", handle,
                     [&](auto const& device) { return device.integrated ? int{kNotSupported} : put(out, 5U); });
}

VRFAKE_NVML int nvmlDeviceGetCurrPcieLinkWidth(void* handle, unsigned* out)
{
  return device_call("nvmlDeviceGetCurrPcieLinkWidth", handle,
                     [&](auto const& device) { return device.integrated ? int{kNotSupported} : put(out, 16U); });
}
