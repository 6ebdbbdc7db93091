// SPDX-License-Identifier: Apache-2.0
#include "kernel_module.h"

#include "digest/kernel_images.h"

namespace vram_residency {

namespace {

/// In the order of `Kernel`.
constexpr std::array<char const*, 5> kNames = {"vr_fsverity_leaves", "vr_blake3_chunks", "vr_blake3_parents",
                                               "vr_poison_check", "vr_zero_check"};

std::string target_of(digest::KernelImage const& image)
{
  return image.capability == 0 ? "ptx" : "sm_" + std::to_string(image.capability);
}

}  // namespace

std::vector<std::string> kernel_targets()
{
  std::vector<std::string> targets;
  for (auto const& image : digest::kernel_images()) { targets.push_back(target_of(image)); }
  return targets;
}

void KernelModule::load(Driver const& driver, int major, int minor)
{
  if (tried_) { return; }
  auto const images = digest::kernel_images();
  if (images.empty()) { problem_ = "this build carries no kernels: it was made without nvcc"; }
  for (auto const& image :
       digest::kernel_candidates(images, static_cast<std::uint32_t>(major), static_cast<std::uint32_t>(minor))) {
    if (!take(driver, image.bytes.data())) { continue; }
    target_ = target_of(image);
    engine_ = image.capability == 0 ? VR_ENGINE_PTX : VR_ENGINE_CUBIN;
    break;
  }
  tried_ = true;
}

bool KernelModule::take(Driver const& driver, void const* image)
{
  if (refused(driver, driver.cuModuleLoadData(&module_, image), "cuModuleLoadData")) {
    module_ = nullptr;
    return false;
  }
  for (std::size_t index = 0; index < kNames.size(); index += 1) {
    auto const code = driver.cuModuleGetFunction(&functions_[index], module_, kNames[index]);
    if (refused(driver, code, "cuModuleGetFunction")) {
      unload(driver);
      return false;
    }
  }
  return true;
}

/// Keeps why. @throws VR_EDEVICE_LOST: no other module would do better.
bool KernelModule::refused(Driver const& driver, cu::Result code, char const* operation)
{
  if (code == cu::kSuccess) { return false; }
  auto const broken = driver.driver_failure(code, operation, Purpose::transfer);
  if (broken.error.status == VR_EDEVICE_LOST) {
    unload(driver);
    throw broken;
  }
  if (!problem_.empty()) { problem_ += "; "; }
  problem_ += text_of(broken.error.message);
  return true;
}

void KernelModule::unload(Driver const& driver) noexcept
{
  if (module_ == nullptr) { return; }
  // Twice: a failure that passes must not leave it behind.
  if (driver.cuModuleUnload(module_) != cu::kSuccess) { driver.cuModuleUnload(module_); }
  module_ = nullptr;
  engine_ = VR_ENGINE_CPU;
  target_.clear();
}

void KernelModule::observe(JsonObject& seen) const
{
  seen.text_or_null("kernels", target_);
  seen.text_or_null("kernelsProblem", problem_);
}

void throw_unwritten(std::string_view what)
{
  auto broken = failure(VR_ECOPY, "a kernel was launched without an error, and " + std::string{what});
  set_text(broken.error.operation, "cuLaunchKernel");
  throw broken;
}

}  // namespace vram_residency
