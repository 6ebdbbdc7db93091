// SPDX-License-Identifier: Apache-2.0
// What the fake pretends to be: settings of the driver and of each device, and the profiles that fill them in.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vrfake {

inline constexpr uint64_t kMiB = uint64_t{1} << 20;
inline constexpr uint64_t kGiB = uint64_t{1} << 30;
inline constexpr uint32_t kDevicesMax = 8;

struct DeviceConfig {
  std::string name;
  std::array<uint8_t, 16> uuid{};
  uint64_t total_bytes = 0;
  uint64_t foreign_bytes = 0;
  uint64_t largest_bytes = UINT64_MAX;
  uint64_t context_bytes = 0;
  uint64_t granularity = 2 * kMiB;
  bool pinning = true;
  std::map<int, int> attributes;
  /// What a pointer attribute says instead of the truth; empty: it fails.
  std::map<int, std::optional<uint64_t>> pointer_lies;
  int location_lie = 0;
  unsigned addressing = 0;  ///< NVML's numbers: 0 none, 1 HMM, 2 ATS.
  bool mig = false;
  bool virtual_gpu = false;
  bool remap_pending = false;
  bool remap_failed = false;
  uint64_t ecc_corrected = 0;
  uint64_t ecc_uncorrected = 0;

  int attribute(int number) const;
};

struct Config {
  int driver_version = 13000;
  std::string driver_release = "580.95.05";
  std::string kernel_release = "6.8.0-generic";
  bool nvml = true;
  uint64_t poison_bytes = 64 * kMiB;
  bool check_wipe = true;
  bool readonly_copy_faults = false;
  std::vector<DeviceConfig> devices;
};

/// The settings of a profile; nothing for a name that is none.
std::optional<Config> profile(std::string_view name);

/// What a process starts with, and vrfake_reset() returns to.
Config default_config();

/// A further device like `first`, at `ordinal`: same model, another UUID and PCI address.
DeviceConfig sibling(DeviceConfig const& first, uint32_t ordinal);

/// Applies `key=value` text to `config`. Returns what is wrong with it; empty when all was applied.
std::string apply(Config& config, std::string_view text);

}  // namespace vrfake
