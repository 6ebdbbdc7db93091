// SPDX-License-Identifier: Apache-2.0
#include "client.h"
#include "digest/harness.h"

using client::Bytes;
using client::Context;

namespace {

constexpr std::uint64_t kMiB = 1u << 20;
constexpr std::uint64_t kGranule = 2 * kMiB;

Bytes pattern(std::size_t bytes, std::uint64_t seed) { return harness::Random{seed}.bytes(bytes); }

}  // namespace

TEST(hands_out_zeroed_memory_and_gives_it_back)
{
  for (auto const* profile : {"profile=h200", "profile=no-vmm"}) {
    fake::reset(profile);
    {
      Context context;
      vr_capacity before{};
      CHECK(context.capacity(&before) == VR_OK);
      CHECK(before.granularity_bytes == kGranule && before.ours_bytes == 0);
      CHECK(before.total_bytes == before.free_bytes + before.ours_bytes + before.foreign_bytes);
      auto const handle = context.allocate(3 * kMiB);
      CHECK(handle != 0);
      Bytes data;
      CHECK(context.read(handle, 0, 3 * kMiB, &data) == VR_OK && data == Bytes(3 * kMiB));
      vr_capacity during{};
      CHECK(context.capacity(&during) == VR_OK && during.ours_bytes == 2 * kGranule);
      CHECK(during.free_bytes == before.free_bytes - 2 * kGranule && during.staging_bytes == 0);
      CHECK(context.release(handle) == VR_OK);
      vr_capacity after{};
      CHECK(context.capacity(&after) == VR_OK && after.free_bytes == before.free_bytes && after.ours_bytes == 0);
    }
    CHECK(client::nothing_left());
  }
}

TEST(a_handle_names_one_allocation_for_ever)
{
  fake::reset("profile=two-devices");
  Context context;
  auto const first = context.allocate(64);
  CHECK(context.release(first) == VR_OK);
  CHECK(context.release(first) == VR_ESTALE);
  auto const second = context.allocate(64);
  CHECK(second != first && (second & 0xffffffff) == (first & 0xffffffff) && (second >> 32) > (first >> 32));
  Bytes data;
  CHECK(context.read(first, 0, 1, &data) == VR_ESTALE);
  CHECK(context.read(second + (1ull << 32), 0, 1, &data) == VR_ESTALE);
  CHECK(context.read(second + 1, 0, 1, &data) == VR_ESTALE);
  std::uint64_t ticket = 0;
  CHECK(vr_submit_free(context.id, 1, second, &ticket) == VR_ESTALE);
  CHECK(vr_submit_free(context.id, 0, second, &ticket) == VR_OK);
  // Without waiting in between.
  CHECK(context.write(second, 0, {1}) == VR_ESTALE);
  CHECK(context.finish(ticket) == VR_OK);
}

