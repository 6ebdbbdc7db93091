// SPDX-License-Identifier: Apache-2.0
/// The exported functions about contexts, devices and tickets. Each checks its arguments and calls one thing.
#include "abi.h"

#include <algorithm>
#include <thread>

#include "push_source.h"
#include "text_out.h"

namespace vram_residency {

Contexts& contexts()
{
  static auto* const all = new Contexts;
  return *all;
}

std::string path_of(std::uint8_t const* path, std::uint64_t bytes, bool absolute)
{
  constexpr std::uint64_t kPathBytesMax = 4096;
  require(bytes <= kPathBytesMax && (path != nullptr || bytes == 0), VR_EINVAL, "expected a path of at most 4096 bytes");
  std::string text{reinterpret_cast<char const*>(path), bytes};
  require(text.find('\0') == std::string::npos, VR_EINVAL, "a path has no zero byte");
  require(!absolute || text.empty() || text.front() == '/', VR_EINVAL, "the path of a library is absolute");
  return text;
}

namespace {

DeviceOptions device_options(vr_open_options const& options)
{
  DeviceOptions made;
  if (options.staging_bytes != 0) { made.staging_bytes = options.staging_bytes; }
  if (options.idle_ms != 0) { made.idle_after = std::chrono::milliseconds{options.idle_ms}; }
  made.threads = options.threads != 0 ? options.threads : std::clamp(std::thread::hardware_concurrency(), 1u, 8u);
  made.pageable = (options.flags & VR_OPEN_PAGEABLE) != 0;
  made.plain = (options.flags & VR_OPEN_PLAIN) != 0;
  return made;
}

}  // namespace

}  // namespace vram_residency

using namespace vram_residency;

