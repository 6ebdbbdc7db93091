// SPDX-License-Identifier: Apache-2.0
/// How a failure of a digest leaves the library.
#pragma once

#include "vram_residency.h"

#include <atomic>
#include <utility>

namespace vram_residency::digest {

/// A status on its way to the C boundary.
struct Refusal {
  std::int32_t status;
  char const* message;
};

inline void require(bool condition, std::int32_t status, char const* message)
{
  if (!condition) { throw Refusal{status, message}; }
}

/// Describes the exception that is being handled. Call it inside of a handler.
vr_error describe_current_exception() noexcept;

/// Receives what failed on the calling thread, for vr_last_error(). Set by whoever owns that; none: it is not kept.
inline std::atomic<void (*)(vr_error const&)> failure_sink{nullptr};

std::int32_t report(vr_error const& error) noexcept;

/// Runs `body` and turns every way in which it can leave into a status. Wraps every exported function.
template <typename Body>
std::int32_t at_boundary(Body&& body) noexcept
{
  try {
    std::forward<Body>(body)();
    return VR_OK;
  } catch (...) {
    return report(describe_current_exception());
  }
}

}  // namespace vram_residency::digest
