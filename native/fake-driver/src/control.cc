// SPDX-License-Identifier: Apache-2.0
// The functions of fake_driver.h.
#include <dlfcn.h>

#include <algorithm>
#include <cstring>

#include "launch.h"
#include "state.h"

namespace vrfake {
namespace {

std::string& problem()
{
  static thread_local std::string text;
  return text;
}

int32_t refuse(std::string why)
{
  problem() = std::move(why);
  return -1;
}

int32_t arm(Faults::Kind kind, char const* function, uint64_t nth, int64_t value, uint8_t mask = 0)
{
  state().faults.arm(kind, function, nth, value, mask);
  return 0;
}

/// Runs `use` with a live block and an offset that lies in it. Waits for nothing: the bytes may be in use.
template <typename Use>
int32_t with_block(uint64_t id, uint64_t offset, uint64_t bytes, Use&& use)
{
  auto& all = state();
  std::scoped_lock const lock{all.mutex};
  auto const blocks = all.memory.blocks();
  auto const found = blocks.find(id);
  if (found == blocks.end()) return refuse("no live allocation has this id");
  if (offset > found->second->bytes || bytes > found->second->bytes - offset)
    return refuse("past the end of the allocation");
  use(found->second->alias() + offset);
  return 0;
}

/// Ends all work and all contexts.
void wind_up(State& all)
{
  std::vector<Point> work;
  {
    std::scoped_lock const lock{all.mutex};
    for (auto const& [id, context] : all.contexts)
      for (auto& point : all.work_of(id)) work.push_back(std::move(point));
  }
  wait(work, 0);
  std::scoped_lock const lock{all.mutex};
  while (!all.contexts.empty()) all.destroy_context(all.contexts.begin()->first);
}

void forget_memory(Memory& memory)
{
  while (!memory.mappings.empty()) {
    auto const found = memory.mappings.begin();
    auto const [base, bytes, plain] = std::tuple{found->first, found->second.bytes, found->second.reservation == 0};
    memory.unmap(found, false);
    if (plain) memory.release(base, bytes);
  }
  for (auto const& [base, bytes] : memory.reservations) memory.release(base, bytes);
  memory = Memory{};
}

uint64_t handle_references(Memory const& memory)
{
  uint64_t sum = 0;
  for (auto const& [id, entry] : memory.handles) sum += entry.references;
  return sum;
}

uint64_t mappings_of(Memory const& memory, bool vmm)
{
  uint64_t sum = 0;
  for (auto const& [base, mapping] : memory.mappings) sum += (mapping.reservation != 0) == vmm ? 1 : 0;
  return sum;
}

uint64_t context_references(State const& all)
{
  uint64_t sum = 0;
  for (auto const& [id, context] : all.contexts) sum += context.references;
  return sum;
}

/// One more than the highest ordinal that a context or an allocation is on.
uint32_t devices_in_use(State const& all)
{
  uint32_t count = 0;
  for (auto const& [id, context] : all.contexts) count = std::max(count, context.device + 1);
  for (auto const& [id, block] : all.memory.blocks()) count = std::max(count, block->device + 1);
  return count;
}

vrfake_allocation_info describe(Memory const& memory, Block const& block)
{
  vrfake_allocation_info info{block.id, block.bytes, block.device, block.vmm ? 1U : 0U, 0, 0};
  for (auto const& [base, mapping] : memory.mappings) {
    if (mapping.block.get() != &block) continue;
    if (info.mappings++ == 0) info.access = mapping.access[block.device];
  }
  return info;
}

}  // namespace
}  // namespace vrfake

using namespace vrfake;

