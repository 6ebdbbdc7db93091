// SPDX-License-Identifier: Apache-2.0
/// What the probe can be asked. One question a process: the answer to some is an error that nothing survives.
#pragma once

#include "gpu.h"

namespace vram_residency::probe {

/// Every attribute by number, and what memory there is.
void attributes(Gpu& gpu, JsonObject& answer);
/// Clocks, link, power: before and after, they explain a figure.
void clocks(Gpu& gpu, JsonObject& answer);

/// What a write of each kind into memory mapped for reading says at once, at the next synchronisation and afterwards.
void readonly_copy(Gpu& gpu, JsonObject& answer);
void readonly_copy_async(Gpu& gpu, JsonObject& answer);
void readonly_memset(Gpu& gpu, JsonObject& answer);
void readonly_memset_async(Gpu& gpu, JsonObject& answer);
void readonly_kernel(Gpu& gpu, JsonObject& answer);
/// Whether contents outlive changes of access.
void access_flips(Gpu& gpu, JsonObject& answer);

/// How many bytes each pointer attribute writes.
void attribute_widths(Gpu& gpu, JsonObject& answer);
/// Whether RANGE_START and RANGE_SIZE speak of the mapping or of the reservation.
void ranges(Gpu& gpu, JsonObject& answer);
/// Which VMM calls work before any context is current.
void without_context(Gpu& gpu, JsonObject& answer);
/// Whether unmapping, and changing access, waits for work in flight elsewhere.
void unmap_waits(Gpu& gpu, JsonObject& answer);

/// What the link and the memory can do, and what pinning costs.
void rates(Gpu& gpu, JsonObject& answer);
/// What the steps of an allocation cost, by size.
void allocation_costs(Gpu& gpu, JsonObject& answer);

}  // namespace vram_residency::probe
