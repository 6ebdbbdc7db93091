// SPDX-License-Identifier: Apache-2.0
// cuGetProcAddress: the functions by name, as of a driver version.
#include <algorithm>
#include <cstring>

#include "state.h"

namespace vrfake {
namespace {

/// Generic pointer to a function, which dlsym and its kin cannot avoid.
using Any = void (*)();

struct EntryPoint {
  char const* base;
  char const* symbol;
  int since;
  Any address;
};

#define VRFAKE_FUNCTION(base, symbol, since, ...) {#base, #symbol, since, reinterpret_cast<Any>(&symbol)},
constexpr int kStatusFound = 0;
constexpr int kStatusMissing = 1;
constexpr int kStatusTooOld = 2;

EntryPoint const* find(char const* name, int version)
{
  static EntryPoint const table[] = {
#include "functions.def"
  };
  EntryPoint const* best = nullptr;
  for (auto const& one : table) {
    auto const named = std::strcmp(one.base, name) == 0 || std::strcmp(one.symbol, name) == 0;
    if (named && one.since <= version && (best == nullptr || one.since > best->since)) best = &one;
  }
  return best;
}

int look_up(char const* function, int since, char const* name, void** out, int version, int* status)
{
  return locked(function, since, Needs::nothing, [&](State& all) -> int {
    if (name == nullptr || out == nullptr) return kInvalidValue;
    auto const* const found = find(name, std::min(version, all.config.driver_version));
    *out = found == nullptr ? nullptr : reinterpret_cast<void*>(found->address);
    auto const known = found != nullptr || find(name, INT32_MAX) != nullptr;
    if (status != nullptr) *status = found != nullptr ? kStatusFound : known ? kStatusTooOld : kStatusMissing;
    // The later form of the call reports a missing function in the status alone.
    return found == nullptr && status == nullptr ? int{kNotFound} : int{kSuccess};
  });
}

}  // namespace
}  // namespace vrfake

using namespace vrfake;

extern "C" {

int cuGetProcAddress(char const* name, void** out, int version, uint64_t)
{
  return look_up("cuGetProcAddress", 11030, name, out, version, nullptr);
}

int cuGetProcAddress_v2(char const* name, void** out, int version, uint64_t, int* status)
{
  return look_up("cuGetProcAddress_v2", 12000, name, out, version, status);
}

}  // extern "C"