extern "C" {

uint32_t vrfake_abi_version(void) { return VRFAKE_ABI_VERSION; }

void vrfake_reset(void)
{
  auto& all = state();
  wind_up(all);
  std::scoped_lock const lock{all.mutex};
  forget_memory(all.memory);
  all.streams.clear();
  all.events.clear();
  all.modules.clear();
  all.functions.clear();
  all.primary = {};
  all.primary_flags = {};
  all.nvml_references = 0;
  all.config = default_config();
  all.initialised = false;
  for (auto& one : all.sticky) one = 0;
  for (auto& one : all.lost) one = false;
  all.faults.reset();
}

int32_t vrfake_configure(char const* text)
{
  if (text == nullptr) return refuse("no text");
  auto& all = state();
  std::scoped_lock const lock{all.mutex};
  auto changed = all.config;
  if (auto why = apply(changed, text); !why.empty()) return refuse(std::move(why));
  if (changed.devices.size() < devices_in_use(all)) return refuse("a device that is in use cannot go away");
  all.config = std::move(changed);
  return 0;
}

char const* vrfake_problem(void) { return problem().c_str(); }

char const* vrfake_kernel_release(void)
{
  auto& all = state();
  std::scoped_lock const lock{all.mutex};
  return all.config.kernel_release.c_str();
}

int32_t vrfake_fail(char const* function, uint64_t nth, int32_t code)
{
  return nth == 0 || code == 0 ? refuse("nth starts at 1, and 0 is no error")
                               : arm(Faults::Kind::fail, function, nth, code);
}

int32_t vrfake_fail_sticky(char const* function, uint64_t nth, int32_t code)
{
  return nth == 0 || code == 0 ? refuse("nth starts at 1, and 0 is no error")
                               : arm(Faults::Kind::stick, function, nth, code);
}

int32_t vrfake_delay(char const* function, uint64_t nth, uint32_t milliseconds)
{
  return arm(Faults::Kind::delay, function, nth, milliseconds);
}

int32_t vrfake_slow_copy(uint64_t nth, uint32_t milliseconds)
{
  return arm(Faults::Kind::slow_copy, nullptr, nth, milliseconds);
}

int32_t vrfake_short_copy(uint64_t nth, uint64_t bytes)
{
  return nth == 0 ? refuse("nth starts at 1")
                  : arm(Faults::Kind::short_copy, nullptr, nth, static_cast<int64_t>(bytes));
}

int32_t vrfake_flip_copy(uint64_t nth, uint64_t offset, uint8_t mask)
{
  if (nth == 0 || mask == 0) return refuse("nth starts at 1, and a mask of 0 changes nothing");
  return arm(Faults::Kind::flip_copy, nullptr, nth, static_cast<int64_t>(offset), mask);
}

int32_t vrfake_idle_launch(uint64_t nth) { return arm(Faults::Kind::idle_launch, nullptr, nth, 0); }

int32_t vrfake_flip(uint64_t id, uint64_t offset, uint8_t mask)
{
  return with_block(id, offset, 1, [&](std::byte* data) { *data ^= std::byte{mask}; });
}

int32_t vrfake_stick(uint32_t device, int32_t code)
{
  if (device >= kDevicesMax || code == 0) return refuse("no such device, or no error");
  stick(device, code);
  return 0;
}

int32_t vrfake_lose(uint32_t device)
{
  if (device >= kDevicesMax) return refuse("no such device");
  state().lost[device] = true;
  stick(device, kDeviceUnavailable);
  return 0;
}

void vrfake_disarm(void) { state().faults.disarm(); }

uint64_t vrfake_fired(void) { return state().faults.fired(); }

uint64_t vrfake_calls(void) { return state().faults.calls(); }

uint64_t vrfake_calls_of(char const* function) { return function == nullptr ? 0 : state().faults.calls_of(function); }

char const* vrfake_call_name(uint64_t nth) { return state().faults.call_name(nth); }

uint64_t vrfake_live(uint32_t kind)
{
  auto& all = state();
  std::scoped_lock const lock{all.mutex};
  switch (kind) {
    case VRFAKE_ALLOCATIONS: return all.memory.blocks().size();
    case VRFAKE_HANDLES: return handle_references(all.memory);
    case VRFAKE_MAPPINGS: return mappings_of(all.memory, true);
    case VRFAKE_RESERVATIONS: return all.memory.reservations.size();
    case VRFAKE_PLAIN: return mappings_of(all.memory, false);
    case VRFAKE_PINNED: return all.memory.pinned.size();
    case VRFAKE_PINNED_BYTES: return all.memory.pinned_bytes();
    case VRFAKE_STREAMS: return all.streams.size();
    case VRFAKE_EVENTS: return all.events.size();
    case VRFAKE_MODULES: return all.modules.size();
    case VRFAKE_CONTEXTS: return context_references(all);
    case VRFAKE_NVML: return all.nvml_references;
    default: return UINT64_MAX;
  }
}

uint64_t vrfake_live_allocations(void) { return vrfake_live(VRFAKE_ALLOCATIONS); }

uint64_t vrfake_used_bytes(uint32_t device)
{
  auto& all = state();
  std::scoped_lock const lock{all.mutex};
  return device < all.config.devices.size() ? all.memory.used_bytes(device) : UINT64_MAX;
}

uint64_t vrfake_pinned_peak_bytes(void)
{
  auto& all = state();
  std::scoped_lock const lock{all.mutex};
  return all.memory.pinned_peak;
}

uint64_t vrfake_dirty_bytes(void)
{
  auto& all = state();
  std::scoped_lock const lock{all.mutex};
  return all.memory.dirty_bytes;
}

uint64_t vrfake_dirty_pinned_bytes(void)
{
  auto& all = state();
  std::scoped_lock const lock{all.mutex};
  return all.memory.dirty_pinned_bytes;
}

int32_t vrfake_allocation(uint64_t index, vrfake_allocation_info* info_out)
{
  auto& all = state();
  std::scoped_lock const lock{all.mutex};
  auto const blocks = all.memory.blocks();
  if (info_out == nullptr || index >= blocks.size()) return refuse("no allocation has this index");
  *info_out = describe(all.memory, *std::next(blocks.begin(), static_cast<ptrdiff_t>(index))->second);
  return 0;
}

int32_t vrfake_peek(uint64_t id, uint64_t offset, void* target, uint64_t bytes)
{
  return with_block(id, offset, bytes, [&](std::byte const* data) { std::memcpy(target, data, bytes); });
}

int32_t vrfake_poke(uint64_t id, uint64_t offset, void const* source, uint64_t bytes)
{
  return with_block(id, offset, bytes, [&](std::byte* data) { std::memcpy(data, source, bytes); });
}

int32_t vrfake_kernels(char const* path)
{
  auto* const library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return refuse(dlerror());
  using Table = vrfake_kernel const* (*)(uint32_t*);
  auto const table = reinterpret_cast<Table>(dlsym(library, "vrfake_kernel_table"));
  if (table == nullptr) return refuse("the library has no vrfake_kernel_table");
  uint32_t count = 0;
  auto const* const kernels = table(&count);
  for (uint32_t at = 0; at < count; ++at)
    if (auto const code = vrfake_register_kernel(&kernels[at]); code != 0) return code;
  return 0;
}

int32_t vrfake_register_kernel(vrfake_kernel const* kernel)
{
  if (kernel == nullptr || kernel->name == nullptr || kernel->param_bytes == nullptr || kernel->run == nullptr)
    return refuse("a kernel needs a name, the sizes of its parameters and a function");
  take_kernel(kernel);
  return 0;
}

}  // extern "C"
