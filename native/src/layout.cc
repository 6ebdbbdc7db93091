// SPDX-License-Identifier: Apache-2.0
// What is fixed when the library is compiled: its ABI version, the sizes of its structs, its build.

#include <cstddef>

#include "vram_residency.h"

// A gap or a surprise in a struct would be found here rather than in a binding.
static_assert(sizeof(vr_error) == 424 && offsetof(vr_error, driver_name) == 56);
static_assert(sizeof(vr_device) == 376 && offsetof(vr_device, cuda_version) == 320);
static_assert(sizeof(vr_capacity) == 64);
static_assert(sizeof(vr_allocation) == 24);
static_assert(sizeof(vr_evidence) == 72 && offsetof(vr_evidence, range_bytes) == 32);
static_assert(sizeof(vr_digest_report) == 128);
static_assert(sizeof(vr_wipe_report) == 24);
static_assert(sizeof(vr_open_options) == 24);
static_assert(sizeof(vr_ingest_options) == 40);
static_assert(sizeof(vr_digest_options) == 64);
static_assert(sizeof(vr_progress) == 32);
static_assert(sizeof(vr_event) == 16);

extern "C" uint32_t vr_abi_version(void) { return VR_ABI_VERSION; }

extern "C" uint32_t vr_struct_sizes(uint32_t* sizes_out, uint32_t count) {
  constexpr uint32_t sizes[] = {
      sizeof(vr_error),        sizeof(vr_device),       sizeof(vr_capacity),      sizeof(vr_allocation),
      sizeof(vr_evidence),     sizeof(vr_digest_report), sizeof(vr_wipe_report),  sizeof(vr_open_options),
      sizeof(vr_ingest_options), sizeof(vr_digest_options), sizeof(vr_progress),  sizeof(vr_event),
  };
  constexpr uint32_t known = sizeof(sizes) / sizeof(sizes[0]);
  for (uint32_t index = 0; sizes_out != nullptr && index < known && index < count; index += 1) {
    sizes_out[index] = sizes[index];
  }
  return known;
}
