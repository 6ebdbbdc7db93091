// SPDX-License-Identifier: Apache-2.0
/// The CUDA driver, opened at run time.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "driver_table.h"
#include "errors.h"

namespace vram_residency {

/// A shared library that stays open until the process ends: a driver has threads of its own, which closing would pull the
/// code from under.
class SharedLibrary {
 public:
  /// Opens `path`, or when it is empty `name` by the system's own search. @returns whether there is one.
  bool open(std::string const& path, char const* name);
  void* symbol(char const* name) const noexcept;
  /// Where it was loaded from.
  std::string origin() const;
  /// Why it could not be opened.
  std::string const& problem() const noexcept { return problem_; }

 private:
  void* handle_ = nullptr;
  std::string problem_;
};

/// What a driver call was for, which decides what its failure is called.
enum class Purpose { allocation, transfer };

/// The function table, and what every call has in common: a check.
class Driver {
 public:
#define VRAM_DECLARE(name, parameters) cu::Result(*name) parameters = nullptr;
  // The parameter lists name types of vram_residency::cu.
  using Result = cu::Result;
  using Device = cu::Device;
  using DevicePointer = cu::DevicePointer;
  using AllocationHandle = cu::AllocationHandle;
  using AllocationProperties = cu::AllocationProperties;
  using AccessDescriptor = cu::AccessDescriptor;
  using Location = cu::Location;
  using Context = cu::Context;
  using Stream = cu::Stream;
  using Event = cu::Event;
  using Module = cu::Module;
  using Function = cu::Function;
  using Uuid = cu::Uuid;
  VRAM_DRIVER_REQUIRED(VRAM_DECLARE)
  VRAM_DRIVER_OPTIONAL(VRAM_DECLARE)
#undef VRAM_DECLARE

  /// Opens the library and fills the table. @throws VR_EUNAVAILABLE in one sentence.
  void load(std::string const& path, bool accept_fake);
  /// Initialises it. @returns how many devices there are. @throws VR_EUNAVAILABLE.
  int initialise();

  bool fake() const noexcept { return fake_; }
  int version() const noexcept { return version_; }
  bool has_virtual_memory() const noexcept { return virtual_memory_; }
  std::string origin() const { return library_.origin(); }
  /// What the kernel calls itself; a fake driver tells what it would be under the fake's profile.
  std::string kernel_release() const;
  std::vector<std::string> const& missing() const noexcept { return missing_; }

  std::string name_of(cu::Result code) const;

  /// @throws A failure with the driver's number and name unless `code` is success.
  void check(cu::Result code, char const* operation, Purpose purpose) const
  {
    if (code != cu::kSuccess) [[unlikely]] { throw driver_failure(code, operation, purpose); }
  }
  Failure driver_failure(cu::Result code, char const* operation, Purpose purpose) const;

 private:
  SharedLibrary library_;
  std::vector<std::string> missing_;
  bool fake_ = false;
  bool virtual_memory_ = false;
  int version_ = 0;
};

/// Whether a device that answered with this can never be trusted again in this process.
bool is_sticky(cu::Result code) noexcept;

}  // namespace vram_residency
