// SPDX-License-Identifier: Apache-2.0
// The profiles: tables of numbers. H200's are plausible, not measured; a dump from a real one is to replace them.
#include "abi.h"
#include "config.h"

namespace vrfake {
namespace {

/// Attribute numbers and values of an H200 under Linux, CUDA 13.
std::map<int, int> h200_attributes()
{
  return {
      {1, 1024},       {2, 1024},        {3, 1024},     {4, 64},      {5, 2147483647}, {6, 65535}, {7, 65535},
      {8, 49152},      {9, 65536},       {10, 32},      {12, 65536},  {13, 1980000},   {15, 1},    {16, 132},
      {17, 0},         {18, 0},          {19, 1},       {20, 0},      {31, 1},         {32, 1},    {33, 0x18},
      {34, 0},         {35, 0},          {36, 3201000}, {37, 6144},   {38, 62914560},  {39, 2048}, {40, 3},
      {41, 1},         {50, 0},          {75, 9},       {76, 0},      {78, 1},         {79, 1},    {80, 1},
      {81, 233472},    {82, 65536},      {83, 1},       {84, 0},      {86, 0},         {88, 0},    {89, 1},
      {90, 1},         {91, 1},          {95, 1},       {97, 232448}, {98, 1},         {99, 1},    {100, 0},
      {101, 0},        {102, 1},         {103, 1},      {104, 0},     {105, 0},        {106, 32},  {107, 1},
      {108, 39321600}, {109, 134217728}, {110, 1},      {111, 1024},  {112, 1},        {113, 1},   {114, 1},
      {115, 1},        {116, 1},         {117, 1},      {118, 100},   {119, 9},        {120, 1},   {121, 1},
      {124, 1},        {125, 1},         {126, 4},      {127, 1},     {128, 1},        {129, 1},   {130, 0},
      {131, -1},       {132, 1},         {133, 0},      {134, 0},     {141, 1},        {142, 1},   {143, 1},
      {144, 1},        {145, 0},         {146, 0},
  };
}

DeviceConfig h200_device()
{
  DeviceConfig device;
  device.name = "NVIDIA H200";
  device.uuid = {0x7a, 0x1d, 0x52, 0x0c, 0x3e, 0x94, 0x4b, 0x60, 0x8f, 0x11, 0xd0, 0x27, 0x65, 0xb3, 0xaa, 0x00};
  device.total_bytes = 143771 * kMiB;
  device.context_bytes = 512 * kMiB;
  device.attributes = h200_attributes();
  return device;
}

void set(DeviceConfig& device, std::map<int, int> const& changes)
{
  for (auto const& [number, value] : changes) device.attributes[number] = value;
}

/// No VMM calls, no descriptors to share, as under some hypervisors.
void without_vmm(DeviceConfig& device)
{
  set(device, {{kAttributeVmm, 0}, {kAttributePosixHandles, 0}, {110, 0}, {128, 0}, {132, 0}, {141, 0}});
}

void integrated(DeviceConfig& device)
{
  device.name = "NVIDIA GB10";
  device.total_bytes = 119 * kGiB;
  device.addressing = 2;
  set(device, {{16, 48}, {18, 1}, {32, 0}, {75, 12}, {76, 1}, {86, 1}, {88, 1}, {100, 1}, {101, 1}});
}

void ats(DeviceConfig& device)
{
  device.name = "NVIDIA GH200 480GB";
  device.total_bytes = 95 * kGiB;
  device.addressing = 2;
  set(device, {{86, 1}, {88, 1}, {100, 1}, {101, 1}, {130, 1}, {131, 1}, {145, 1}});
}

void hmm(DeviceConfig& device)
{
  device.addressing = 1;
  set(device, {{88, 1}});
}

void wsl(Config& config, DeviceConfig& device)
{
  config.kernel_release = "5.15.167.4-microsoft-standard-WSL2";
  device.name = "NVIDIA GeForce RTX 4090";
  device.total_bytes = 24564 * kMiB;
  set(device, {{16, 128}, {32, 0}, {75, 8}, {76, 9}, {89, 0}, {103, 0}, {110, 0}, {116, 0}, {128, 0}, {132, 0}});
}

void small_memory(DeviceConfig& device)
{
  device.total_bytes = 64 * kMiB;
  device.context_bytes = 0;
}

/// CUDA 10.1: no VMM call, no cuGetProcAddress.
void old_driver(Config& config, DeviceConfig& device)
{
  config.driver_version = 10010;
  config.driver_release = "418.226.00";
  device.name = "Tesla T4";
  device.total_bytes = 15109 * kMiB;
  without_vmm(device);
  set(device, {{16, 40}, {75, 7}, {76, 5}});
}

void mig(DeviceConfig& device)
{
  device.name = "NVIDIA H200 MIG 1g.18gb";
  device.total_bytes = 16384 * kMiB;
  device.mig = true;
  set(device, {{16, 16}});
}

void virtual_gpu(DeviceConfig& device)
{
  device.name = "NVIDIA H200-35C";
  device.total_bytes = 35840 * kMiB;
  device.virtual_gpu = true;
  without_vmm(device);
}

}  // namespace

int DeviceConfig::attribute(int number) const
{
  auto const found = attributes.find(number);
  return found == attributes.end() ? 0 : found->second;
}

DeviceConfig sibling(DeviceConfig const& first, uint32_t ordinal)
{
  auto device = first;
  device.uuid.back() = static_cast<uint8_t>(first.uuid.back() + ordinal);
  device.attributes[kAttributePciBus] = first.attribute(kAttributePciBus) + static_cast<int>(ordinal);
  return device;
}

std::optional<Config> profile(std::string_view name)
{
  Config config;
  config.devices.push_back(h200_device());
  auto& device = config.devices.front();
  if (name == "h200") return config;
  if (name == "no-vmm") return without_vmm(device), config;
  if (name == "integrated") return integrated(device), config;
  if (name == "hmm") return hmm(device), config;
  if (name == "ats") return ats(device), config;
  if (name == "wsl") return wsl(config, device), config;
  if (name == "small-memory") return small_memory(device), config;
  if (name == "mig") return mig(device), config;
  if (name == "vgpu") return virtual_gpu(device), config;
  if (name == "two-devices") return config.devices.push_back(sibling(device, 1)), config;
  if (name == "no-device") return config.devices.clear(), config;
  if (name == "old-driver") return old_driver(config, device), config;
  if (name == "no-nvml") return config.nvml = false, config;
  return std::nullopt;
}

}  // namespace vrfake
