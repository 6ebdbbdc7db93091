// SPDX-License-Identifier: Apache-2.0
// The project's kernels, compiled for the host, as a library that vrfake_kernels() takes.
#include "../../kernels/host.h"
#include "../fake_driver.h"

namespace {

using namespace vram_residency::kernels;

/// Every kernel has one parameter, a struct by value.
template <typename Arguments>
inline constexpr uint32_t param_bytes[] = {sizeof(Arguments), 0};

/// A launch is one of ours only with blocks of kThreads in one row: any other shape leaves the output as it was.
template <typename Arguments, void (*Kernel)(Arguments)>
void run(vrfake_launch const* launch, void* const* params)
{
  if (launch->block[0] != kThreads || launch->grid[1] != 1 || launch->grid[2] != 1) { return; }
  play(Kernel, launch->grid[0], *static_cast<Arguments const*>(params[0]));
}

template <typename Arguments, void (*Kernel)(Arguments)>
constexpr vrfake_kernel entry(char const* name)
{
  return {name, param_bytes<Arguments>, run<Arguments, Kernel>};
}

constexpr vrfake_kernel kTable[] = {
    entry<LeafArguments, vr_fsverity_leaves>("vr_fsverity_leaves"),
    entry<ChunkArguments, vr_blake3_chunks>("vr_blake3_chunks"),
    entry<ParentArguments, vr_blake3_parents>("vr_blake3_parents"),
    entry<PoisonArguments, vr_poison_check>("vr_poison_check"),
    entry<ZeroArguments, vr_zero_check>("vr_zero_check"),
};

}  // namespace

extern "C" VRFAKE_API vrfake_kernel const* vrfake_kernel_table(uint32_t* count_out)
{
  *count_out = sizeof kTable / sizeof kTable[0];
  return kTable;
}
