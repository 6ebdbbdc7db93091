// SPDX-License-Identifier: Apache-2.0
#include "driver.h"

#include <dlfcn.h>
#include <link.h>

#include <algorithm>
#include <fstream>

namespace vram_residency {

bool SharedLibrary::open(std::string const& path, char const* name)
{
  handle_ = ::dlopen(path.empty() ? name : path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (handle_ != nullptr) { return true; }
  auto const* const reason = ::dlerror();
  problem_ = reason == nullptr ? "unknown reason" : reason;
  return false;
}

void* SharedLibrary::symbol(char const* name) const noexcept
{
  return handle_ == nullptr ? nullptr : ::dlsym(handle_, name);
}

std::string SharedLibrary::origin() const
{
  link_map* map = nullptr;
  if (handle_ == nullptr || ::dlinfo(handle_, RTLD_DI_LINKMAP, &map) != 0 || map == nullptr) { return {}; }
  return map->l_name;
}

void Driver::load(std::string const& path, bool accept_fake)
{
  if (!library_.open(path, "libcuda.so.1")) {
    throw failure(VR_EUNAVAILABLE, "no NVIDIA driver could be loaded: " + library_.problem());
  }

  fake_ = library_.symbol("vrfake_configure") != nullptr;
  require(!fake_ || accept_fake, VR_EUNAVAILABLE,
          "this libcuda.so.1 is a fake for tests, and no test option was given");

  std::string absent;
#define VRAM_LOAD_REQUIRED(name, parameters)                           \
  name = reinterpret_cast<decltype(name)>(library_.symbol(#name));     \
  if (name == nullptr && absent.empty()) { absent = #name; }
  VRAM_DRIVER_REQUIRED(VRAM_LOAD_REQUIRED)
#undef VRAM_LOAD_REQUIRED
  require(absent.empty(), VR_EUNAVAILABLE, "the NVIDIA driver is too old: it has no " + absent);

#define VRAM_LOAD_OPTIONAL(name, parameters)                           \
  name = reinterpret_cast<decltype(name)>(library_.symbol(#name));     \
  if (name == nullptr) { missing_.emplace_back(#name); }
  VRAM_DRIVER_OPTIONAL(VRAM_LOAD_OPTIONAL)
#undef VRAM_LOAD_OPTIONAL
  virtual_memory_ = std::all_of(missing_.begin(), missing_.end(),
                                [](std::string const& one) { return one.rfind("cuMem", 0) != 0; });
}

std::string Driver::kernel_release() const
{
  if (auto* const told = library_.symbol("vrfake_kernel_release"); fake_ && told != nullptr) {
    return reinterpret_cast<char const* (*)()>(told)();
  }
  std::ifstream file{"/proc/sys/kernel/osrelease"};
  std::string release;
  std::getline(file, release);
  return release;
}

int Driver::initialise()
{
  auto const code = cuInit(0);
  if (code == cu::kNoDevice) { return 0; }
  if (code != cu::kSuccess) {
    auto refused = driver_failure(code, "cuInit", Purpose::transfer);
    refused.error.status = VR_EUNAVAILABLE;
    throw refused;
  }
  check(cuDriverGetVersion(&version_), "cuDriverGetVersion", Purpose::transfer);
  int count = 0;
  check(cuDeviceGetCount(&count), "cuDeviceGetCount", Purpose::transfer);
  return count;
}

std::string Driver::name_of(cu::Result code) const
{
  char const* name = nullptr;
  if (cuGetErrorName == nullptr || cuGetErrorName(code, &name) != cu::kSuccess || name == nullptr) {
    return "CUDA_ERROR_" + std::to_string(code);
  }
  return name;
}

Failure Driver::driver_failure(cu::Result code, char const* operation, Purpose purpose) const
{
  auto const name = name_of(code);
  auto const status = is_sticky(code)                      ? VR_EDEVICE_LOST
                      : code == cu::kOutOfMemory && purpose == Purpose::allocation ? VR_EVRAM
                      : purpose == Purpose::allocation     ? VR_EALLOCATION
                                                           : VR_ECOPY;
  auto made = failure(status, std::string{operation} + " failed: " + name);
  made.error.driver_code = code;
  made.error.restart_needed = status == VR_EDEVICE_LOST ? 1 : 0;
  set_text(made.error.driver_name, name);
  set_text(made.error.operation, operation);
  return made;
}

bool is_sticky(cu::Result code) noexcept
{
  switch (code) {
    case cu::kDeinitialized:
    case cu::kDeviceUnavailable:
    case cu::kEccUncorrectable:
    case cu::kNvlinkUncorrectable:
    case cu::kContained:
    case cu::kIllegalAddress:
    case cu::kLaunchTimeout:
    case cu::kContextIsDestroyed:
    case cu::kAssert:
    case cu::kHardwareStackError:
    case cu::kIllegalInstruction:
    case cu::kMisalignedAddress:
    case cu::kInvalidAddressSpace:
    case cu::kInvalidPc:
    case cu::kLaunchFailed:
    case cu::kTensorMemoryLeak:
    case cu::kUnknown:
      return true;
    default:
      return false;
  }
}

}  // namespace vram_residency
