// SPDX-License-Identifier: Apache-2.0
#include "../src/digest/algorithm.h"
#include "client.h"
#include "digest/harness.h"
#include "digest/temp_file.h"

#include <fcntl.h>

#include <deque>

using client::Bytes;
using client::Context;

namespace digest = vram_residency::digest;

namespace {

constexpr std::uint64_t kMiB = 1u << 20;

Bytes pattern(std::size_t bytes, std::uint64_t seed) { return harness::Random{seed}.bytes(bytes); }

/// The digest library has tests of its own; here it stands for what is right.
digest::Result expected(Bytes const& data, digest::Algorithm algorithm, Bytes salt = {})
{
  auto const stream = digest::begin({algorithm, std::move(salt), algorithm == digest::Algorithm::fsverity_sha256, {}});
  stream->update(data);
  return stream->finish();
}

bool equal(std::uint8_t const* found, digest::Digest const& wanted)
{
  return std::equal(wanted.begin(), wanted.end(), found);
}

vr_ingest_options asking(std::uint32_t flags = VR_INGEST_IDENTITY)
{
  vr_ingest_options options{};
  options.algorithm = VR_FSVERITY_SHA256;
  options.flags = flags;
  return options;
}

vr_digest_options whole(std::uint64_t bytes, std::uint32_t algorithm = VR_FSVERITY_SHA256)
{
  vr_digest_options options{};
  options.bytes = bytes;
  options.algorithm = algorithm;
  return options;
}

bool holds(Context& context, std::uint64_t handle, Bytes const& data)
{
  for (std::size_t at = 0; at < data.size(); at += VR_SLOT_BYTES) {
    auto const length = std::min<std::size_t>(VR_SLOT_BYTES, data.size() - at);
    Bytes part;
    if (context.read(handle, at, length, &part) != VR_OK) { return false; }
    if (!std::equal(part.begin(), part.end(), data.begin() + static_cast<std::ptrdiff_t>(at))) { return false; }
  }
  return true;
}

std::int32_t ingest_file(Context& context, std::uint64_t handle, vr_ingest_options options, std::string const& path,
                         vr_digest_report* report)
{
  options.source = VR_SOURCE_PATH;
  std::uint64_t ticket = 0;
  auto const status = vr_submit_ingest(context.id, 0, handle, &options,
                                       reinterpret_cast<std::uint8_t const*>(path.data()), path.size(), &ticket);
  return status == VR_OK ? context.finish(ticket, report) : status;
}

}  // namespace

