// SPDX-License-Identifier: Apache-2.0
// Reads the text that vrfake_configure takes.
#include "config.h"

#include <charconv>
#include <sstream>

#include "abi.h"

namespace vrfake {
namespace {

template <typename Number>
bool read(std::string_view text, Number& out)
{
  auto const end = text.data() + text.size();
  auto const [stop, error] = std::from_chars(text.data(), end, out);
  return error == std::errc{} && stop == end;
}

bool read(std::string_view text, bool& out)
{
  if (text != "0" && text != "1") return false;
  out = text == "1";
  return true;
}

std::string with_spaces(std::string_view text)
{
  std::string name{text};
  for (auto& letter : name)
    if (letter == '_') letter = ' ';
  return name;
}

bool set_addressing(DeviceConfig& device, std::string_view value)
{
  if (value == "none") return device.addressing = 0, true;
  if (value == "hmm") return device.addressing = 1, true;
  if (value == "ats") return device.addressing = 2, true;
  return false;
}

bool set_pointer_lie(DeviceConfig& device, std::string_view number, std::string_view value)
{
  int attribute = 0;
  uint64_t lie = 0;
  if (!read(number, attribute)) return false;
  if (value == "none") return device.pointer_lies[attribute] = std::nullopt, true;
  if (!read(value, lie)) return false;
  device.pointer_lies[attribute] = lie;
  return true;
}

bool set_vmm(DeviceConfig& device, std::string_view value)
{
  bool on = false;
  if (!read(value, on)) return false;
  device.attributes[kAttributeVmm] = on ? 1 : 0;
  return true;
}

bool set_ecc(DeviceConfig& device, std::string_view value)
{
  bool on = false;
  if (!read(value, on)) return false;
  device.attributes[kAttributeEcc] = on ? 1 : 0;
  return true;
}

bool set_attribute(DeviceConfig& device, std::string_view number, std::string_view value)
{
  int attribute = 0;
  int content = 0;
  if (!read(number, attribute) || !read(value, content)) return false;
  device.attributes[attribute] = content;
  return true;
}

bool set_granularity(DeviceConfig& device, std::string_view value)
{
  uint64_t bytes = 0;
  // Pages of the host carry the mappings, so nothing finer than 64 KiB.
  if (!read(value, bytes) || bytes < 64 * 1024 || (bytes & (bytes - 1)) != 0) return false;
  device.granularity = bytes;
  return true;
}

/// Whether `key` is a device's and `value` was understood; nothing for a key that is no device's.
std::optional<bool> set_device(DeviceConfig& device, std::string_view key, std::string_view value)
{
  if (key == "name") return device.name = with_spaces(value), !value.empty();
  if (key == "total_bytes") return read(value, device.total_bytes);
  if (key == "foreign_bytes") return read(value, device.foreign_bytes);
  if (key == "largest_bytes") return read(value, device.largest_bytes);
  if (key == "context_bytes") return read(value, device.context_bytes);
  if (key == "granularity") return set_granularity(device, value);
  if (key == "pinning") return read(value, device.pinning);
  if (key == "vmm") return set_vmm(device, value);
  if (key == "location") return read(value, device.location_lie);
  if (key == "addressing") return set_addressing(device, value);
  if (key == "ecc") return set_ecc(device, value);
  if (key == "mig") return read(value, device.mig);
  if (key == "remap_pending") return read(value, device.remap_pending);
  if (key == "remap_failed") return read(value, device.remap_failed);
  if (key == "ecc_corrected") return read(value, device.ecc_corrected);
  if (key == "ecc_uncorrected") return read(value, device.ecc_uncorrected);
  if (key.starts_with("attribute.")) return set_attribute(device, key.substr(10), value);
  if (key.starts_with("pointer.")) return set_pointer_lie(device, key.substr(8), value);
  return std::nullopt;
}

bool set_device_count(Config& config, std::string_view value)
{
  uint32_t count = 0;
  if (!read(value, count) || count > kDevicesMax) return false;
  if (config.devices.empty() && count > 0) config.devices = profile("h200")->devices;
  while (config.devices.size() > count) config.devices.pop_back();
  while (config.devices.size() < count)
    config.devices.push_back(sibling(config.devices.front(), static_cast<uint32_t>(config.devices.size())));
  return true;
}

bool set_profile(Config& config, std::string_view value)
{
  auto found = profile(value);
  if (found) config = std::move(*found);
  return found.has_value();
}

std::optional<bool> set_driver(Config& config, std::string_view key, std::string_view value)
{
  if (key == "profile") return set_profile(config, value);
  if (key == "devices") return set_device_count(config, value);
  if (key == "driver_version") return read(value, config.driver_version);
  if (key == "kernel_release") return config.kernel_release = with_spaces(value), true;
  if (key == "nvml") return read(value, config.nvml);
  if (key == "poison_bytes") return read(value, config.poison_bytes);
  if (key == "check_wipe") return read(value, config.check_wipe);
  if (key == "readonly_copy") {
    config.readonly_copy_faults = value == "fault";
    return value == "fault" || value == "error";
  }
  return std::nullopt;
}

std::optional<bool> set_devices(Config& config, std::optional<uint32_t> only, std::string_view key,
                                std::string_view value)
{
  std::optional<bool> done;
  for (uint32_t ordinal = 0; ordinal < config.devices.size(); ++ordinal) {
    if (only.value_or(ordinal) != ordinal) continue;
    done = set_device(config.devices[ordinal], key, value);
    if (!done.value_or(false)) return done;
  }
  return done;
}

}  // namespace

std::string apply(Config& config, std::string_view text)
{
  auto changed = config;
  std::optional<uint32_t> only;
  std::istringstream words{std::string{text}};
  for (std::string word; words >> word;) {
    auto const split = word.find('=');
    if (split == std::string::npos) return "\"" + word + "\" is not key=value";
    auto const key = std::string_view{word}.substr(0, split);
    auto const value = std::string_view{word}.substr(split + 1);
    if (key == "device") {
      uint32_t ordinal = 0;
      if (!read(value, ordinal) || ordinal >= changed.devices.size()) return "no such device: " + word;
      only = ordinal;
      continue;
    }
    auto done = set_driver(changed, key, value);
    if (key == "profile") only.reset();
    if (!done) done = set_devices(changed, only, key, value);
    if (!done) return "no such key: " + word;
    if (!*done) return "not a value of this key: " + word;
  }
  config = std::move(changed);
  return {};
}

}  // namespace vrfake
