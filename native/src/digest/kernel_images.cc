// SPDX-License-Identifier: Apache-2.0
#include "kernel_images.h"

#if defined(VRAM_KERNEL_IMAGES)
// Written by scripts/kernels.ts: an array of bytes for each module, and kImages.
#include VRAM_KERNEL_IMAGES
#endif

namespace vram_residency::digest {

std::span<KernelImage const> kernel_images() noexcept
{
#if defined(VRAM_KERNEL_IMAGES)
  return kImages;
#else
  return {};
#endif
}

std::vector<KernelImage> kernel_candidates(std::span<KernelImage const> images, std::uint32_t major,
                                           std::uint32_t minor)
{
  std::vector<KernelImage> candidates;
  for (auto const& image : images) {
    bool const runs = image.capability / 10 == major && image.capability % 10 <= minor;
    if (image.capability == 0 || !runs) { continue; }
    if (candidates.empty() || candidates[0].capability < image.capability) { candidates.assign(1, image); }
  }
  for (auto const& image : images) {
    if (image.capability == 0) { candidates.push_back(image); }
  }
  return candidates;
}

}  // namespace vram_residency::digest
