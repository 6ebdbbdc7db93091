// SPDX-License-Identifier: Apache-2.0
// Kernels compiled for the host, and how one is run so that an illegal access ends only the kernel.
#pragma once

#include <string_view>
#include <vector>

#include "../fake_driver.h"

namespace vrfake {

/// The registered kernel of this name; null when there is none. Has its own lock.
vrfake_kernel const* kernel_named(std::string_view name);

/// Takes a kernel; one of the same name is replaced.
void take_kernel(vrfake_kernel const* kernel);

/// Runs a kernel on the calling thread. Returns whether it ended without touching what it may not.
bool run_guarded(vrfake_kernel const& kernel, vrfake_launch const& launch, std::vector<void*> const& params);

}  // namespace vrfake
