// SPDX-License-Identifier: Apache-2.0
#include "host_table.h"

#include "host.h"

namespace vram_residency::kernels {
namespace {

template <typename Arguments, void (*Kernel)(Arguments)>
void run(std::uint64_t blocks, void const* arguments)
{
  Arguments copy;
  std::memcpy(&copy, arguments, sizeof copy);
  play(Kernel, blocks, copy);
}

template <typename Arguments, void (*Kernel)(Arguments)>
constexpr HostKernel entry(char const* name)
{
  return {name, sizeof(Arguments), &run<Arguments, Kernel>};
}

constexpr HostKernel kKernels[] = {
    entry<LeafArguments, vr_fsverity_leaves>("vr_fsverity_leaves"),
    entry<ChunkArguments, vr_blake3_chunks>("vr_blake3_chunks"),
    entry<ParentArguments, vr_blake3_parents>("vr_blake3_parents"),
    entry<PoisonArguments, vr_poison_check>("vr_poison_check"),
    entry<ZeroArguments, vr_zero_check>("vr_zero_check"),
};

}  // namespace

std::span<HostKernel const> host_kernels() noexcept { return kKernels; }

}  // namespace vram_residency::kernels
