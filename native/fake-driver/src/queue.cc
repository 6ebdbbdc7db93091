// SPDX-License-Identifier: Apache-2.0
// Streams and events.
#include "state.h"

namespace vrfake {
namespace {

constexpr int kGreatestPriority = -5;

int create_stream(char const* function, int since, void** out, unsigned flags, int priority)
{
  return locked(function, since, Needs::context, [&](State& all) {
    if (out == nullptr || flags > kStreamNonBlocking) return kInvalidValue;
    auto const& context = all.contexts.at(current_stack().back());
    // Priorities out of range are clamped, not refused.
    auto const clamped = priority > 0 ? 0 : priority < kGreatestPriority ? kGreatestPriority : priority;
    auto const id = next_id();
    all.streams.emplace(id, Stream::start(context.id, context.device, flags, clamped));
    *out = handle_of(id);
    return kSuccess;
  });
}

/// Where a stream's queue ends now; no stream for a handle that is none.
Point end_of(void* handle)
{
  auto& all = state();
  std::scoped_lock const lock{all.mutex};
  auto stream = stream_of(all, handle);
  if (stream == nullptr) return {};
  auto const last = stream->last_submitted();
  return {std::move(stream), last};
}

/// A copy of the event, so that nothing is held while waiting.
std::optional<Event> event_of(void* handle)
{
  auto& all = state();
  std::scoped_lock const lock{all.mutex};
  auto const found = all.events.find(id_of(handle));
  return found == all.events.end() ? std::nullopt : std::optional{found->second};
}

template <typename Make>
int queue_host_function(char const* function, int since, void* handle, Make&& make)
{
  return locked(function, since, Needs::context, [&](State& all) -> int {
    auto const stream = stream_of(all, handle);
    if (stream == nullptr) return kInvalidHandle;
    enqueue(all, stream, make());
    return kSuccess;
  });
}

}  // namespace
}  // namespace vrfake

using namespace vrfake;

