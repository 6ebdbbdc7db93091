// SPDX-License-Identifier: Apache-2.0
/// What the driver and NVML say of a device.

#include <algorithm>
#include <cstdio>

#include "device.h"

namespace vram_residency {

namespace {

std::int32_t yes_or_no(int value) { return value == VR_UNKNOWN ? VR_UNKNOWN : value != 0; }

std::string uuid_text(cu::Uuid const& uuid, bool slice)
{
  std::string text = slice ? "MIG" : "GPU";
  for (std::size_t index = 0; index < sizeof uuid.bytes; index += 1) {
    if (index == 0 || index == 4 || index == 6 || index == 8 || index == 10) { text += '-'; }
    char octet[3];
    std::snprintf(octet, sizeof octet, "%02x", uuid.bytes[index]);
    text += octet;
  }
  return text;
}

std::int32_t addressing_by(int pageable, int host_tables)
{
  if (host_tables == 1) { return VR_ADDRESSING_ATS; }
  if (pageable == 1 && host_tables == 0) { return VR_ADDRESSING_HMM; }
  return pageable == 0 ? VR_ADDRESSING_NONE : VR_UNKNOWN;
}

}  // namespace

int Device::attribute(int which) const
{
  int value = VR_UNKNOWN;
  auto const code = driver_.cuDeviceGetAttribute(&value, which, device_);
  if (code == cu::kInvalidValue || code == cu::kNotSupported) { return VR_UNKNOWN; }
  check(code, "cuDeviceGetAttribute");
  return value;
}

vr_device Device::read_facts() const
{
  auto const ask = [this](int which) { return attribute(which); };
  vr_device facts{};
  facts.ordinal = static_cast<std::uint32_t>(ordinal_);

  std::size_t free = 0;
  std::size_t total = 0;
  check(driver_.cuMemGetInfo_v2(&free, &total), "cuMemGetInfo");
  facts.total_bytes = total;

  char name[sizeof facts.name] = "";
  check(driver_.cuDeviceGetName(name, sizeof name, device_), "cuDeviceGetName");
  name[sizeof name - 1] = '\0';
  std::string const spoken = name;
  set_text(facts.name, spoken);
  auto const slice = spoken.find(" MIG ");
  if (slice != std::string::npos) { set_text(facts.mig, spoken.substr(slice + 1)); }

  cu::Uuid uuid{};
  // A library may be newer than the driver below it, and have the function all the same.
  auto told = cu::kNeedsNewerDriver;
  if (driver_.cuDeviceGetUuid_v2 != nullptr) { told = driver_.cuDeviceGetUuid_v2(&uuid, device_); }
  if (told == cu::kNeedsNewerDriver) { told = driver_.cuDeviceGetUuid(&uuid, device_); }
  check(told, "cuDeviceGetUuid");
  set_text(facts.uuid, uuid_text(uuid, slice != std::string::npos));

  char pci[sizeof facts.pci] = "";
  if (driver_.cuDeviceGetPCIBusId(pci, sizeof pci, device_) == cu::kSuccess) {
    pci[sizeof pci - 1] = '\0';
    set_text(facts.pci, pci);
  }

  facts.cuda_version = driver_.version();
  facts.capability_major = ask(cu::kCapabilityMajor);
  facts.capability_minor = ask(cu::kCapabilityMinor);
  facts.integrated = yes_or_no(ask(cu::kIntegrated));
  auto const wsl = driver_.kernel_release().find("icrosoft") != std::string::npos;
  facts.driver_model = wsl ? VR_MODEL_WSL : VR_MODEL_LINUX;
  facts.vmm = kind_.path == VR_PATH_VMM;
  facts.exportable = kind_.path == VR_PATH_VMM ? yes_or_no(ask(cu::kPosixDescriptor)) : 0;
  facts.numa_node = yes_or_no(ask(cu::kNumaConfig));
  facts.mps = yes_or_no(ask(cu::kMpsEnabled));

  auto const seen = nvml_.facts(nvml_.find(text_of(facts.uuid), text_of(facts.pci)));
  auto const derived = addressing_by(ask(cu::kPageableAccess), ask(cu::kPageableUsesHostTables));
  // Where the two disagree, the one that reaches further is believed.
  facts.addressing = std::max(seen.addressing, derived);
  facts.ecc = seen.ecc != VR_UNKNOWN ? seen.ecc : yes_or_no(ask(cu::kEccEnabled));
  facts.row_remap = seen.row_remap;
  facts.mig_mode = seen.mig_mode;
  set_text(facts.driver_version, nvml_.driver_version());
  return facts;
}

nvml::Handle Device::nvml_handle() const
{
  auto const known = facts();
  return nvml_.find(text_of(known.uuid), text_of(known.pci));
}

}  // namespace vram_residency
