// SPDX-License-Identifier: Apache-2.0
/// NVML, opened at run time. Everything about it is optional: what it cannot tell is unknown.
#pragma once

#include "driver.h"
#include "json.h"

namespace vram_residency {

namespace nvml {

using Handle = struct OpaqueDevice*;

struct AddressingMode {
  unsigned version;
  unsigned value;
};

struct Bar1 {
  unsigned long long total;
  unsigned long long free;
  unsigned long long used;
};

struct Memory {
  unsigned version;
  unsigned long long total;
  unsigned long long reserved;
  unsigned long long free;
  unsigned long long used;
};

/// How NVML numbers the versions of a struct: the size below, the version above.
template <typename Struct>
constexpr unsigned version_of(unsigned number)
{
  return static_cast<unsigned>(sizeof(Struct)) | number << 24;
}

inline constexpr int kSuccess = 0;
inline constexpr int kNotSupported = 3;

}  // namespace nvml

/// What NVML says of one device.
struct NvmlFacts {
  std::int32_t addressing = VR_UNKNOWN;
  std::int32_t ecc = VR_UNKNOWN;
  std::int32_t row_remap = VR_UNKNOWN;
  std::int32_t mig_mode = VR_UNKNOWN;
};

class Nvml {
 public:
  /// Opens and initialises it, if there is one.
  void load(std::string const& path);
  ~Nvml();

  std::string origin() const { return ready_ ? library_.origin() : std::string{}; }
  /// Empty when unknown.
  std::string driver_version() const;

  /// The device with this UUID, or at this PCI address; null when NVML does not know it.
  nvml::Handle find(std::string const& uuid, std::string const& pci) const;
  NvmlFacts facts(nvml::Handle device) const;
  /// Adds what else there is to see: counters, clocks, links.
  void observe(nvml::Handle device, JsonObject& into) const;

 private:
  using Handle = nvml::Handle;
  using AddressingMode = nvml::AddressingMode;
  using Bar1 = nvml::Bar1;
  using Memory = nvml::Memory;
#define VRAM_DECLARE(name, parameters) int(*name) parameters = nullptr;
  VRAM_NVML(VRAM_DECLARE)
#undef VRAM_DECLARE

  SharedLibrary library_;
  bool ready_ = false;
};

}  // namespace vram_residency
