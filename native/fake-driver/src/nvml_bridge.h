// SPDX-License-Identifier: Apache-2.0
// What the fake NVML asks the fake driver, which holds the state of both. Not for tests: they use fake_driver.h.
#pragma once

#include <cstdint>

#include "../fake_driver.h"

extern "C" {

struct vrfake_nvml_device {
  char name[96];
  char uuid[48];
  char driver_release[32];
  int32_t driver_version;
  int32_t pci_domain;
  int32_t pci_bus;
  int32_t pci_slot;
  int32_t major;
  int32_t minor;
  int32_t sm_clock_mhz;
  int32_t memory_clock_mhz;
  uint64_t total_bytes;
  uint64_t used_bytes;
  uint64_t foreign_bytes;
  uint64_t ecc_corrected;
  uint64_t ecc_uncorrected;
  uint32_t addressing;
  bool ecc;
  bool mig;
  bool virtual_gpu;
  bool integrated;
  bool remap_pending;
  bool remap_failed;
  bool lost;
};

/// Counts a call of NVML and lets it suffer its fault. Returns 0, or the code that was armed.
VRFAKE_API int32_t vrfake_nvml_enter(char const* function);
/// Adds to the references of nvmlInit_v2. Returns how many there are then, or -1 when there is no NVML or nothing to take away.
VRFAKE_API int64_t vrfake_nvml_references(int32_t change);
VRFAKE_API uint32_t vrfake_nvml_devices(void);
/// Fills in a device's state. Returns 0, or -1 for an index that is none.
VRFAKE_API int32_t vrfake_nvml_describe(uint32_t index, vrfake_nvml_device* out);

}  // extern "C"
