// SPDX-License-Identifier: Apache-2.0
// What every test program has: the two libraries, opened as an application opens a driver, and a check that ends the program.
#pragma once

#include <dlfcn.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "../fake_driver.h"
#include "../src/abi.h"

#define CHECK(condition)                                                                  \
  do {                                                                                    \
    ++checks;                                                                             \
    if (!(condition)) {                                                                   \
      std::printf("%s:%d: not so: %s (%s)\n", __FILE__, __LINE__, #condition, test_name); \
      std::exit(1);                                                                       \
    }                                                                                     \
  } while (false)

/// Checks a result code and says what it was.
#define CODE(wanted, call)                                                                            \
  do {                                                                                                \
    ++checks;                                                                                         \
    auto const got = (call);                                                                          \
    if (got != (wanted)) {                                                                            \
      std::printf("%s:%d: %s is %d, not %d (%s)\n", __FILE__, __LINE__, #call, static_cast<int>(got), \
                  static_cast<int>(wanted), test_name);                                               \
      std::exit(1);                                                                                   \
    }                                                                                                 \
  } while (false)

#define OK(call) CODE(0, call)

inline std::atomic<int> checks{0};
inline char const* test_name = "";
inline std::string folder;

inline void* open_library(std::string const& path)
{
  auto* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    std::printf("%s\n", dlerror());
    std::exit(1);
  }
  return library;
}

template <typename Function>
void look_up(void* library, char const* name, Function& out)
{
  out = reinterpret_cast<Function>(dlsym(library, name));
}

/// The driver, by dlsym.
struct Driver {
#define VRFAKE_FUNCTION(base, symbol, since, ...) symbol##_signature* symbol = nullptr;
#include "../src/functions.def"
#undef VRFAKE_FUNCTION

  explicit Driver(void* library)
  {
#define VRFAKE_FUNCTION(base, symbol, since, ...) look_up(library, #symbol, symbol);
#include "../src/functions.def"
#undef VRFAKE_FUNCTION
  }
};

#define VRFAKE_CONTROLS(X)                                                                                      \
  X(abi_version)                                                                                                \
  X(reset) X(configure) X(problem) X(kernel_release) X(fail) X(fail_sticky) X(delay) X(slow_copy) X(short_copy) \
      X(flip_copy) X(idle_launch) X(flip) X(stick) X(lose) X(disarm) X(fired) X(calls) X(calls_of) X(call_name) \
          X(live) X(live_allocations) X(used_bytes) X(pinned_peak_bytes) X(dirty_bytes) X(dirty_pinned_bytes)   \
              X(allocation) X(peek) X(poke) X(kernels) X(register_kernel)

struct Control {
#define VRFAKE_FIELD(name) decltype(&vrfake_##name) name = nullptr;
  VRFAKE_CONTROLS(VRFAKE_FIELD)
#undef VRFAKE_FIELD

  explicit Control(void* library)
  {
#define VRFAKE_LOOK_UP(name) look_up(library, "vrfake_" #name, name);
    VRFAKE_CONTROLS(VRFAKE_LOOK_UP)
#undef VRFAKE_LOOK_UP
  }
};

inline Driver& cuda()
{
  static Driver driver{open_library(folder + "/libcuda.so.1")};
  return driver;
}

inline Control& fake()
{
  static Control control{open_library(folder + "/libcuda.so.1")};
  return control;
}

constexpr uint64_t kMiB = uint64_t{1} << 20;

/// Device memory with the VMM calls, in the order an application makes them.
struct Region {
  uint64_t address = 0;
  uint64_t handle = 0;
  uint64_t bytes = 0;
};

inline vrfake::MemAllocationProp prop_on(int device, bool exportable = false)
{
  return {1, exportable ? 1 : 0, {vrfake::kLocationDevice, device}, nullptr, {}};
}

inline int set_access(Region const& region, unsigned flags, int device = 0)
{
  vrfake::MemAccessDesc const wanted{{vrfake::kLocationDevice, device}, static_cast<int>(flags)};
  return cuda().cuMemSetAccess(region.address, region.bytes, &wanted, 1);
}

inline Region map_region(uint64_t bytes, int device = 0, bool exportable = false)
{
  Region region;
  region.bytes = bytes;
  auto const prop = prop_on(device, exportable);
  OK(cuda().cuMemCreate(&region.handle, bytes, &prop, 0));
  OK(cuda().cuMemAddressReserve(&region.address, bytes, 0, 0, 0));
  OK(cuda().cuMemMap(region.address, bytes, 0, region.handle, 0));
  OK(set_access(region, vrfake::kAccessReadWrite, device));
  return region;
}

inline void free_region(Region const& region)
{
  OK(cuda().cuMemUnmap(region.address, region.bytes));
  OK(cuda().cuMemAddressFree(region.address, region.bytes));
  OK(cuda().cuMemRelease(region.handle));
}

/// A driver that has just been loaded, under a profile, with a primary context current.
inline void start(char const* settings, int device = 0)
{
  fake().reset();
  OK(fake().configure(settings));
  OK(cuda().cuInit(0));
  void* context = nullptr;
  OK(cuda().cuDevicePrimaryCtxRetain(&context, device));
  OK(cuda().cuCtxSetCurrent(context));
}

inline std::vector<unsigned char> pattern(size_t bytes)
{
  std::vector<unsigned char> data(bytes);
  for (size_t at = 0; at < bytes; ++at) data[at] = static_cast<unsigned char>(at * 31 + (at >> 8));
  return data;
}

struct Test {
  char const* name;
  void (*run)();
};

inline int run_tests(int argc, char** argv, std::initializer_list<Test> tests)
{
  folder = argc > 1 ? argv[1] : ".";
  for (auto const& test : tests) {
    test_name = test.name;
    test.run();
    fake().reset();
  }
  std::printf("%zu tests, %d checks\n", tests.size(), checks.load());
  return 0;
}
