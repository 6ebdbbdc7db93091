// SPDX-License-Identifier: Apache-2.0
/// The kernels of the host as a library for the fake driver: vrfake_kernels() takes it, and launches then compute.
#include "../fake-driver/fake_driver.h"
#include "host_table.h"

#include <array>

namespace {

namespace kernels = vram_residency::kernels;

constexpr std::size_t kMax = 16;

struct Table {
  std::array<std::array<std::uint32_t, 2>, kMax> sizes{};
  std::array<vrfake_kernel, kMax> entries{};
  std::uint32_t count = 0;
};

/// A launch is one of ours only with blocks of kThreads in one row: any other shape leaves the output as it was.
template <std::size_t Index>
void run(vrfake_launch const* launch, void* const* parameters)
{
  if (launch->block[0] != kernels::kThreads || launch->grid[1] != 1 || launch->grid[2] != 1) { return; }
  kernels::host_kernels()[Index].run(launch->grid[0], parameters[0]);
}

template <std::size_t... Index>
Table make_table(std::index_sequence<Index...>)
{
  Table made;
  auto const all = kernels::host_kernels();
  constexpr void (*runs[])(vrfake_launch const*, void* const*) = {&run<Index>...};
  for (std::size_t i = 0; i < all.size() && i < sizeof...(Index); ++i) {
    made.entries[i] = {all[i].name, nullptr, runs[i]};
    ++made.count;
  }
  return made;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) vrfake_kernel const* vrfake_kernel_table(std::uint32_t* count_out)
{
  static Table table = make_table(std::make_index_sequence<kMax>{});
  for (std::uint32_t i = 0; i < table.count; ++i) {
    table.sizes[i] = {kernels::host_kernels()[i].argument_bytes, 0};
    table.entries[i].param_bytes = table.sizes[i].data();
  }
  *count_out = table.count;
  return table.entries.data();
}