extern "C" {

int cuStreamCreate(void** stream, unsigned flags) { return create_stream("cuStreamCreate", 2000, stream, flags, 0); }

int cuStreamCreateWithPriority(void** stream, unsigned flags, int priority)
{
  return create_stream("cuStreamCreateWithPriority", 5050, stream, flags, priority);
}

int cuStreamDestroy_v2(void* handle)
{
  return locked("cuStreamDestroy_v2", 4000, Needs::context, [&](State& all) {
    auto const found = all.streams.find(id_of(handle));
    if (handle == nullptr || found == all.streams.end()) return kInvalidHandle;
    // What is queued still runs.
    found->second->finish();
    all.streams.erase(found);
    return kSuccess;
  });
}

int cuStreamSynchronize(void* handle)
{
  return call("cuStreamSynchronize", 2000, Needs::context, [&]() -> int {
    auto const end = end_of(handle);
    return end.stream == nullptr ? int{kInvalidHandle} : wait({end}, end.stream->device);
  });
}

int cuStreamQuery(void* handle)
{
  return call("cuStreamQuery", 2000, Needs::context, [&]() -> int {
    auto const end = end_of(handle);
    if (end.stream == nullptr) return kInvalidHandle;
    return end.stream->reached(end.sequence) ? wait({}, end.stream->device) : int{kNotReady};
  });
}

int cuStreamWaitEvent(void* handle, void* event, unsigned flags)
{
  return locked("cuStreamWaitEvent", 3020, Needs::context, [&](State& all) -> int {
    auto const stream = stream_of(all, handle);
    auto const found = all.events.find(id_of(event));
    if (flags != 0) return kInvalidValue;
    if (stream == nullptr || found == all.events.end()) return kInvalidHandle;
    if (found->second.point.stream != nullptr && found->second.point.stream != stream)
      enqueue(all, stream, [] {}, {found->second.point});
    return kSuccess;
  });
}

int cuStreamGetPriority(void* handle, int* priority)
{
  return locked("cuStreamGetPriority", 5050, Needs::context, [&](State& all) {
    auto const stream = stream_of(all, handle);
    if (stream == nullptr || priority == nullptr) return kInvalidValue;
    *priority = stream->priority;
    return kSuccess;
  });
}

int cuStreamGetFlags(void* handle, unsigned* flags)
{
  return locked("cuStreamGetFlags", 5050, Needs::context, [&](State& all) {
    auto const stream = stream_of(all, handle);
    if (stream == nullptr || flags == nullptr) return kInvalidValue;
    *flags = stream->flags;
    return kSuccess;
  });
}

int cuStreamGetCtx(void* handle, void** context)
{
  return locked("cuStreamGetCtx", 9020, Needs::context, [&](State& all) {
    auto const stream = stream_of(all, handle);
    if (stream == nullptr || context == nullptr) return kInvalidValue;
    *context = handle_of(stream->context);
    return kSuccess;
  });
}

int cuStreamAddCallback(void* handle, void (*callback)(void*, int, void*), void* data, unsigned flags)
{
  if (callback == nullptr || flags != 0) return kInvalidValue;
  return queue_host_function("cuStreamAddCallback", 5000, handle,
                             [=] { return [=] { callback(handle, kSuccess, data); }; });
}

int cuLaunchHostFunc(void* handle, void (*function)(void*), void* data)
{
  if (function == nullptr) return kInvalidValue;
  return queue_host_function("cuLaunchHostFunc", 10000, handle, [=] { return [=] { function(data); }; });
}

int cuEventCreate(void** event, unsigned flags)
{
  return locked("cuEventCreate", 2000, Needs::context, [&](State& all) {
    if (event == nullptr || flags > 7) return kInvalidValue;
    auto const& context = all.contexts.at(current_stack().back());
    auto const id = next_id();
    all.events.emplace(id, Event{context.id, context.device, (flags & kEventDisableTiming) == 0, {}, nullptr});
    *event = handle_of(id);
    return kSuccess;
  });
}

int cuEventDestroy_v2(void* event)
{
  return locked("cuEventDestroy_v2", 4000, Needs::context,
                [&](State& all) { return all.events.erase(id_of(event)) == 1 ? kSuccess : kInvalidHandle; });
}

int cuEventRecord(void* event, void* handle)
{
  return locked("cuEventRecord", 2000, Needs::context, [&](State& all) -> int {
    auto const stream = stream_of(all, handle);
    auto const found = all.events.find(id_of(event));
    if (stream == nullptr || found == all.events.end() || found->second.context != stream->context)
      return kInvalidHandle;
    auto const when = std::make_shared<std::chrono::steady_clock::time_point>();
    auto const sequence = enqueue(all, stream, [when] { *when = std::chrono::steady_clock::now(); });
    found->second.point = {stream, sequence};
    found->second.when = when;
    return kSuccess;
  });
}

int cuEventQuery(void* handle)
{
  return call("cuEventQuery", 2000, Needs::context, [&]() -> int {
    auto const event = event_of(handle);
    if (!event) return kInvalidHandle;
    auto const& [stream, sequence] = event->point;
    return stream == nullptr || stream->reached(sequence) ? wait({}, event->device) : int{kNotReady};
  });
}

int cuEventSynchronize(void* handle)
{
  return call("cuEventSynchronize", 2000, Needs::context, [&]() -> int {
    auto const event = event_of(handle);
    if (!event) return kInvalidHandle;
    return event->point.stream == nullptr ? wait({}, event->device) : wait({event->point}, event->device);
  });
}

int cuEventElapsedTime(float* milliseconds, void* start, void* end)
{
  return call("cuEventElapsedTime", 2000, Needs::context, [&]() -> int {
    auto const first = event_of(start);
    auto const last = event_of(end);
    if (milliseconds == nullptr) return kInvalidValue;
    if (!first || !last || !first->timed || !last->timed || !first->when || !last->when) return kInvalidHandle;
    for (auto const& point : {first->point, last->point})
      if (!point.stream->reached(point.sequence)) return kNotReady;
    *milliseconds = std::chrono::duration<float, std::milli>(*last->when - *first->when).count();
    return kSuccess;
  });
}

}  // extern "C"
