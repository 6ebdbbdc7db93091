// SPDX-License-Identifier: Apache-2.0
/// The driver as the probe sees it: raw, every code kept, nothing thrown.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "../src/driver_table.h"
#include "../src/json.h"

namespace vram_residency::probe {

using namespace cu;

/// Driver functions that only the probe calls, by the symbols that fix their versions.
#define VRAM_PROBE_DRIVER(X)                                                                    \
  X(cuCtxSynchronize, ())                                                                       \
  X(cuDeviceTotalMem_v2, (std::size_t * bytes, Device device))                                  \
  X(cuEventElapsedTime, (float* milliseconds, Event from, Event to))                            \
  X(cuMemcpyHtoD_v2, (DevicePointer to, void const* from, std::size_t bytes))                   \
  X(cuMemcpyDtoH_v2, (void* to, DevicePointer from, std::size_t bytes))                         \
  X(cuMemcpyDtoDAsync_v2, (DevicePointer to, DevicePointer from, std::size_t bytes, Stream stream)) \
  X(cuMemsetD8_v2, (DevicePointer to, unsigned char value, std::size_t bytes))                  \
  X(cuModuleLoadData, (void** module, void const* image))                                       \
  X(cuModuleGetFunction, (void** function, void* module, char const* name))                     \
  X(cuLaunchKernel, (void* function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, \
                     unsigned block_y, unsigned block_z, unsigned shared, Stream stream, void** parameters,  \
                     void** extra))

/// Every function is optional: one that is missing answers kMissing.
struct Gpu {
#define VRAM_DECLARE(name, parameters) Result(*name) parameters = nullptr;
  VRAM_DRIVER_REQUIRED(VRAM_DECLARE)
  VRAM_DRIVER_OPTIONAL(VRAM_DECLARE)
  VRAM_PROBE_DRIVER(VRAM_DECLARE)
#undef VRAM_DECLARE

  Device device = 0;
  bool fake = false;
  void* nvml = nullptr;

  /// Opens both libraries, initialises the driver and takes its first device. Exits with a sentence when it cannot.
  void open(char const* cuda, char const* nvml_path);
  /// Makes the primary context current.
  void enter();
};

/// What a function says that the driver does not have.
inline constexpr Result kMissing = -1;

/// Calls a function of the driver, if it has it.
template <typename... Parameters, typename... Arguments>
Result call(Result (*function)(Parameters...), Arguments&&... arguments)
{
  return function == nullptr ? kMissing : function(std::forward<Arguments>(arguments)...);
}

/// Ends the probe with a sentence unless a step of the preparation worked: what follows would answer nothing.
void need(Gpu const& gpu, Result code, char const* step);

/// "NAME (number)" of a code; "success" for none.
std::string said(Gpu const& gpu, Result code);

/// Memory of the VMM calls, mapped at an address. It lives as long as the process.
struct Block {
  DevicePointer address = 0;
  std::size_t bytes = 0;
  AllocationHandle handle = 0;
};

AllocationProperties properties_of(Gpu const& gpu);
std::size_t granularity_of(Gpu const& gpu);
/// Creates, reserves, maps and gives access.
Block make_block(Gpu const& gpu, std::size_t bytes, int access);
Result set_access(Gpu const& gpu, DevicePointer address, std::size_t bytes, int access);

/// Milliseconds on a clock that only goes forward.
double now_ms();
/// A JSON number with six digits after the point.
std::string decimal(double value);

}  // namespace vram_residency::probe