TEST(reads_back_what_was_written_and_no_byte_more)
{
  fake::reset();
  Context context;
  auto const handle = context.allocate(10'000);
  auto const data = pattern(5000, 1);
  CHECK(context.write(handle, 4999, data) == VR_OK);
  Bytes back;
  CHECK(context.read(handle, 0, 10'000, &back) == VR_OK);
  Bytes expected(10'000);
  std::copy(data.begin(), data.end(), expected.begin() + 4999);
  CHECK(back == expected);
  CHECK(context.read(handle, 10'000, 0, &back) == VR_OK && back.empty());
  CHECK(context.read(handle, 10'000, 1, &back) == VR_EBOUNDS);
  CHECK(context.read(handle, ~0ull, 1, &back) == VR_EBOUNDS);
  CHECK(context.write(handle, 9999, {1, 2}) == VR_EBOUNDS);
  CHECK(context.read(handle, 0, VR_SLOT_BYTES + 1, &back) == VR_EINVAL);
}

TEST(an_aligned_allocation_holds_all_of_itself)
{
  fake::reset();
  Context context;
  std::uint64_t ticket = 0;
  CHECK(vr_submit_allocate(context.id, 0, kGranule, 4096, 1, 0, &ticket) == VR_OK);
  vr_allocation made{};
  CHECK(context.finish(ticket, &made) == VR_OK && made.rounded_bytes == 2 * kGranule && made.bytes == kGranule);
  CHECK(context.write(made.handle, kGranule - 1, {9}) == VR_OK);
  Bytes back;
  CHECK(context.read(made.handle, kGranule - 1, 1, &back) == VR_OK && back == Bytes{9});
}

TEST(too_much_is_told_with_numbers)
{
  fake::reset("profile=h200 total_bytes=67108864 context_bytes=0 foreign_bytes=4194304");
  Context context;
  std::int32_t status = 0;
  CHECK(context.allocate(64 * kMiB, &status) == 0 && status == VR_EVRAM);
  CHECK(context.error.needed_bytes == 64 * kMiB && context.error.available_bytes == 60 * kMiB);
  CHECK(context.error.foreign_bytes == 4 * kMiB && context.error.largest_bytes == 60 * kMiB);
  CHECK(context.error.device == 0);
  CHECK(context.allocate(1ull << 53, &status) == 0 && status == VR_EVRAM);
  auto const all = context.allocate(60 * kMiB);
  CHECK(all != 0);
  CHECK(context.allocate(1, &status) == 0 && status == VR_EVRAM && context.error.available_bytes == 0);
  CHECK(context.release(all) == VR_OK);
}

TEST(protected_memory_takes_no_writes)
{
  for (auto const* profile : {"profile=h200", "profile=no-vmm"}) {
    fake::reset(profile);
    Context context;
    auto const handle = context.allocate(64);
    auto const vmm = std::string{profile} == "profile=h200";
    vr_evidence evidence{};
    CHECK(context.evidence(handle, &evidence) == VR_OK);
    CHECK(evidence.access == (vmm ? VR_ACCESS_READ_WRITE : VR_ACCESS_UNENFORCED));
    CHECK(context.protect(handle, VR_ACCESS_READ) == VR_OK);
    CHECK(context.write(handle, 0, {1}) == VR_EPROTECTED);
    vr_wipe_report wiped{};
    CHECK(context.wipe(handle, &wiped) == VR_EPROTECTED);
    vr_digest_report report{};
    CHECK(context.ingest(handle, Bytes(64), {0, 0, 0, 0, VR_FSVERITY_SHA256, 0, 0}, &report) == VR_EPROTECTED);
    CHECK(context.evidence(handle, &evidence) == VR_OK);
    CHECK(evidence.access == (vmm ? VR_ACCESS_READ : VR_ACCESS_UNENFORCED));
    CHECK(context.protect(handle, VR_ACCESS_READ_WRITE) == VR_OK);
    CHECK(context.write(handle, 0, {1}) == VR_OK);
    CHECK(context.protect(handle, 7) == VR_EINVAL);
  }
}

TEST(wipes_up_to_the_granule_and_finds_what_is_left)
{
  fake::reset();
  Context context;
  auto const handle = context.allocate(5 * kMiB);
  CHECK(context.write(handle, 0, pattern(VR_SLOT_BYTES, 3)) == VR_OK);
  vrfake_allocation_info info{};
  CHECK(FAKE(vrfake_allocation)(0, &info) == 0);
  CHECK(FAKE(vrfake_flip)(info.id, info.bytes - 1, 0x10) == 0);
  vr_wipe_report wiped{};
  CHECK(context.wipe(handle, &wiped) == VR_OK);
  CHECK(wiped.bytes == 6 * kMiB && wiped.checked_bytes == 6 * kMiB && wiped.non_zero_bytes == 0);
  // A copy that moves less than it says, while the check reads back, is not taken for zeros.
  CHECK(FAKE(vrfake_short_copy)(1, 100) == 0);
  CHECK(context.wipe(handle, &wiped) == VR_OK && wiped.non_zero_bytes > 0);
}

TEST(evidence_says_device_memory_and_lies_are_seen)
{
  fake::reset();
  Context context;
  auto const handle = context.allocate(5000);
  vr_evidence evidence{};
  CHECK(context.evidence(handle, &evidence) == VR_OK);
  CHECK(evidence.path == VR_PATH_VMM && evidence.location == VR_LOCATION_DEVICE && evidence.location_id == 0);
  CHECK(evidence.memory_type == VR_MEMORY_DEVICE && evidence.managed == 0 && evidence.host_pointer == 0);
  CHECK(evidence.mapped == 1 && evidence.covers == 1 && evidence.range_bytes >= kGranule);
  CHECK(evidence.buffer_id != 0 && evidence.block_id != 0 && evidence.pool == 0);
  vr_evidence again{};
  CHECK(context.evidence(handle, &again) == VR_OK && std::memcmp(&evidence, &again, sizeof again) == 0);

  struct Lie {
    char const* setting;
    bool (*seen)(vr_evidence const&);
  };
  Lie const lies[] = {
      {"pointer.2=1", [](vr_evidence const& told) { return told.memory_type == VR_MEMORY_HOST; }},
      {"pointer.8=1", [](vr_evidence const& told) { return told.managed == 1 && told.memory_type == VR_MEMORY_MANAGED; }},
      {"pointer.4=4096", [](vr_evidence const& told) { return told.host_pointer == 1; }},
      {"pointer.9=1", [](vr_evidence const& told) { return told.location_id == 1; }},
      {"pointer.13=0", [](vr_evidence const& told) { return told.mapped == 0; }},
      {"pointer.12=4096", [](vr_evidence const& told) { return told.covers == 0; }},
      {"pointer.7=none", [](vr_evidence const& told) { return told.buffer_id == 0; }},
      {"pointer.16=1", [](vr_evidence const& told) { return told.access == VR_ACCESS_READ; }},
      {"location=2", [](vr_evidence const& told) { return told.location == VR_LOCATION_HOST; }},
      {"location=3", [](vr_evidence const& told) { return told.location == VR_LOCATION_HOST_NUMA; }},
  };
  for (auto const& [setting, seen] : lies) {
    FAKE(vrfake_configure)((std::string{"profile=h200 "} + setting).c_str());
    vr_evidence told{};
    CHECK(context.evidence(handle, &told) == VR_OK);
    if (!seen(told)) { std::printf("  %s\n", setting); }
    CHECK(seen(told));
  }
  FAKE(vrfake_configure)("profile=h200");
}

TEST(exports_only_what_was_made_for_it)
{
  fake::reset();
  Context context;
  std::int32_t status = 0;
  auto const plain = context.allocate(64);
  auto const exportable = context.allocate(64, &status, 0, VR_ALLOCATE_EXPORTABLE);
  CHECK(status == VR_OK);
  std::uint64_t ticket = 0;
  std::int32_t descriptor = -1;
  CHECK(vr_submit_export(context.id, 0, plain, &ticket) == VR_OK);
  CHECK(context.finish(ticket, &descriptor) == VR_EUNSUPPORTED);
  CHECK(vr_submit_export(context.id, 0, exportable, &ticket) == VR_OK);
  CHECK(context.finish(ticket, &descriptor) == VR_OK && descriptor > 2);
  CHECK(::close(descriptor) == 0);
  vr_evidence evidence{};
  CHECK(context.evidence(exportable, &evidence) == VR_OK && evidence.handle_types == 1);

  fake::reset("profile=no-vmm");
  Context old;
  CHECK(old.allocate(64, &status, 0, VR_ALLOCATE_EXPORTABLE) == 0 && status == VR_EUNSUPPORTED);
}

TEST(what_nobody_took_is_given_back)
{
  fake::reset();
  Context context;
  std::uint64_t ticket = 0;
  CHECK(vr_submit_allocate(context.id, 0, 64, 1, 0, 0, &ticket) == VR_OK);
  CHECK(context.finish(ticket) == VR_OK);
  CHECK(vr_submit_allocate(context.id, 0, 64, 1, 0, 0, &ticket) == VR_OK);
  CHECK(vr_ticket_free(context.id, ticket) == VR_OK);
  vr_capacity capacity{};
  CHECK(context.capacity(&capacity) == VR_OK);
  CHECK(context.capacity(&capacity) == VR_OK && capacity.ours_bytes == 0);
}

TEST(wipes_what_is_left_when_it_closes)
{
  fake::reset("profile=h200 check_wipe=1");
  {
    Context context;
    auto const handle = context.allocate(5000);
    CHECK(context.write(handle, 0, pattern(5000, 4)) == VR_OK);
    CHECK(context.protect(handle, VR_ACCESS_READ) == VR_OK);
  }
  CHECK(FAKE(vrfake_dirty_bytes)() == 0 && FAKE(vrfake_dirty_pinned_bytes)() == 0);
  CHECK(client::nothing_left());
}
