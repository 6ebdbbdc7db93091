// SPDX-License-Identifier: Apache-2.0
#include "failure.h"

#include "file_digest.h"

#include <algorithm>
#include <new>
#include <stdexcept>
#include <string_view>
#include <system_error>

namespace vram_residency::digest {
namespace {

static_assert(static_cast<std::int32_t>(SourceFault::unreadable) == VR_REASON_UNREADABLE);
static_assert(static_cast<std::int32_t>(SourceFault::changed) == VR_REASON_CHANGED);
static_assert(static_cast<std::int32_t>(SourceFault::truncated) == VR_REASON_TRUNCATED);

constexpr std::uint32_t kNoDevice = 0xffffffff;

vr_error failure(std::int32_t status, std::string_view message, int system_code = 0) noexcept
{
  vr_error error{};
  error.status = status;
  error.system_code = system_code;
  error.device = kNoDevice;
  std::copy_n(message.begin(), std::min(message.size(), sizeof error.message - 1), error.message);
  return error;
}

vr_error source_failure(SourceFailure const& source) noexcept
{
  auto const message = [&]() -> std::string_view {
    switch (source.fault) {
      case SourceFault::unreadable: return "the file cannot be read: check its path, its type and its permissions";
      case SourceFault::changed: return "the file changed while it was read: try again when nobody writes to it";
      case SourceFault::truncated: return "the file became shorter while it was read: try again when nobody writes to it";
    }
    return "the file failed";
  }();
  auto error = failure(VR_ESOURCE, message, source.system_code);
  error.reason = static_cast<std::int32_t>(source.fault);
  return error;
}

}  // namespace

vr_error describe_current_exception() noexcept
{
  try {
    throw;
  } catch (Refusal const& refusal) {
    return failure(refusal.status, refusal.message);
  } catch (SourceFailure const& source) {
    return source_failure(source);
  } catch (Cancelled const&) {
    return failure(VR_ECANCELLED, "the work was cancelled");
  } catch (std::invalid_argument const& argument) {
    return failure(VR_EINVAL, argument.what());
  } catch (std::bad_alloc const&) {
    return failure(VR_EHOST, "the host has no memory for this digest");
  } catch (std::system_error const& system) {
    return failure(VR_EHOST, "the host refused a thread or a descriptor", system.code().value());
  } catch (...) {
    return failure(VR_EBUG, "an invariant of a digest broke: report it");
  }
}

std::int32_t report(vr_error const& error) noexcept
{
  if (auto* const sink = failure_sink.load(std::memory_order_acquire)) { sink(error); }
  return error.status;
}

}  // namespace vram_residency::digest
