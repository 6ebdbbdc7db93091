// SPDX-License-Identifier: Apache-2.0
/// Failures on their way to the C boundary, and the boundary itself.
#pragma once

#include <cstdint>
#include <cstring>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "vram_residency.h"

namespace vram_residency {

inline constexpr std::uint32_t kNoDevice = 0xffffffff;

/// What failed, and all that is known about it: thrown inside the library, a vr_error outside of it.
struct Failure {
  vr_error error{};
};

/// Copies text into a fixed field, cut at what fits, padded with zeros, one zero at least.
void set_text(std::uint8_t* field, std::size_t room, std::string_view text) noexcept;

template <std::size_t Room>
void set_text(std::uint8_t (&field)[Room], std::string_view text) noexcept
{
  set_text(field, Room, text);
}

/// Text of a fixed field.
template <std::size_t Room>
std::string text_of(std::uint8_t const (&field)[Room])
{
  auto const* characters = reinterpret_cast<char const*>(field);
  return {characters, ::strnlen(characters, Room)};
}

Failure failure(std::int32_t status, std::string_view message) noexcept;

/// A system call that failed with `code`.
Failure system_failure(std::int32_t status, char const* operation, int code) noexcept;

Failure source_failure(std::int32_t reason, std::string_view message) noexcept;

/// Throws `status` unless `condition` holds. For checks on arguments and state.
inline void require(bool condition, std::int32_t status, std::string_view message)
{
  if (!condition) { throw failure(status, message); }
}

/// An invariant of this library.
inline void invariant(bool condition, std::string_view what) { require(condition, VR_EBUG, what); }

/// What the calling thread's last failed call left behind.
vr_error& last_error() noexcept;

/// The failure that is being handled, whatever was thrown. Call only inside a catch block.
Failure current_failure() noexcept;

/// Runs `body` and turns every way it can leave into a status. Wraps every exported function that can fail.
template <typename Body>
std::int32_t at_boundary(Body&& body) noexcept
{
  try {
    std::forward<Body>(body)();
    return VR_OK;
  } catch (...) {
    last_error() = current_failure().error;
    return last_error().status;
  }
}

}  // namespace vram_residency