extern "C" {

int32_t vr_open(const vr_open_options* options, const uint8_t* cuda, uint64_t cuda_bytes, const uint8_t* nvml,
                uint64_t nvml_bytes, uint64_t* context_out, int32_t* wake_out)
{
  return at_boundary([&] {
    require_pointers(options, context_out, wake_out);
    require((options->flags & ~(VR_OPEN_TEST | VR_OPEN_PAGEABLE | VR_OPEN_PLAIN)) == 0, VR_EINVAL, "no such flag");
    require(options->threads <= 256 && options->staging_bytes < kBytesMax && options->idle_ms <= 86'400'000, VR_EINVAL,
            "an option is out of range");
    auto context = std::make_shared<Context>(Context::Options{device_options(*options), path_of(cuda, cuda_bytes, true),
                                                              path_of(nvml, nvml_bytes, true),
                                                              (options->flags & VR_OPEN_TEST) != 0});
    auto const wake = context->tickets().duplicate_read_end();
    *context_out = contexts().add(std::move(context));
    *wake_out = wake;
  });
}

int32_t vr_submit_start(uint64_t context, uint64_t* ticket_out)
{
  return at_boundary([&] {
    require_pointers(ticket_out);
    *ticket_out = contexts().find(context)->start();
  });
}

int32_t vr_submit_close(uint64_t context, uint64_t* ticket_out)
{
  return at_boundary([&] {
    require_pointers(ticket_out);
    *ticket_out = contexts().find(context)->close();
  });
}

int32_t vr_close(uint64_t context)
{
  return at_boundary([&] { contexts().remove(context)->shut(); });
}

int32_t vr_context_info(uint64_t context, uint8_t* text_out, uint64_t room, uint64_t* bytes_out)
{
  return at_boundary([&] { write_text(contexts().find(context)->describe(), text_out, room, bytes_out); });
}

int32_t vr_device_count(uint64_t context, uint32_t* count_out)
{
  return at_boundary([&] {
    require_pointers(count_out);
    *count_out = contexts().find(context)->device_count();
  });
}

int32_t vr_device_facts(uint64_t context, uint32_t device, vr_device* facts_out)
{
  return at_boundary([&] {
    require_pointers(facts_out);
    *facts_out = contexts().find(context)->device(device).facts();
  });
}

int32_t vr_events(uint64_t context, vr_event* events_out, uint32_t room, uint32_t* count_out)
{
  return at_boundary([&] {
    require_pointers(events_out, count_out);
    require(room > 0, VR_EINVAL, "there is room for no event");
    *count_out = contexts().find(context)->tickets().drain({events_out, room});
  });
}

int32_t vr_poll(uint64_t context, uint64_t ticket, vr_progress* progress_out)
{
  return at_boundary([&] {
    require_pointers(progress_out);
    auto const found = contexts().find(context)->tickets().find(ticket);
    vr_progress progress{};
    progress.state = found->running.load(std::memory_order_relaxed) ? VR_STATE_RUNNING : VR_STATE_QUEUED;
    progress.status = VR_EAGAIN;
    if (found->ended()) {
      progress.state = VR_STATE_ENDED;
      found->with_outcome([&](Outcome const& outcome) { progress.status = outcome.error.status; });
    }
    progress.bytes_done = found->bytes_done.load(std::memory_order_relaxed);
    progress.bytes_total = found->bytes_total.load(std::memory_order_relaxed);
    progress.room_bytes = found->push ? found->push->room() : 0;
    *progress_out = progress;
  });
}

int32_t vr_cancel(uint64_t context, uint64_t ticket)
{
  return at_boundary([&] {
    auto const owner = contexts().find(context);
    owner->tickets().find(ticket)->cancelled.store(true, std::memory_order_relaxed);
    owner->nudge();
  });
}

int32_t vr_deadline(uint64_t context, uint64_t ticket, uint64_t milliseconds)
{
  return at_boundary([&] {
    auto const owner = contexts().find(context);
    auto const found = owner->tickets().find(ticket);
    // A day more than a year is as good as none.
    auto const wait = std::chrono::milliseconds{std::min<std::uint64_t>(milliseconds, 366ull * 86'400'000)};
    auto const limit = milliseconds == 0 ? 0 : (Clock::now() + wait).time_since_epoch().count();
    found->deadline.store(limit, std::memory_order_relaxed);
    owner->nudge();
  });
}

int32_t vr_outcome(uint64_t context, uint64_t ticket, vr_error* error_out)
{
  return at_boundary([&] {
    require_pointers(error_out);
    contexts().find(context)->tickets().find(ticket)->with_outcome(
        [&](Outcome const& outcome) { *error_out = outcome.error; });
  });
}

int32_t vr_report(uint64_t context, uint64_t ticket, uint8_t* report_out, uint64_t bytes)
{
  return at_boundary([&] {
    require_pointers(report_out);
    contexts().find(context)->tickets().find(ticket)->with_outcome([&](Outcome& outcome) {
      require(!outcome.report.empty() && outcome.report.size() == bytes, VR_EINVAL, "the report has another size, or there is none");
      std::copy(outcome.report.begin(), outcome.report.end(), report_out);
      // The caller has it now, and what it names.
      outcome.undo = nullptr;
    });
  });
}

int32_t vr_result_part(uint64_t context, uint64_t ticket, uint32_t part, uint64_t offset, uint8_t* data_out, uint64_t room,
                       uint64_t* bytes_out)
{
  return at_boundary([&] {
    require_pointers(data_out, bytes_out);
    require(part < kParts, VR_EINVAL, "no such part");
    contexts().find(context)->tickets().find(ticket)->with_outcome([&](Outcome const& outcome) {
      auto const& bytes = outcome.parts[part];
      require(offset <= bytes.size(), VR_EBOUNDS, "the offset lies past the end of the part");
      auto const count = std::min<std::uint64_t>(room, bytes.size() - offset);
      if (count > 0) { std::memcpy(data_out, bytes.data() + offset, count); }
      *bytes_out = bytes.size();
    });
  });
}

int32_t vr_ticket_free(uint64_t context, uint64_t ticket)
{
  return at_boundary([&] {
    auto const owner = contexts().find(context);
    owner->tickets().remove(ticket);
    owner->nudge();
  });
}

}  // extern "C"
