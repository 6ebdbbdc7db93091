// SPDX-License-Identifier: Apache-2.0
/// The kernels of the host by name, for whatever plays a driver.
#pragma once

#include "arguments.h"

#include <span>

namespace vram_residency::kernels {

/// A kernel as a driver sees it: a name, one struct of arguments, and a grid.
struct HostKernel {
  char const* name;
  std::uint32_t argument_bytes;
  /// Runs `blocks` blocks of `kThreads` threads. Addresses in the arguments are host pointers. Owns nothing while it
  /// runs, so a fault handler may leave it for good.
  void (*run)(std::uint64_t blocks, void const* arguments);
};

std::span<HostKernel const> host_kernels() noexcept;

}  // namespace vram_residency::kernels
