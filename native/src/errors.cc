// SPDX-License-Identifier: Apache-2.0
#include "errors.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>

namespace vram_residency {

void set_text(std::uint8_t* field, std::size_t room, std::string_view text) noexcept
{
  auto const length = std::min(text.size(), room - 1);
  std::memset(field, 0, room);
  if (length > 0) { std::memcpy(field, text.data(), length); }
}

Failure failure(std::int32_t status, std::string_view message) noexcept
{
  Failure made;
  made.error.status = status;
  made.error.device = kNoDevice;
  set_text(made.error.message, message);
  return made;
}

Failure system_failure(std::int32_t status, char const* operation, int code) noexcept
{
  char reason[128];
  auto const* const text = ::strerror_r(code, reason, sizeof reason);
  char message[256];
  std::snprintf(message, sizeof message, "%s failed: %s", operation, text);
  auto made = failure(status, message);
  made.error.system_code = code;
  set_text(made.error.operation, operation);
  return made;
}

Failure source_failure(std::int32_t reason, std::string_view message) noexcept
{
  auto made = failure(VR_ESOURCE, message);
  made.error.reason = reason;
  return made;
}

vr_error& last_error() noexcept
{
  thread_local vr_error error{};
  return error;
}

Failure current_failure() noexcept
{
  try {
    throw;
  } catch (Failure const& known) {
    return known;
  } catch (std::bad_alloc const&) {
    auto made = failure(VR_EHOST, "the host has no more memory");
    made.error.system_code = ENOMEM;
    return made;
  } catch (std::system_error const& refused) {
    auto made = failure(VR_EHOST, "the host refused a thread or a lock");
    made.error.system_code = refused.code().value();
    return made;
  } catch (std::exception const& broken) {
    return failure(VR_EBUG, broken.what());
  } catch (...) {
    return failure(VR_EBUG, "something unknown was thrown");
  }
}

}  // namespace vram_residency

extern "C" int32_t vr_last_error(vr_error* error_out)
{
  if (error_out == nullptr) { return VR_EINVAL; }
  *error_out = vram_residency::last_error();
  return VR_OK;
}
