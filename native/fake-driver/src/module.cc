// SPDX-License-Identifier: Apache-2.0
// Modules, functions and launches. An image is only judged (would this device's driver take it?); what runs is the kernel of
// the same name that was compiled for the host.
#include <cstring>
#include <string_view>

#include "launch.h"
#include "state.h"

namespace vrfake {
namespace {

constexpr uint16_t kElfMachineCuda = 190;
constexpr uint32_t kFatbinMagic = 0xBA55ED50;

/// The newest PTX version that a driver compiles, times ten. Drivers up to 10.1 know 6.4, 11.x 7.x, 12.x 8.x, 13.x 9.x.
int newest_ptx(int driver_version)
{
  auto const major = driver_version / 1000;
  if (major < 11) return 64;
  return (major - 4) * 10 + driver_version % 1000 / 10;
}

/// The architecture of a cubin, as 90 for sm_90. Toolkits from 13 write another ABI number, and the architecture one byte up.
int architecture(unsigned char const* elf)
{
  uint32_t flags = 0;
  std::memcpy(&flags, elf + 48, sizeof flags);
  return static_cast<int>(elf[8] >= 8 ? (flags >> 8) & 0xFF : flags & 0xFF);
}

int judge_cubin(Config const& config, DeviceConfig const& device, unsigned char const* elf)
{
  uint16_t machine = 0;
  std::memcpy(&machine, elf + 18, sizeof machine);
  if (machine != kElfMachineCuda) return kInvalidImage;
  if (elf[8] >= 8 && config.driver_version < 13000) return kNoBinaryForGpu;
  auto const built = architecture(elf);
  auto const fits = built / 10 == device.attribute(kAttributeMajor) && built % 10 <= device.attribute(kAttributeMinor);
  return fits ? kSuccess : kNoBinaryForGpu;
}

/// The number after a directive of a PTX text, without its dot: 64 for ".version 6.4", 50 for ".target sm_50". -1: none.
int directive(std::string_view text, std::string_view name, std::string_view prefix)
{
  auto const at = text.find(name);
  if (at == std::string_view::npos) return -1;
  auto const start = text.find(prefix, at);
  if (start == std::string_view::npos) return -1;
  int number = 0;
  for (auto letter : text.substr(start + prefix.size())) {
    if (letter == '.') continue;
    if (letter < '0' || letter > '9' || number > 9999) break;
    number = number * 10 + (letter - '0');
  }
  return number;
}

int judge_ptx(Config const& config, DeviceConfig const& device, std::string_view text)
{
  auto const version = directive(text, ".version", " ");
  auto const target = directive(text, ".target", "sm_");
  if (version < 0 || target < 0) return kInvalidImage;
  if (text.find(".entry") == std::string_view::npos) return kInvalidPtx;
  if (version > newest_ptx(config.driver_version)) return kUnsupportedPtxVersion;
  auto const own = device.attribute(kAttributeMajor) * 10 + device.attribute(kAttributeMinor);
  return target > own ? int{kInvalidPtx} : int{kSuccess};
}

int judge_image(Config const& config, DeviceConfig const& device, void const* image)
{
  auto const* const bytes = static_cast<unsigned char const*>(image);
  if (std::memcmp(bytes,
                  "\x7f"
                  "ELF",
                  4) == 0)
    return judge_cubin(config, device, bytes);
  uint32_t magic = 0;
  std::memcpy(&magic, bytes, sizeof magic);
  if (magic == kFatbinMagic) return kSuccess;
  return judge_ptx(config, device, static_cast<char const*>(image));
}

int load(char const* function, int since, void** module, void const* image)
{
  return locked(function, since, Needs::context, [&](State& all) -> int {
    if (module == nullptr || image == nullptr) return kInvalidValue;
    auto const& context = all.contexts.at(current_stack().back());
    if (auto const code = judge_image(all.config, all.config.devices[context.device], image); code != kSuccess)
      return code;
    auto const id = next_id();
    all.modules.emplace(id, context.id);
    *module = handle_of(id);
    return kSuccess;
  });
}

/// A launch with copies of its parameters, which the application may reuse at once.
struct Launch {
  vrfake_kernel const* kernel;
  vrfake_launch shape;
  std::vector<std::vector<unsigned char>> params;
};

Launch take_params(vrfake_kernel const* kernel, vrfake_launch shape, void** params)
{
  Launch launch{kernel, shape, {}};
  for (size_t at = 0; kernel->param_bytes[at] != 0; ++at) {
    auto const* const data = static_cast<unsigned char const*>(params[at]);
    launch.params.emplace_back(data, data + kernel->param_bytes[at]);
  }
  return launch;
}

void run(Launch& launch)
{
  auto& all = state();
  auto const device = launch.shape.device;
  std::vector<void*> params;
  for (auto& one : launch.params) params.push_back(one.data());
  {
    std::scoped_lock const lock{all.mutex};
    all.memory.kernel_begins(device);
  }
  auto const legal = run_guarded(*launch.kernel, launch.shape, params);
  if (!legal) stick(device, kIllegalAddress);
  std::scoped_lock const lock{all.mutex};
  all.memory.kernel_ends(device);
}

bool is_shape(DeviceConfig const& device, vrfake_launch const& shape)
{
  uint64_t threads = 1;
  for (int axis = 0; axis < 3; ++axis) {
    if (shape.grid[axis] == 0 || shape.block[axis] == 0) return false;
    // Attributes 2 to 4 are the largest block, 5 to 7 the largest grid.
    if (shape.block[axis] > static_cast<uint32_t>(device.attribute(2 + axis))) return false;
    if (shape.grid[axis] > static_cast<uint32_t>(device.attribute(5 + axis))) return false;
    threads *= shape.block[axis];
  }
  return threads <= static_cast<uint64_t>(device.attribute(1));
}

}  // namespace
}  // namespace vrfake

