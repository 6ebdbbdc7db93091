// SPDX-License-Identifier: Apache-2.0
// Initialisation, devices and their facts.
#include <algorithm>
#include <cstdio>
#include <cstring>

#include "state.h"

namespace vrfake {
namespace {

bool is_device(State const& all, int device)
{
  return device >= 0 && static_cast<size_t>(device) < all.config.devices.size();
}

std::string pci_address(DeviceConfig const& device)
{
  char text[16];
  std::snprintf(text, sizeof text, "%04x:%02x:%02x.0",
                static_cast<unsigned>(device.attribute(kAttributePciDomain)) & 0xFFFFU,
                static_cast<unsigned>(device.attribute(kAttributePciBus)) & 0xFFU,
                static_cast<unsigned>(device.attribute(kAttributePciDevice)) & 0xFFU);
  return text;
}

int copy_text(std::string const& text, char* out, int room)
{
  if (out == nullptr || room <= 0) return kInvalidValue;
  std::snprintf(out, static_cast<size_t>(room), "%s", text.c_str());
  return kSuccess;
}

int uuid(State const& all, void* out, int device)
{
  if (out == nullptr) return kInvalidValue;
  if (!is_device(all, device)) return kInvalidDevice;
  std::memcpy(out, all.config.devices[static_cast<size_t>(device)].uuid.data(), 16);
  return kSuccess;
}

}  // namespace
}  // namespace vrfake

using namespace vrfake;

extern "C" {

int cuInit(unsigned flags)
{
  return locked("cuInit", 2000, Needs::nothing, [&](State& all) {
    if (flags != 0) return kInvalidValue;
    if (all.config.devices.empty()) return kNoDevice;
    all.initialised = true;
    return kSuccess;
  });
}

int cuDriverGetVersion(int* version)
{
  return locked("cuDriverGetVersion", 2020, Needs::nothing, [&](State& all) {
    if (version == nullptr) return kInvalidValue;
    *version = all.config.driver_version;
    return kSuccess;
  });
}

int cuDeviceGet(int* device, int ordinal)
{
  return locked("cuDeviceGet", 2000, Needs::initialisation, [&](State& all) {
    if (device == nullptr) return kInvalidValue;
    if (!is_device(all, ordinal)) return kInvalidDevice;
    *device = ordinal;
    return kSuccess;
  });
}

int cuDeviceGetCount(int* count)
{
  return locked("cuDeviceGetCount", 2000, Needs::initialisation, [&](State& all) {
    if (count == nullptr) return kInvalidValue;
    *count = static_cast<int>(all.config.devices.size());
    return kSuccess;
  });
}

int cuDeviceGetName(char* name, int room, int device)
{
  return locked("cuDeviceGetName", 2000, Needs::initialisation, [&](State& all) -> int {
    if (!is_device(all, device)) return kInvalidDevice;
    return copy_text(all.config.devices[static_cast<size_t>(device)].name, name, room);
  });
}

int cuDeviceGetUuid(void* out, int device)
{
  return locked("cuDeviceGetUuid", 9020, Needs::initialisation, [&](State& all) { return uuid(all, out, device); });
}

int cuDeviceGetUuid_v2(void* out, int device)
{
  return locked("cuDeviceGetUuid_v2", 11040, Needs::initialisation, [&](State& all) { return uuid(all, out, device); });
}

int cuDeviceTotalMem_v2(size_t* bytes, int device)
{
  return locked("cuDeviceTotalMem_v2", 3020, Needs::initialisation, [&](State& all) {
    if (bytes == nullptr) return kInvalidValue;
    if (!is_device(all, device)) return kInvalidDevice;
    *bytes = all.config.devices[static_cast<size_t>(device)].total_bytes;
    return kSuccess;
  });
}

int cuDeviceGetAttribute(int* value, int attribute, int device)
{
  return locked("cuDeviceGetAttribute", 2000, Needs::initialisation, [&](State& all) {
    if (value == nullptr || attribute <= 0) return kInvalidValue;
    if (!is_device(all, device)) return kInvalidDevice;
    auto const& settings = all.config.devices[static_cast<size_t>(device)];
    // A driver refuses attributes that came after it; 11.4 knew up to 119, 10.1 up to 101.
    auto const known = all.config.driver_version >= 12000 ? 150 : all.config.driver_version >= 11000 ? 119 : 101;
    if (attribute > known) return kInvalidValue;
    *value = settings.attribute(attribute);
    return kSuccess;
  });
}

int cuDeviceGetPCIBusId(char* out, int room, int device)
{
  return locked("cuDeviceGetPCIBusId", 4010, Needs::initialisation, [&](State& all) -> int {
    if (!is_device(all, device)) return kInvalidDevice;
    return copy_text(pci_address(all.config.devices[static_cast<size_t>(device)]), out, room);
  });
}

int cuDeviceGetByPCIBusId(int* device, char const* address)
{
  return locked("cuDeviceGetByPCIBusId", 4010, Needs::initialisation, [&](State& all) {
    if (device == nullptr || address == nullptr) return kInvalidValue;
    auto const& devices = all.config.devices;
    auto const found =
        std::find_if(devices.begin(), devices.end(), [&](auto const& one) { return pci_address(one) == address; });
    if (found == devices.end()) return kInvalidDevice;
    *device = static_cast<int>(found - devices.begin());
    return kSuccess;
  });
}

int cuDeviceCanAccessPeer(int* can, int device, int peer)
{
  return locked("cuDeviceCanAccessPeer", 4000, Needs::initialisation, [&](State& all) {
    if (can == nullptr) return kInvalidValue;
    if (!is_device(all, device) || !is_device(all, peer)) return kInvalidDevice;
    *can = device != peer ? 1 : 0;
    return kSuccess;
  });
}

}  // extern "C"
