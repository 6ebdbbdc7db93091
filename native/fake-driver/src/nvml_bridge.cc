// SPDX-License-Identifier: Apache-2.0
// What the fake NVML asks of the driver's state.
#include "nvml_bridge.h"

#include <chrono>
#include <cstdio>

#include "state.h"

namespace vrfake {
namespace {

std::string uuid_text(std::array<uint8_t, 16> const& uuid)
{
  std::string text = "GPU-";
  for (size_t at = 0; at < uuid.size(); ++at) {
    char pair[3];
    std::snprintf(pair, sizeof pair, "%02x", uuid[at]);
    if (at == 4 || at == 6 || at == 8 || at == 10) text += '-';
    text += pair;
  }
  return text;
}

template <size_t Room>
void put(char (&out)[Room], std::string const& text)
{
  std::snprintf(out, Room, "%s", text.c_str());
}

}  // namespace
}  // namespace vrfake

using namespace vrfake;

extern "C" {

int32_t vrfake_nvml_enter(char const* function)
{
  auto const fault = state().faults.on_call(function);
  if (fault.delay_ms > 0) std::this_thread::sleep_for(std::chrono::milliseconds{fault.delay_ms});
  return fault.code.value_or(0);
}

int64_t vrfake_nvml_references(int32_t change)
{
  auto& all = state();
  std::scoped_lock const lock{all.mutex};
  if (!all.config.nvml || (change < 0 && all.nvml_references == 0)) return -1;
  all.nvml_references += static_cast<uint64_t>(change);
  return static_cast<int64_t>(all.nvml_references);
}

uint32_t vrfake_nvml_devices(void)
{
  auto& all = state();
  std::scoped_lock const lock{all.mutex};
  return static_cast<uint32_t>(all.config.devices.size());
}

int32_t vrfake_nvml_describe(uint32_t index, vrfake_nvml_device* out)
{
  auto& all = state();
  std::scoped_lock const lock{all.mutex};
  if (index >= all.config.devices.size()) return -1;
  auto const& device = all.config.devices[index];
  *out = vrfake_nvml_device{};
  put(out->name, device.name);
  put(out->uuid, uuid_text(device.uuid));
  put(out->driver_release, all.config.driver_release);
  out->driver_version = all.config.driver_version;
  out->pci_domain = device.attribute(kAttributePciDomain);
  out->pci_bus = device.attribute(kAttributePciBus);
  out->pci_slot = device.attribute(kAttributePciDevice);
  out->major = device.attribute(kAttributeMajor);
  out->minor = device.attribute(kAttributeMinor);
  out->sm_clock_mhz = device.attribute(13) / 1000;
  out->memory_clock_mhz = device.attribute(36) / 1000;
  out->total_bytes = device.total_bytes;
  out->used_bytes = device.total_bytes - all.free_bytes(index);
  out->foreign_bytes = device.foreign_bytes;
  out->ecc_corrected = device.ecc_corrected;
  out->ecc_uncorrected = device.ecc_uncorrected;
  out->addressing = device.addressing;
  out->ecc = device.attribute(kAttributeEcc) != 0;
  out->mig = device.mig;
  out->virtual_gpu = device.virtual_gpu;
  out->integrated = device.attribute(18) != 0;
  out->remap_pending = device.remap_pending;
  out->remap_failed = device.remap_failed;
  out->lost = all.lost[index];
  return 0;
}

}  // extern "C"