using namespace vrfake;

extern "C" {

int cuModuleLoadData(void** module, void const* image) { return load("cuModuleLoadData", 2000, module, image); }

int cuModuleLoadDataEx(void** module, void const* image, unsigned, int*, void**)
{
  return load("cuModuleLoadDataEx", 2010, module, image);
}

int cuModuleUnload(void* module)
{
  return locked("cuModuleUnload", 2000, Needs::context, [&](State& all) {
    auto const id = id_of(module);
    if (all.modules.erase(id) == 0) return kInvalidHandle;
    std::erase_if(all.functions, [&](auto const& entry) { return entry.second.module == id; });
    return kSuccess;
  });
}

int cuModuleGetFunction(void** function, void* module, char const* name)
{
  return locked("cuModuleGetFunction", 2000, Needs::context, [&](State& all) {
    if (function == nullptr || name == nullptr) return kInvalidValue;
    if (!all.modules.contains(id_of(module))) return kInvalidHandle;
    auto const* const kernel = kernel_named(name);
    if (kernel == nullptr) return kNotFound;
    auto const id = next_id();
    all.functions.emplace(id, Function{id_of(module), kernel});
    *function = handle_of(id);
    return kSuccess;
  });
}

int cuFuncGetAttribute(int* value, int attribute, void* function)
{
  return locked("cuFuncGetAttribute", 2020, Needs::context, [&](State& all) {
    if (value == nullptr || attribute < 0) return kInvalidValue;
    if (!all.functions.contains(id_of(function))) return kInvalidHandle;
    // Most threads in a block, registers, and nothing of what else there is to know.
    *value = attribute == 0 ? 1024 : attribute == 4 ? 40 : 0;
    return kSuccess;
  });
}

int cuFuncSetAttribute(void* function, int, int)
{
  return locked("cuFuncSetAttribute", 9000, Needs::context,
                [&](State& all) { return all.functions.contains(id_of(function)) ? kSuccess : kInvalidHandle; });
}

int cuFuncSetCacheConfig(void* function, int)
{
  return locked("cuFuncSetCacheConfig", 3000, Needs::context,
                [&](State& all) { return all.functions.contains(id_of(function)) ? kSuccess : kInvalidHandle; });
}

int cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, void* function, int threads, size_t)
{
  return locked("cuOccupancyMaxActiveBlocksPerMultiprocessor", 6050, Needs::context, [&](State& all) {
    if (blocks == nullptr || threads <= 0) return kInvalidValue;
    if (!all.functions.contains(id_of(function))) return kInvalidHandle;
    *blocks = 2048 / threads;
    return kSuccess;
  });
}

int cuLaunchKernel(void* function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                   unsigned block_y, unsigned block_z, unsigned shared_bytes, void* stream_handle, void** params,
                   void** extra)
{
  return locked("cuLaunchKernel", 4000, Needs::context, [&](State& all) -> int {
    auto const found = all.functions.find(id_of(function));
    auto const stream = stream_of(all, stream_handle);
    if (found == all.functions.end() || stream == nullptr) return kInvalidHandle;
    auto const* const kernel = found->second.kernel;
    if (extra != nullptr) return kNotSupported;
    vrfake_launch const shape{{grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, shared_bytes, stream->device};
    if (!is_shape(all.config.devices[stream->device], shape) || (params == nullptr && kernel->param_bytes[0] != 0))
      return kInvalidValue;
    if (all.faults.on_launch()) return kSuccess;
    auto const launch = std::make_shared<Launch>(take_params(kernel, shape, params));
    enqueue(all, stream, [launch] { run(*launch); });
    return kSuccess;
  });
}

}  // extern "C"
