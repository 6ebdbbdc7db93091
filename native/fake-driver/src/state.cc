// SPDX-License-Identifier: Apache-2.0
#include "state.h"

#include <chrono>

namespace vrfake {

State& state()
{
  static auto& only = *new State;
  return only;
}

std::vector<uint64_t>& current_stack()
{
  static thread_local std::vector<uint64_t> stack;
  return stack;
}

uint64_t State::free_bytes(uint32_t device)
{
  auto const& settings = config.devices[device];
  auto taken = settings.foreign_bytes + memory.used_bytes(device);
  for (auto const& [id, context] : contexts)
    if (context.device == device) taken += settings.context_bytes;
  return taken >= settings.total_bytes ? 0 : settings.total_bytes - taken;
}

std::vector<Point> State::work_of(uint64_t context)
{
  std::vector<Point> points;
  auto const add = [&](std::shared_ptr<Stream> const& stream) {
    if (stream != nullptr && stream->context == context) points.push_back({stream, stream->last_submitted()});
  };
  for (auto const& [id, stream] : streams) add(stream);
  if (auto const found = contexts.find(context); found != contexts.end()) {
    add(found->second.null_stream);
    add(found->second.thread_stream);
  }
  return points;
}

void State::destroy_context(uint64_t id)
{
  auto const found = contexts.find(id);
  if (found == contexts.end()) return;
  for (auto const& stream : {found->second.null_stream, found->second.thread_stream}) stream->finish();
  std::erase_if(streams, [&](auto const& entry) {
    if (entry.second->context != id) return false;
    entry.second->finish();
    return true;
  });
  std::erase_if(events, [&](auto const& entry) { return entry.second.context == id; });
  std::erase_if(functions, [&](auto const& entry) { return modules.at(entry.second.module) == id; });
  std::erase_if(modules, [&](auto const& entry) { return entry.second == id; });
  for (auto pinned = memory.pinned.begin(); pinned != memory.pinned.end();) {
    auto const one = pinned++;
    // The owner of registered memory may have freed it by now.
    if (one->second.context == id) unpin(*this, one, !one->second.registered);
  }
  for (auto mapping = memory.mappings.begin(); mapping != memory.mappings.end();) {
    auto const one = mapping++;
    if (one->second.context != id) continue;
    auto const base = one->first;
    auto const bytes = one->second.bytes;
    memory.unmap(one, config.check_wipe);
    memory.release(base, bytes);
  }
  contexts.erase(found);
}

int enter(char const* function, int since, Needs needs)
{
  auto& all = state();
  auto const fault = all.faults.on_call(function);
  if (fault.delay_ms > 0) std::this_thread::sleep_for(std::chrono::milliseconds{fault.delay_ms});
  if (fault.code) {
    if (fault.sticky) stick(here().device, *fault.code);
    return *fault.code;
  }
  std::scoped_lock const lock{all.mutex};
  if (since > all.config.driver_version) return kCallRequiresNewerDriver;
  if (needs == Needs::nothing) return kSuccess;
  if (!all.initialised) return kNotInitialized;
  if (needs == Needs::initialisation) return kSuccess;
  auto const& stack = current_stack();
  if (stack.empty() || stack.back() == 0) return kInvalidContext;
  auto const found = all.contexts.find(stack.back());
  if (found == all.contexts.end()) return kContextIsDestroyed;
  return all.sticky[found->second.device];
}

Here here()
{
  auto const& stack = current_stack();
  if (stack.empty()) return {0, 0};
  auto& all = state();
  std::scoped_lock const lock{all.mutex};
  auto const found = all.contexts.find(stack.back());
  return found == all.contexts.end() ? Here{0, 0} : Here{found->first, found->second.device};
}

std::shared_ptr<Stream> stream_of(State& all, void* handle)
{
  auto const value = reinterpret_cast<uintptr_t>(handle);
  auto const& context = all.contexts.at(current_stack().back());
  if (value == 0 || value == kStreamLegacy) return context.null_stream;
  if (value == kStreamPerThread) return context.thread_stream;
  auto const found = all.streams.find(id_of(handle));
  return found == all.streams.end() ? nullptr : found->second;
}

uint64_t enqueue(State& all, std::shared_ptr<Stream> const& stream, std::function<void()> work,
                 std::vector<Point> after)
{
  auto const& context = all.contexts.at(stream->context);
  // The default stream waits for every stream that did not opt out, and they wait for it.
  if (stream == context.null_stream) {
    for (auto const& point : all.work_of(stream->context))
      if ((point.stream->flags & kStreamNonBlocking) == 0 && point.stream != stream) after.push_back(point);
  } else if ((stream->flags & kStreamNonBlocking) == 0) {
    after.push_back({context.null_stream, context.null_stream->last_submitted()});
  }
  auto const device = stream->device;
  auto run = [device, body = std::move(work)] {
    if (state().sticky[device] == 0) body();
  };
  return stream->submit(std::move(run), std::move(after));
}

int wait(std::vector<Point> const& points, uint32_t device)
{
  for (auto const& [stream, sequence] : points) stream->wait_for(sequence);
  return state().sticky[device];
}

void stick(uint32_t device, int code)
{
  auto expected = 0;
  state().sticky[device].compare_exchange_strong(expected, code);
}

}  // namespace vrfake
