// SPDX-License-Identifier: Apache-2.0
/// The fake driver of native/fake-driver, steered by the tests. Its folder is in VRAM_FAKE_DRIVER.
#pragma once

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "../fake-driver/fake_driver.h"

namespace fake {

inline std::string folder()
{
  auto const* path = std::getenv("VRAM_FAKE_DRIVER");
  return path == nullptr ? "" : path;
}

inline std::string cuda() { return folder() + "/libcuda.so.1"; }
inline std::string nvml() { return folder() + "/libnvidia-ml.so.1"; }

/// A control function of the fake by its name.
template <typename Function>
Function* control(char const* name)
{
  static auto* const library = ::dlopen(cuda().c_str(), RTLD_NOW | RTLD_LOCAL);
  auto* const found = library == nullptr ? nullptr : ::dlsym(library, name);
  if (found == nullptr) {
    std::printf("no fake driver at '%s': run the tests with bun run native --test\n", cuda().c_str());
    std::exit(2);
  }
  return reinterpret_cast<Function*>(found);
}

#define FAKE(name) (fake::control<decltype(name)>(#name))

/// Back to a driver that was just loaded, under `settings`.
inline void reset(std::string const& settings = "profile=h200")
{
  FAKE(vrfake_reset)();
  if (FAKE(vrfake_configure)(settings.c_str()) != 0) {
    std::printf("the fake driver refuses '%s': %s\n", settings.c_str(), FAKE(vrfake_problem)());
    std::exit(2);
  }
}

/// Launches compute from now on, with the project's kernels compiled for the host. They stay through a reset.
inline bool with_kernels() { return FAKE(vrfake_kernels)((folder() + "/libkernels.so").c_str()) == 0; }

}  // namespace fake
