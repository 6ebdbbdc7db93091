// SPDX-License-Identifier: Apache-2.0
// Contexts: primary ones with their reference counts, created ones, and the current one of each thread.
#include "state.h"

namespace vrfake {
namespace {

bool is_device(State const& all, int device)
{
  return device >= 0 && static_cast<size_t>(device) < all.config.devices.size();
}

uint64_t create(State& all, uint32_t device, bool primary, unsigned flags)
{
  auto const id = next_id();
  auto null_stream = Stream::start(id, device, 0, 0);
  auto thread_stream = Stream::start(id, device, 0, 0);
  all.contexts.emplace(id, Context{id, device, primary, 1, flags, std::move(null_stream), std::move(thread_stream)});
  return id;
}

/// Waits for the context's work, then destroys it.
void drain_and_destroy(uint64_t id)
{
  auto& all = state();
  std::vector<Point> work;
  {
    std::scoped_lock const lock{all.mutex};
    work = all.work_of(id);
  }
  wait(work, 0);
  std::scoped_lock const lock{all.mutex};
  all.destroy_context(id);
}

int release_primary(char const* function, int since, int device)
{
  return call(function, since, Needs::initialisation, [&]() -> int {
    auto& all = state();
    uint64_t last = 0;
    {
      std::scoped_lock const lock{all.mutex};
      if (!is_device(all, device)) return kInvalidDevice;
      auto& primary = all.primary[static_cast<size_t>(device)];
      if (primary == 0) return kInvalidContext;
      if (--all.contexts.at(primary).references == 0) last = std::exchange(primary, 0);
    }
    if (last != 0) drain_and_destroy(last);
    return kSuccess;
  });
}

}  // namespace
}  // namespace vrfake

using namespace vrfake;

