// SPDX-License-Identifier: Apache-2.0
/// The kernels of one device: the module that the driver took, and launches of what is in it.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "../kernels/arguments.h"
#include "driver.h"
#include "json.h"

namespace vram_residency {

enum class Kernel : std::size_t { fsverity_leaves, blake3_chunks, blake3_parents, poison_check, zero_check };

/// Names of the modules that this build carries: "sm_90", and "ptx" for the text.
std::vector<std::string> kernel_targets();

/// Belongs to the device's worker, which also is the only one to launch.
class KernelModule {
 public:
  /**
   * Loads the cubin that fits best, or on any error the PTX. Tries once: what failed stays `problem()`.
   *
   * @param major, minor  compute capability, or negative where nobody knows
   * @throws VR_EDEVICE_LOST.
   */
  void load(Driver const& driver, int major, int minor);
  void unload(Driver const& driver) noexcept;

  bool loaded() const noexcept { return module_ != nullptr; }
  /// VR_ENGINE_*: what a digest on this device is made by.
  std::uint32_t engine() const noexcept { return engine_; }
  /// Tells which module was loaded, and why not a better one.
  void observe(JsonObject& seen) const;

  /// Gives each of `threads` a thread. @throws What the driver says.
  template <typename Arguments>
  void launch(Driver const& driver, Kernel kernel, std::uint64_t threads, cu::Stream stream, Arguments arguments) const
  {
    void* parameters[] = {&arguments};
    auto const blocks = static_cast<unsigned>((threads + kernels::kThreads - 1) / kernels::kThreads);
    driver.check(driver.cuLaunchKernel(functions_[static_cast<std::size_t>(kernel)], blocks, 1, 1, kernels::kThreads, 1, 1,
                                       0, stream, parameters, nullptr),
                 "cuLaunchKernel", Purpose::transfer);
  }

 private:
  bool take(Driver const& driver, void const* image);
  bool refused(Driver const& driver, cu::Result code, char const* operation);

  bool tried_ = false;
  cu::Module module_ = nullptr;
  std::array<cu::Function, 5> functions_{};
  std::uint32_t engine_ = VR_ENGINE_CPU;
  std::string target_;
  std::string problem_;
};

/// @throws VR_ECOPY: a launch was accepted, and less came of it than had to.
[[noreturn]] void throw_unwritten(std::string_view what);

}  // namespace vram_residency
