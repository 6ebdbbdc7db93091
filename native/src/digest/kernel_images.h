// SPDX-License-Identifier: Apache-2.0
/// The compiled kernels that the library carries, and which of them a device gets.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace vram_residency::digest {

/// One module: a cubin for one compute capability, or the PTX that a driver compiles itself.
struct KernelImage {
  /// 10 x major + minor, as in sm_90; 0 for the PTX.
  std::uint32_t capability;
  /// What cuModuleLoadData takes. The PTX ends with a zero byte.
  std::span<std::uint8_t const> bytes;
};

/// All of them; none in a build without nvcc.
std::span<KernelImage const> kernel_images() noexcept;

/**
 * What to load on a device, in the order in which to try: the cubin of its major version with the highest minor one that
 * is not above its own, then the PTX. A cubin may be refused by a driver that is older than the compiler: whatever the
 * error is, the next one is tried.
 */
std::vector<KernelImage> kernel_candidates(std::span<KernelImage const> images, std::uint32_t major,
                                           std::uint32_t minor);

}  // namespace vram_residency::digest
