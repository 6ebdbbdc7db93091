// SPDX-License-Identifier: Apache-2.0
// The one state of the process, and how every exported function enters it.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>

#include "abi.h"
#include "config.h"
#include "faults.h"
#include "memory.h"
#include "stream.h"
#include "../fake_driver.h"

namespace vrfake {

struct Context {
  uint64_t id = 0;
  uint32_t device = 0;
  bool primary = false;
  uint64_t references = 0;
  unsigned flags = 0;
  std::shared_ptr<Stream> null_stream;
  std::shared_ptr<Stream> thread_stream;  ///< Stands for every per-thread default stream.
};

struct Function {
  uint64_t module = 0;
  vrfake_kernel const* kernel = nullptr;
};

struct State {
  std::mutex mutex;  ///< Guards everything below but the atomics and `faults`.
  Faults faults;
  Config config = default_config();
  std::atomic<bool> initialised{false};
  std::array<std::atomic<int>, kDevicesMax> sticky{};
  std::array<std::atomic<bool>, kDevicesMax> lost{};
  Memory memory;
  /// By handle. Handles look like pointers and are never reused.
  std::unordered_map<uint64_t, Context> contexts;
  std::unordered_map<uint64_t, std::shared_ptr<Stream>> streams;
  std::unordered_map<uint64_t, Event> events;
  std::unordered_map<uint64_t, uint64_t> modules;  ///< Value: its context.
  std::unordered_map<uint64_t, Function> functions;
  std::array<uint64_t, kDevicesMax> primary{};
  std::array<unsigned, kDevicesMax> primary_flags{};
  uint64_t nvml_references = 0;

  uint64_t free_bytes(uint32_t device);
  /// Destroys a context and what was made in it. Its work must be done.
  void destroy_context(uint64_t id);
  /// The end of all work queued in a context.
  std::vector<Point> work_of(uint64_t context);
};

/// Lives until the process ends: threads of streams may outlast every static object.
State& state();

/// Gives up pinned memory. With `look`, counts what was left in it. Holds State::mutex.
void unpin(State& all, std::map<uintptr_t, Pinned>::iterator found, bool look);

/// The calling thread's stack of current contexts; 0 stands for none.
std::vector<uint64_t>& current_stack();

/// The handle that the application sees for an id, and back. Spread out, so that small numbers are no handles.
inline void* handle_of(uint64_t id) { return reinterpret_cast<void*>((id << 8) | 0x7e00000000000000); }
inline uint64_t id_of(void const* handle) { return (reinterpret_cast<uintptr_t>(handle) & ~0x7e00000000000000U) >> 8; }

enum class Needs { nothing, initialisation, context };

/// Counts the call, lets it suffer its fault, and checks that it may be made. Returns kSuccess when it may.
int enter(char const* function, int since, Needs needs);

/// Where a context call runs.
struct Here {
  uint64_t context;
  uint32_t device;
};
Here here();

/// The body of an exported function. Nothing is thrown across.
template <typename Body>
int call(char const* function, int since, Needs needs, Body&& body) noexcept
{
  try {
    if (auto const code = enter(function, since, needs); code != kSuccess) return code;
    return body();
  } catch (std::bad_alloc const&) {
    return kOutOfMemory;
  } catch (...) {
    return kUnknown;
  }
}

/// As call(), holding State::mutex. `body` gets the state.
template <typename Body>
int locked(char const* function, int since, Needs needs, Body&& body) noexcept
{
  return call(function, since, needs, [&] {
    auto& all = state();
    std::scoped_lock const lock{all.mutex};
    return static_cast<int>(body(all));
  });
}

/// The stream that a handle means in the calling thread's context; null for a handle that is none. Holds State::mutex.
std::shared_ptr<Stream> stream_of(State& all, void* handle);

/// Queues work on a stream with the order that the default stream imposes. Holds State::mutex. Work queued on a device
/// that is in error when its turn comes is dropped.
uint64_t enqueue(State& all, std::shared_ptr<Stream> const& stream, std::function<void()> work,
                 std::vector<Point> after = {});

/// Waits without holding anything. Returns the sticky code of the device.
int wait(std::vector<Point> const& points, uint32_t device);

/// Makes an error stay.
void stick(uint32_t device, int code);

}  // namespace vrfake