TEST(copies_what_is_pushed_and_hashes_it)
{
  fake::reset();
  Context context;
  for (std::size_t const bytes : {std::size_t{1}, std::size_t{4096}, std::size_t{4097}, std::size_t{524'289},
                                  std::size_t{VR_SLOT_BYTES}, std::size_t{VR_SLOT_BYTES + 1}, std::size_t{30'000'001}}) {
    auto const data = pattern(bytes, bytes);
    auto const handle = context.allocate(bytes);
    vr_digest_report report{};
    CHECK(context.ingest(handle, data, asking(), &report, bytes > kMiB ? 3'000'001 : 997) == VR_OK);
    CHECK(report.bytes == bytes && report.has == (VR_HAS_IDENTITY | VR_HAS_RESIDENCY));
    CHECK(equal(report.identity, expected(data, digest::Algorithm::sha256).digest));
    CHECK(equal(report.residency, expected(data, digest::Algorithm::fsverity_sha256).digest));
    CHECK(holds(context, handle, data));
    vr_digest_report found{};
    CHECK(context.digest(handle, whole(bytes), &found) == VR_OK);
    CHECK(std::memcmp(found.residency, report.residency, 32) == 0);
    CHECK(context.release(handle) == VR_OK);
  }
  vr_capacity capacity{};
  CHECK(context.capacity(&capacity) == VR_OK && capacity.staging_bytes == 0);
}

TEST(reads_files_by_path_and_by_descriptor)
{
  fake::reset();
  Context context;
  auto const data = pattern(21'000'123, 5);
  harness::TempFile const file{data};
  auto const handle = context.allocate(data.size());
  vr_digest_report report{};
  CHECK(ingest_file(context, handle, asking(VR_INGEST_IDENTITY | VR_INGEST_WHOLE_FILE | VR_INGEST_UNCACHE), file.path(), &report) == VR_OK);
  CHECK(equal(report.identity, expected(data, digest::Algorithm::sha256).digest));
  CHECK(equal(report.residency, expected(data, digest::Algorithm::fsverity_sha256).digest));
  CHECK(holds(context, handle, data));

  auto const part = context.allocate(5'000'000);
  auto options = asking(0);
  options.source = VR_SOURCE_DESCRIPTOR;
  options.offset = 777;
  options.file = ::open(file.path().c_str(), O_RDONLY | O_CLOEXEC);
  std::uint64_t ticket = 0;
  std::uint8_t none = 0;
  CHECK(vr_submit_ingest(context.id, 0, part, &options, &none, 0, &ticket) == VR_OK);
  ::close(static_cast<int>(options.file));
  CHECK(context.finish(ticket, &report) == VR_OK && report.has == VR_HAS_RESIDENCY);
  CHECK(holds(context, part, {data.begin() + 777, data.begin() + 5'000'777}));
}

TEST(refuses_files_that_are_not_what_they_should_be)
{
  fake::reset();
  Context context;
  harness::TempFile const file{pattern(5000, 6)};
  vr_digest_report report{};
  auto const longer = context.allocate(5001);
  CHECK(ingest_file(context, longer, asking(), file.path(), &report) == VR_ESOURCE);
  CHECK(context.error.reason == VR_REASON_TRUNCATED);
  auto const shorter = context.allocate(4999);
  CHECK(ingest_file(context, shorter, asking(VR_INGEST_WHOLE_FILE), file.path(), &report) == VR_ESOURCE);
  CHECK(context.error.reason == VR_REASON_CHANGED);
  CHECK(ingest_file(context, shorter, asking(), file.path(), &report) == VR_OK);
  CHECK(ingest_file(context, shorter, asking(), "/nowhere/model", &report) == VR_ESOURCE);
  CHECK(context.error.reason == VR_REASON_UNREADABLE && context.error.system_code == ENOENT);
  CHECK(ingest_file(context, shorter, asking(), "/", &report) == VR_ESOURCE);
  auto options = asking();
  options.source = VR_SOURCE_DESCRIPTOR;
  options.file = 9999;
  std::uint64_t ticket = 0;
  std::uint8_t none = 0;
  CHECK(vr_submit_ingest(context.id, 0, shorter, &options, &none, 0, &ticket) == VR_EINVAL);
}

TEST(refuses_pushes_that_are_too_short_or_too_long_and_stays_usable)
{
  fake::reset();
  Context context;
  auto const data = pattern(kMiB + 5, 7);
  auto const handle = context.allocate(data.size());
  vr_digest_report report{};
  for (std::size_t const bytes : {std::size_t{0}, std::size_t{1}, data.size() - 1}) {
    CHECK(context.ingest(handle, pattern(bytes, 8), asking(), &report) == VR_ESOURCE);
    CHECK(context.error.reason == VR_REASON_TRUNCATED);
  }
  CHECK(context.ingest(handle, pattern(data.size() + 1, 8), asking(), &report, 1000) == VR_ESOURCE);
  CHECK(context.error.reason == VR_REASON_CHANGED);
  CHECK(context.ingest(handle, data, asking(), &report) == VR_OK && holds(context, handle, data));
}

TEST(writes_leaves_beside_the_data_and_zeros_after_them)
{
  fake::reset();
  Context context;
  for (std::size_t const bytes : {std::size_t{1}, std::size_t{4097}, std::size_t{524'289}, std::size_t{9'000'000}}) {
    auto const data = pattern(bytes, bytes);
    auto const tree = expected(data, digest::Algorithm::fsverity_sha256);
    auto const room = (tree.leaves.size() + 4095) / 4096 * 4096;
    auto const handle = context.allocate(bytes);
    auto const leaves = context.allocate(room);
    CHECK(context.write(leaves, 0, pattern(room, 9)) == VR_OK);
    auto options = asking(0);
    options.leaves_handle = leaves;
    vr_digest_report report{};
    CHECK(context.ingest(handle, data, options, &report) == VR_OK);
    CHECK(equal(report.residency, tree.digest) && report.level1_bytes == tree.level1.size());
    Bytes wanted(room);
    std::copy(tree.leaves.begin(), tree.leaves.end(), wanted.begin());
    CHECK(holds(context, leaves, wanted));
    options.leaves_handle = handle;
    CHECK(context.ingest(handle, data, options, &report) == VR_EINVAL);
    CHECK(context.release(leaves) == VR_OK && context.release(handle) == VR_OK);
  }
  auto const handle = context.allocate(129 * 4096);
  auto const small = context.allocate(4096);
  auto options = asking(0);
  options.leaves_handle = small;
  vr_digest_report report{};
  CHECK(context.ingest(handle, Bytes(129 * 4096), options, &report) == VR_EBOUNDS);
}

TEST(digests_ranges_salts_and_levels)
{
  fake::reset();
  Context context;
  auto const data = pattern(9'000'001, 10);
  auto const handle = context.allocate(data.size());
  vr_digest_report report{};
  CHECK(context.ingest(handle, data, asking(0), &report) == VR_OK);
  struct Range {
    std::uint64_t offset;
    std::uint64_t bytes;
  };
  for (auto const& [offset, bytes] : {Range{0, 9'000'001}, Range{4096, 1}, Range{8192, 0}, Range{4096, 524'289},
                                      Range{VR_SLOT_BYTES, 4'805'697}}) {
    Bytes const part{data.begin() + static_cast<std::ptrdiff_t>(offset), data.begin() + static_cast<std::ptrdiff_t>(offset + bytes)};
    auto options = whole(bytes);
    options.offset = offset;
    options.flags = VR_DIGEST_LEVEL1 | VR_DIGEST_LEAVES;
    options.salt_bytes = 7;
    auto const salt = pattern(7, 11);
    std::copy(salt.begin(), salt.end(), options.salt);
    Bytes level1;
    Bytes leaves;
    CHECK(context.digest(handle, options, &report, &level1, &leaves) == VR_OK);
    auto const tree = expected(part, digest::Algorithm::fsverity_sha256);
    CHECK(equal(report.residency, tree.digest) && level1 == tree.level1 && leaves == tree.leaves);
    CHECK(equal(report.salted, expected(part, digest::Algorithm::fsverity_sha256, salt).digest));
    auto plain = whole(bytes, VR_SHA256);
    plain.offset = offset;
    plain.flags = VR_DIGEST_BACKGROUND;
    CHECK(context.digest(handle, plain, &report) == VR_OK);
    CHECK(equal(report.residency, expected(part, digest::Algorithm::sha256).digest));
  }
  auto options = whole(1);
  options.offset = 1;
  CHECK(context.digest(handle, options, &report) == VR_EINVAL);
  CHECK(context.digest(handle, whole(9'000'002), &report) == VR_EBOUNDS);
  options = whole(1, VR_SHA256);
  options.salt_bytes = 1;
  CHECK(context.digest(handle, options, &report) == VR_EINVAL);
  CHECK(context.digest(handle, whole(1, 3), &report) == VR_EINVAL);
}

TEST(a_digest_sees_every_flip_and_every_copy_that_went_wrong)
{
  fake::reset();
  Context context;
  auto const data = pattern(6'000'000, 12);
  auto const handle = context.allocate(data.size());
  vr_digest_report in{};
  vr_digest_report found{};
  CHECK(context.ingest(handle, data, asking(0), &in) == VR_OK);
  vrfake_allocation_info info{};
  CHECK(FAKE(vrfake_allocation)(0, &info) == 0);
  FAKE(vrfake_flip)(info.id, 5'999'999, 1);
  CHECK(context.digest(handle, whole(data.size()), &found) == VR_OK);
  CHECK(std::memcmp(in.residency, found.residency, 32) != 0);

  // Copies in, then copies back: short ones and flipped ones.
  for (int round = 0; round < 4; round += 1) {
    if (round == 0) { FAKE(vrfake_short_copy)(2, 1000); }
    if (round == 1) { FAKE(vrfake_flip_copy)(1, 4000, 8); }
    CHECK(context.ingest(handle, data, asking(0), &in) == VR_OK);
    if (round == 2) { FAKE(vrfake_short_copy)(1, 0); }
    if (round == 3) { FAKE(vrfake_flip_copy)(2, 0, 1); }
    CHECK(context.digest(handle, whole(data.size()), &found) == VR_OK);
    CHECK(FAKE(vrfake_fired)() == static_cast<std::uint64_t>(round) + 1);
    CHECK(std::memcmp(in.residency, found.residency, 32) != 0);
    // Written again, because what arrived wrong is still there.
    CHECK(context.ingest(handle, Bytes(data.size()), asking(0), &in) == VR_OK);
  }
}

TEST(work_is_cancelled_and_overdue_work_ends_and_both_leave_the_allocation_live)
{
  fake::reset();
  Context context;
  auto const data = pattern(kMiB, 13);
  auto const handle = context.allocate(data.size());
  auto options = asking();
  std::uint64_t ticket = 0;
  std::uint8_t none = 0;
  std::uint64_t taken = 0;
  CHECK(vr_submit_ingest(context.id, 0, handle, &options, &none, 0, &ticket) == VR_OK);
  CHECK(vr_cancel(context.id, ticket) == VR_OK);
  CHECK(context.await(ticket) == VR_ECANCELLED);
  CHECK(vr_push(context.id, ticket, data.data(), 1, &taken) == VR_ECANCELLED);
  CHECK(vr_ticket_free(context.id, ticket) == VR_OK);

  CHECK(vr_submit_ingest(context.id, 0, handle, &options, &none, 0, &ticket) == VR_OK);
  CHECK(vr_deadline(context.id, ticket, 30) == VR_OK);
  CHECK(context.finish(ticket) == VR_EDEADLINE);

  // One that waits for another of the same allocation; freeing ends the first, and the second with it.
  std::uint64_t second = 0;
  CHECK(vr_submit_ingest(context.id, 0, handle, &options, &none, 0, &ticket) == VR_OK);
  auto const digest = whole(data.size());
  CHECK(vr_submit_digest(context.id, 0, handle, &digest, &second) == VR_OK);
  CHECK(vr_deadline(context.id, second, 30) == VR_OK);
  CHECK(context.finish(second) == VR_EDEADLINE);
  CHECK(context.release(handle) == VR_OK);
  CHECK(context.finish(ticket) == VR_ESTALE);
}

TEST(a_source_that_is_slow_holds_up_nobody_else)
{
  fake::reset();
  Context context;
  auto const slow = context.allocate(kMiB);
  auto const quick = context.allocate(kMiB);
  auto options = asking();
  std::uint64_t ticket = 0;
  std::uint8_t none = 0;
  CHECK(vr_submit_ingest(context.id, 0, slow, &options, &none, 0, &ticket) == VR_OK);
  auto const data = pattern(kMiB, 14);
  vr_digest_report report{};
  CHECK(context.ingest(quick, data, asking(), &report) == VR_OK && holds(context, quick, data));
  CHECK(vr_cancel(context.id, ticket) == VR_OK && context.finish(ticket) == VR_ECANCELLED);
}

TEST(more_ingests_than_slots_take_their_turns)
{
  fake::reset();
  Context context{{2 * VR_SLOT_BYTES, 0, 2, 50}};
  std::vector<std::uint64_t> handles;
  std::vector<std::uint64_t> tickets;
  std::deque<harness::TempFile> files;
  for (std::uint64_t index = 0; index < 6; index += 1) {
    files.emplace_back(pattern(3 * VR_SLOT_BYTES + index, index));
    handles.push_back(context.allocate(3 * VR_SLOT_BYTES + index));
    auto options = asking();
    options.source = VR_SOURCE_PATH;
    auto const path = files.back().path();
    std::uint64_t ticket = 0;
    CHECK(vr_submit_ingest(context.id, 0, handles.back(), &options, reinterpret_cast<std::uint8_t const*>(path.data()),
                           path.size(), &ticket) == VR_OK);
    tickets.push_back(ticket);
  }
  for (auto const ticket : tickets) { CHECK(context.finish(ticket) == VR_OK); }
  for (std::uint64_t index = 0; index < 6; index += 1) {
    CHECK(holds(context, handles[index], pattern(3 * VR_SLOT_BYTES + index, index)));
  }
  // The bound on staging holds, and the ring goes when it is idle.
  CHECK(FAKE(vrfake_pinned_peak_bytes)() <= 2 * (VR_SLOT_BYTES + 32'768));
  for (int tries = 0; tries < 200 && FAKE(vrfake_live)(VRFAKE_PINNED) != 0; tries += 1) { ::usleep(10'000); }
  CHECK(FAKE(vrfake_live)(VRFAKE_PINNED) == 0 && FAKE(vrfake_dirty_pinned_bytes)() == 0);
}

TEST(stages_through_pageable_memory_where_pinning_is_refused_or_not_wished)
{
  fake::reset();
  vr_open_options options{};
  options.flags = VR_OPEN_PAGEABLE;
  Context context{options};
  auto const data = pattern(5'000'000, 15);
  auto const handle = context.allocate(data.size());
  vr_digest_report report{};
  CHECK(context.ingest(handle, data, asking(), &report) == VR_OK && holds(context, handle, data));
  CHECK(FAKE(vrfake_pinned_peak_bytes)() == 0);
}