extern "C" {

int cuDevicePrimaryCtxRetain(void** context, int device)
{
  return locked("cuDevicePrimaryCtxRetain", 7000, Needs::initialisation, [&](State& all) -> int {
    if (context == nullptr) return kInvalidValue;
    if (!is_device(all, device)) return kInvalidDevice;
    auto const index = static_cast<uint32_t>(device);
    if (all.lost[index]) return kDeviceUnavailable;
    auto& primary = all.primary[index];
    if (primary == 0) {
      if (all.free_bytes(index) < all.config.devices[index].context_bytes) return kOutOfMemory;
      primary = create(all, index, true, all.primary_flags[index]);
    } else {
      ++all.contexts.at(primary).references;
    }
    *context = handle_of(primary);
    return kSuccess;
  });
}

int cuDevicePrimaryCtxRelease(int device) { return release_primary("cuDevicePrimaryCtxRelease", 7000, device); }

int cuDevicePrimaryCtxRelease_v2(int device) { return release_primary("cuDevicePrimaryCtxRelease_v2", 11000, device); }

int cuDevicePrimaryCtxGetState(int device, unsigned* flags, int* active)
{
  return locked("cuDevicePrimaryCtxGetState", 7000, Needs::initialisation, [&](State& all) {
    if (flags == nullptr || active == nullptr) return kInvalidValue;
    if (!is_device(all, device)) return kInvalidDevice;
    *flags = all.primary_flags[static_cast<size_t>(device)];
    *active = all.primary[static_cast<size_t>(device)] != 0 ? 1 : 0;
    return kSuccess;
  });
}

int cuDevicePrimaryCtxSetFlags_v2(int device, unsigned flags)
{
  return locked("cuDevicePrimaryCtxSetFlags_v2", 11000, Needs::initialisation, [&](State& all) {
    if (!is_device(all, device)) return kInvalidDevice;
    all.primary_flags[static_cast<size_t>(device)] = flags;
    return kSuccess;
  });
}

int cuDevicePrimaryCtxReset_v2(int device)
{
  return call("cuDevicePrimaryCtxReset_v2", 11000, Needs::initialisation, [&]() -> int {
    auto& all = state();
    uint64_t last = 0;
    {
      std::scoped_lock const lock{all.mutex};
      if (!is_device(all, device)) return kInvalidDevice;
      last = std::exchange(all.primary[static_cast<size_t>(device)], 0);
    }
    if (last != 0) drain_and_destroy(last);
    return kSuccess;
  });
}

int cuCtxCreate_v2(void** context, unsigned flags, int device)
{
  return locked("cuCtxCreate_v2", 3020, Needs::initialisation, [&](State& all) -> int {
    if (context == nullptr) return kInvalidValue;
    if (!is_device(all, device)) return kInvalidDevice;
    auto const index = static_cast<uint32_t>(device);
    if (all.lost[index]) return kDeviceUnavailable;
    if (all.free_bytes(index) < all.config.devices[index].context_bytes) return kOutOfMemory;
    auto const id = create(all, index, false, flags);
    current_stack().push_back(id);
    *context = handle_of(id);
    return kSuccess;
  });
}

int cuCtxDestroy_v2(void* context)
{
  return call("cuCtxDestroy_v2", 4000, Needs::initialisation, [&]() -> int {
    auto& all = state();
    auto const id = id_of(context);
    {
      std::scoped_lock const lock{all.mutex};
      auto const found = all.contexts.find(id);
      if (found == all.contexts.end() || found->second.primary) return kInvalidContext;
    }
    drain_and_destroy(id);
    if (auto& stack = current_stack(); !stack.empty() && stack.back() == id) stack.pop_back();
    return kSuccess;
  });
}

int cuCtxPushCurrent_v2(void* context)
{
  return locked("cuCtxPushCurrent_v2", 4000, Needs::initialisation, [&](State& all) {
    if (!all.contexts.contains(id_of(context))) return kInvalidContext;
    current_stack().push_back(id_of(context));
    return kSuccess;
  });
}

int cuCtxPopCurrent_v2(void** context)
{
  return locked("cuCtxPopCurrent_v2", 4000, Needs::initialisation, [&](State&) {
    auto& stack = current_stack();
    if (stack.empty() || stack.back() == 0) return kInvalidContext;
    if (context != nullptr) *context = handle_of(stack.back());
    stack.pop_back();
    return kSuccess;
  });
}

int cuCtxSetCurrent(void* context)
{
  return locked("cuCtxSetCurrent", 4000, Needs::initialisation, [&](State& all) {
    auto& stack = current_stack();
    if (context != nullptr && !all.contexts.contains(id_of(context))) return kInvalidContext;
    if (!stack.empty()) stack.pop_back();
    if (context != nullptr) stack.push_back(id_of(context));
    return kSuccess;
  });
}

int cuCtxGetCurrent(void** context)
{
  return locked("cuCtxGetCurrent", 4000, Needs::initialisation, [&](State&) {
    if (context == nullptr) return kInvalidValue;
    auto const& stack = current_stack();
    *context = stack.empty() ? nullptr : handle_of(stack.back());
    return kSuccess;
  });
}

int cuCtxGetDevice(int* device)
{
  return locked("cuCtxGetDevice", 2000, Needs::context, [&](State& all) {
    if (device == nullptr) return kInvalidValue;
    *device = static_cast<int>(all.contexts.at(current_stack().back()).device);
    return kSuccess;
  });
}

int cuCtxGetFlags(unsigned* flags)
{
  return locked("cuCtxGetFlags", 7000, Needs::context, [&](State& all) {
    if (flags == nullptr) return kInvalidValue;
    *flags = all.contexts.at(current_stack().back()).flags;
    return kSuccess;
  });
}

int cuCtxGetApiVersion(void* context, unsigned* version)
{
  return locked("cuCtxGetApiVersion", 3020, Needs::initialisation, [&](State& all) {
    if (version == nullptr) return kInvalidValue;
    auto const& stack = current_stack();
    auto const id = context != nullptr ? id_of(context) : stack.empty() ? 0 : stack.back();
    if (!all.contexts.contains(id)) return kInvalidContext;
    *version = 3020;
    return kSuccess;
  });
}

int cuCtxGetStreamPriorityRange(int* least, int* greatest)
{
  return locked("cuCtxGetStreamPriorityRange", 5050, Needs::context, [&](State&) {
    if (least != nullptr) *least = 0;
    if (greatest != nullptr) *greatest = -5;
    return kSuccess;
  });
}

int cuCtxSynchronize()
{
  return call("cuCtxSynchronize", 2000, Needs::context, [&] {
    auto& all = state();
    auto const [context, device] = here();
    std::vector<Point> work;
    {
      std::scoped_lock const lock{all.mutex};
      work = all.work_of(context);
    }
    return wait(work, device);
  });
}

}  // extern "C"
