// SPDX-License-Identifier: Apache-2.0
/// Every driver call fails once: nothing leaks, nothing says "ok", and the failure is the driver's own.
#include "client.h"
#include "digest/harness.h"

using client::Bytes;
using client::Context;

namespace {

constexpr std::int32_t kInvalidValue = 1;
constexpr std::int32_t kOutOfMemory = 2;
constexpr std::int32_t kIllegalAddress = 700;
constexpr std::uint64_t kPolls = 48;

/// What a run came to: the first status that was not VR_OK, or VR_OK.
struct Run {
  std::int32_t status = VR_OK;
  vr_error error{};
  bool capacity_restored = true;

  bool take(std::int32_t found, Context const& context)
  {
    if (found != VR_OK && status == VR_OK) {
      status = found;
      error = context.error;
    }
    return found == VR_OK;
  }
};

/// Opens, fills, verifies, wipes, frees and closes: everything that a manager asks for.
Run live_once()
{
  Run run;
  Context context;
  if (!run.take(context.started, context)) { return run; }
  auto const lost = [&] { return run.status == VR_EDEVICE_LOST; };
  vr_capacity before{};
  auto const asked = run.take(context.capacity(&before), context);

  std::int32_t status = VR_OK;
  auto const handle = context.allocate(100'000, &status);
  if (run.take(status, context)) {
    vr_digest_report in{};
    vr_digest_report out{};
    vr_evidence evidence{};
    vr_wipe_report wiped{};
    vr_digest_options options{0, 100'000, VR_FSVERITY_SHA256, 0, 0, 0, {}};
    auto const data = harness::Random{1}.bytes(100'000);
    vr_ingest_options ingest{};
    ingest.algorithm = VR_FSVERITY_SHA256;
    Bytes back;
    run.take(context.ingest(handle, data, ingest, &in), context);
    run.take(context.protect(handle, VR_ACCESS_READ), context);
    run.take(context.evidence(handle, &evidence), context);
    run.take(context.digest(handle, options, &out), context);
    run.take(context.read(handle, 5, 100, &back), context);
    run.take(context.protect(handle, VR_ACCESS_READ_WRITE), context);
    run.take(context.write(handle, 5, {1, 2, 3}), context);
    run.take(context.wipe(handle, &wiped), context);
    run.take(context.release(handle), context);
  }
  vr_capacity after{};
  if (!lost() && run.take(context.capacity(&after), context) && asked) {
    run.capacity_restored = after.free_bytes == before.free_bytes && after.ours_bytes == 0;
  }
  std::uint64_t ticket = 0;
  if (vr_submit_close(context.id, &ticket) == VR_OK) { run.take(context.await(ticket), context); }
  return run;
}

/// Functions whose failure changes nothing for the caller: they give back, or only tell.
bool may_be_ignored(std::string const& function)
{
  for (auto const* known : {"cuCtxSetCurrent", "cuStreamDestroy_v2", "cuEventDestroy_v2", "cuMemFreeHost",
                            "cuDevicePrimaryCtxRelease_v2", "cuMemGetAccess", "cuDeviceGetPCIBusId",
                            // A module that is not taken makes the host hash; so does memory that kernels do not get.
                            "cuModuleLoadData", "cuModuleGetFunction", "cuModuleUnload", "cuMemAlloc_v2"}) {
    if (function == known) { return true; }
  }
  return false;
}

/// Functions whose loss leaves something that only they could have given back.
bool may_leak(std::string const& function)
{
  for (auto const* known : {"cuStreamDestroy_v2", "cuEventDestroy_v2", "cuMemFreeHost", "cuDevicePrimaryCtxRelease_v2",
                            "cuCtxSetCurrent"}) {
    if (function == known) { return true; }
  }
  return false;
}

void fail_every_call(std::int32_t code, bool sticky)
{
  fake::reset();
  CHECK(live_once().status == VR_OK);
  CHECK(client::nothing_left());
  auto const calls = FAKE(vrfake_calls)();
  CHECK(calls > 100);
  for (std::uint64_t nth = 1; nth <= calls; nth += 1) {
    fake::reset();
    CHECK((sticky ? FAKE(vrfake_fail_sticky) : FAKE(vrfake_fail))(nullptr, nth, code) == 0);
    auto const run = live_once();
    // How often an event is asked for depends on the moment, so the last few calls may not come.
    if (FAKE(vrfake_fired)() == 0) {
      if (run.status != VR_OK || nth + kPolls <= calls) { std::printf("  call %llu of %llu: %d %s\n", static_cast<unsigned long long>(nth), static_cast<unsigned long long>(calls), run.status, client::text(run.error.message).c_str()); }
      CHECK(run.status == VR_OK && nth + kPolls > calls);
      break;
    }
    std::string const function = FAKE(vrfake_call_name)(nth);
    auto const attribute = function == "cuDeviceGetAttribute" || function == "cuPointerGetAttribute";
    auto const told = run.status != VR_OK || may_be_ignored(function) || (attribute && code == kInvalidValue);
    auto const named = run.status == VR_OK || sticky || run.error.driver_code == code;
    auto const restored = sticky || run.capacity_restored;
    auto const clean = sticky || may_leak(function) || client::nothing_left();
    if (!told || !named || !restored || !clean) {
      std::printf("  call %llu, %s: status %d, driver code %d, %s\n", static_cast<unsigned long long>(nth),
                  function.c_str(), run.status, run.error.driver_code, client::text(run.error.message).c_str());
    }
    CHECK(told && named && restored && clean);
  }
}

}  // namespace

TEST(any_call_that_fails_is_told_and_costs_nothing) { fail_every_call(kInvalidValue, false); }

TEST(any_call_that_runs_out_of_memory_is_told_and_costs_nothing) { fail_every_call(kOutOfMemory, false); }

TEST(any_call_that_breaks_the_device_ends_it) { fail_every_call(kIllegalAddress, true); }

TEST(a_handle_that_stays_held_goes_back_with_its_memory)
{
  fake::reset();
  {
    Context context;
    vr_capacity before{};
    vr_capacity after{};
    CHECK(context.capacity(&before) == VR_OK);
    auto const handle = context.allocate(64);
    vr_evidence evidence{};
    // The release, and its second try.
    CHECK(FAKE(vrfake_fail)("cuMemRelease", 1, kInvalidValue) == 0 && FAKE(vrfake_fail)("cuMemRelease", 2, kInvalidValue) == 0);
    CHECK(context.evidence(handle, &evidence) == VR_ECOPY && FAKE(vrfake_fired)() == 2);
    CHECK(context.release(handle) == VR_OK);
    CHECK(context.capacity(&after) == VR_OK && after.free_bytes == before.free_bytes && after.ours_bytes == 0);
  }
  CHECK(client::nothing_left());
}

TEST(memory_that_is_not_taken_back_is_tried_again_with_the_next)
{
  fake::reset();
  Context context;
  auto const first = context.allocate(64);
  auto const second = context.allocate(64);
  CHECK(FAKE(vrfake_fail)("cuMemUnmap", 1, kInvalidValue) == 0 && FAKE(vrfake_fail)("cuMemUnmap", 2, kInvalidValue) == 0);
  CHECK(context.release(first) == VR_EALLOCATION);
  vr_capacity capacity{};
  CHECK(context.capacity(&capacity) == VR_OK && capacity.ours_bytes > 0);
  CHECK(context.release(second) == VR_OK);
  CHECK(context.capacity(&capacity) == VR_OK && capacity.ours_bytes == 0);
}

TEST(any_call_that_fails_where_kernels_run_is_told_and_costs_nothing)
{
  CHECK(fake::with_kernels());
  fail_every_call(kInvalidValue, false);
  fail_every_call(kIllegalAddress, true);
}

TEST(a_lost_device_says_so_for_ever_and_its_neighbour_goes_on)
{
  fake::reset("profile=two-devices");
  Context context;
  auto const handle = context.allocate(64);
  auto const second = context.allocate(64, nullptr, 1);
  CHECK(handle != 0 && second != 0);
  FAKE(vrfake_stick)(0, kIllegalAddress);
  CHECK(context.write(handle, 0, {1}) == VR_EDEVICE_LOST);
  CHECK(context.error.driver_code == kIllegalAddress && context.error.restart_needed == 1);
  CHECK(client::text(context.error.driver_name) == "CUDA_ERROR_ILLEGAL_ADDRESS");
  vr_capacity capacity{};
  CHECK(context.capacity(&capacity) == VR_EDEVICE_LOST);
  CHECK(context.release(handle) == VR_EDEVICE_LOST);
  vr_device facts{};
  CHECK(vr_device_facts(context.id, 0, &facts) == VR_OK && facts.lost == 1);
  CHECK(vr_device_facts(context.id, 1, &facts) == VR_OK && facts.lost == 0);
  CHECK(context.capacity(&capacity, 1) == VR_OK && capacity.ours_bytes > 0);
}
