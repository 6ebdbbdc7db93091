// SPDX-License-Identifier: Apache-2.0
/// Digests and wipes by the kernels that the library launches: equal to the host's, and never ok when a launch left
/// something out.
#include "../kernels/host.h"
#include "../src/kernel_digest.h"
#include "client.h"
#include "digest/harness.h"

using client::Bytes;
using client::Context;
using harness::Random;
namespace kernels = vram_residency::kernels;

namespace {

constexpr std::uint64_t kBlock = 4096;

void reset(std::string const& settings = "profile=h200")
{
  fake::reset(settings);
  CHECK(fake::with_kernels());
}

/// Whether there is anything to launch in this build.
bool built()
{
  std::uint8_t text[4096];
  std::uint64_t length = 0;
  vr_build_info(text, sizeof text, &length);
  if (std::string(reinterpret_cast<char*>(text), length).find("\"ptx\"") != std::string::npos) { return true; }
  harness::skip("built without kernels");
  return false;
}

/// An allocation that begins `shift` bytes into a word of 64, holding `data`.
std::uint64_t put(Context& context, Bytes const& data, std::uint32_t shift)
{
  std::uint64_t ticket = 0;
  vr_allocation made{};
  // Byte 64 - shift lies on a multiple of 64, so the first one lies `shift` behind one.
  auto const status = vr_submit_allocate(context.id, 0, data.size(), 64, (64 - shift) % 64, 0, &ticket);
  if (status != VR_OK || context.finish(ticket, &made) != VR_OK) { return 0; }
  for (std::size_t at = 0; at < data.size(); at += VR_SLOT_BYTES) {
    auto const end = std::min<std::size_t>(data.size(), at + VR_SLOT_BYTES);
    auto const from = data.begin() + static_cast<std::ptrdiff_t>(at);
    if (context.write(made.handle, at, Bytes(from, data.begin() + static_cast<std::ptrdiff_t>(end))) != VR_OK) { return 0; }
  }
  return made.handle;
}

struct Found {
  std::int32_t status = VR_EBUG;
  vr_digest_report report{};
  Bytes level1;
  Bytes leaves;
};

Found digest(Context& context, std::uint64_t handle, vr_digest_options const& options)
{
  Found found;
  found.status = context.digest(handle, options, &found.report, &found.level1, &found.leaves);
  return found;
}

bool same(Found const& a, Found const& b)
{
  auto left = a.report;
  auto right = b.report;
  left.engine = right.engine = 0;
  return a.status == VR_OK && b.status == VR_OK && std::memcmp(&left, &right, sizeof left) == 0 &&
         a.level1 == b.level1 && a.leaves == b.leaves;
}

/// Digests by kernels and on the host. @returns whether both agree, and which engine the kernels' report names.
bool agrees(Context& context, std::uint64_t handle, vr_digest_options options, std::uint32_t engine)
{
  auto const by_kernels = digest(context, handle, options);
  options.flags |= VR_DIGEST_ON_HOST;
  auto const by_host = digest(context, handle, options);
  auto const good = same(by_kernels, by_host) && by_kernels.report.engine == engine && by_host.report.engine == VR_ENGINE_CPU;
  if (!good) {
    std::printf("  offset %llu, %llu bytes, algorithm %u, flags %u, salt %u: status %d, engine %u\n",
                static_cast<unsigned long long>(options.offset), static_cast<unsigned long long>(options.bytes),
                options.algorithm, options.flags, options.salt_bytes, by_kernels.status, by_kernels.report.engine);
  }
  return good;
}

vr_digest_options asked(std::uint64_t bytes, std::uint32_t algorithm, std::uint32_t flags = 0, std::uint32_t salt = 0)
{
  vr_digest_options options{};
  options.bytes = bytes;
  options.algorithm = algorithm;
  options.flags = flags;
  options.salt_bytes = salt;
  for (std::uint32_t i = 0; i < salt; i += 1) { options.salt[i] = static_cast<std::uint8_t>(17 * i + 1); }
  return options;
}

constexpr std::uint32_t kAllParts = VR_DIGEST_LEVEL1 | VR_DIGEST_LEAVES;

/// The same grid without its last block of threads.
template <typename Arguments, void (*Kernel)(Arguments)>
void run_short(vrfake_launch const* launch, void* const* parameters)
{
  auto const threads = std::uint64_t{launch->grid[0]} * kernels::kThreads;
  for (std::uint64_t thread = 0; thread + kernels::kThreads < threads; thread += 1) {
    kernels::playing = {thread, threads};
    Kernel(*static_cast<Arguments const*>(parameters[0]));
  }
}

template <typename Arguments, void (*Kernel)(Arguments)>
void shorten(char const* name)
{
  static std::uint32_t const sizes[] = {sizeof(Arguments), 0};
  static vrfake_kernel const entry{name, sizes, run_short<Arguments, Kernel>};
  FAKE(vrfake_register_kernel)(&entry);
}

/// What each digest comes to when its `nth` launch does nothing. @returns how many launches there were, 0 when one passed.
std::uint64_t every_idle_launch_is_caught(vr_digest_options const& options, Bytes const& data)
{
  for (std::uint64_t nth = 1;; nth += 1) {
    reset();
    Context context;
    auto const handle = put(context, data, 3);
    FAKE(vrfake_idle_launch)(nth);
    auto const found = digest(context, handle, options);
    if (FAKE(vrfake_fired)() == 0) { return found.status == VR_OK ? nth - 1 : 0; }
    if (found.status != VR_ECOPY || client::text(context.error.operation) != "cuLaunchKernel") { return 0; }
  }
}

}  // namespace

TEST(kernels_agree_with_the_host_at_every_length_and_salt)
{
  if (!built()) { return; }
  reset();
  Context context;
  Random random{70};
  constexpr std::uint64_t kLengths[] = {1,           100,         4095,           4096,           4097,          128 * kBlock - 1,
                                        128 * kBlock, 128 * kBlock + 1, 300 * kBlock + 7};
  for (auto const length : kLengths) {
    auto const handle = put(context, random.bytes(length), static_cast<std::uint32_t>(length % 64));
    CHECK(handle != 0);
    for (auto const salt : {0u, 1u, 17u, 32u}) {
      CHECK(agrees(context, handle, asked(length, VR_FSVERITY_SHA256, kAllParts, salt), VR_ENGINE_CUBIN));
      CHECK(agrees(context, handle, asked(length, VR_FSVERITY_SHA256, VR_DIGEST_BACKGROUND, salt), VR_ENGINE_CUBIN));
    }
    auto const engine = length <= 1024 ? VR_ENGINE_CPU : VR_ENGINE_CUBIN;
    CHECK(agrees(context, handle, asked(length, VR_BLAKE3), engine));
    CHECK(context.release(handle) == VR_OK);
  }
  CHECK(FAKE(vrfake_calls_of)("cuModuleLoadData") == 1);
}

TEST(kernels_agree_with_the_host_above_the_second_level_in_one_slice_and_in_many)
{
  if (!built()) { return; }
  reset();
  Context context;
  constexpr std::uint64_t kLength = 128 * 128 * kBlock + 1;
  auto const handle = put(context, Random{71}.bytes(kLength), 5);
  for (auto const slice : {256u << 20, 16u << 20}) {
    vram_residency::slice_bytes = slice;
    CHECK(agrees(context, handle, asked(kLength, VR_FSVERITY_SHA256, kAllParts, 32), VR_ENGINE_CUBIN));
    CHECK(agrees(context, handle, asked(kLength, VR_BLAKE3), VR_ENGINE_CUBIN));
  }
  vram_residency::slice_bytes = 256u << 20;
}

TEST(random_ranges_alignments_salts_and_slices_agree_with_the_host)
{
  if (!built()) { return; }
  reset();
  Context context;
  Random random{72};
  for (int round = 0; round < harness::tries(60); round += 1) {
    auto const length = 1 + random.below(5u << 20);
    auto const handle = put(context, random.bytes(length), static_cast<std::uint32_t>(random.below(64)));
    CHECK(handle != 0);
    vram_residency::slice_bytes = (1 + random.below(4)) << 19;
    auto options = asked(0, VR_FSVERITY_SHA256, kAllParts, static_cast<std::uint32_t>(random.below(33)));
    options.offset = random.below(length / kBlock + 1) * kBlock;
    options.bytes = 2000 + random.below(length);
    options.bytes = std::min<std::uint64_t>(options.bytes, length - options.offset);
    if (random.below(2) == 0) { options.flags |= VR_DIGEST_BACKGROUND; }
    auto const engine = options.bytes == 0 ? VR_ENGINE_CPU : VR_ENGINE_CUBIN;
    CHECK(agrees(context, handle, options, engine));
    auto const blake3 = asked(options.bytes, VR_BLAKE3);
    CHECK(agrees(context, handle, blake3, blake3.bytes <= 1024 ? VR_ENGINE_CPU : VR_ENGINE_CUBIN));
    CHECK(context.release(handle) == VR_OK);
  }
  vram_residency::slice_bytes = 256u << 20;
}

TEST(a_launch_that_does_nothing_ends_the_digest_whichever_it_is)
{
  if (!built()) { return; }
  auto const data = Random{73}.bytes((1u << 20) + 5);
  // Leaves, level 1, and what looks through both; the same under a salt.
  CHECK(every_idle_launch_is_caught(asked(data.size(), VR_FSVERITY_SHA256), data) == 3);
  CHECK(every_idle_launch_is_caught(asked(data.size(), VR_FSVERITY_SHA256, kAllParts, 8), data) == 5);
  // Chunks, nine levels of parents, and the check.
  CHECK(every_idle_launch_is_caught(asked(data.size(), VR_BLAKE3), data) == 11);
}

TEST(a_stale_upper_level_of_the_slice_before_is_no_level)
{
  if (!built()) { return; }
  auto const data = Random{74}.bytes(4u << 20);
  vram_residency::slice_bytes = 1u << 19;
  // One lane: every slice writes where the one before it did.
  auto const options = asked(data.size(), VR_FSVERITY_SHA256, VR_DIGEST_BACKGROUND);
  CHECK(every_idle_launch_is_caught(options, data) == 8 * 3);
  vram_residency::slice_bytes = 256u << 20;
}

TEST(a_kernel_that_skips_its_last_block_ends_the_digest_and_the_wipe)
{
  if (!built()) { return; }
  auto const data = Random{75}.bytes((1u << 20) + 5);
  auto const status = [&](std::uint32_t algorithm) {
    Context context;
    return digest(context, put(context, data, 0), asked(data.size(), algorithm)).status;
  };
  reset();
  CHECK(status(VR_FSVERITY_SHA256) == VR_OK && status(VR_BLAKE3) == VR_OK);
  shorten<kernels::LeafArguments, vr_fsverity_leaves>("vr_fsverity_leaves");
  CHECK(status(VR_FSVERITY_SHA256) == VR_ECOPY);
  reset();
  shorten<kernels::ChunkArguments, vr_blake3_chunks>("vr_blake3_chunks");
  CHECK(status(VR_BLAKE3) == VR_ECOPY);
  reset();
  shorten<kernels::ParentArguments, vr_blake3_parents>("vr_blake3_parents");
  CHECK(status(VR_BLAKE3) == VR_ECOPY);
  reset();
  shorten<kernels::PoisonArguments, vr_poison_check>("vr_poison_check");
  CHECK(status(VR_FSVERITY_SHA256) == VR_ECOPY && status(VR_BLAKE3) == VR_ECOPY);
  reset();
  shorten<kernels::ZeroArguments, vr_zero_check>("vr_zero_check");
  {
    Context context;
    vr_wipe_report report{};
    CHECK(context.wipe(put(context, data, 0), &report) == VR_ECOPY);
  }
  reset();
  CHECK(client::nothing_left());
}

TEST(a_copy_that_moves_less_is_no_digest)
{
  if (!built()) { return; }
  auto const data = Random{76}.bytes((1u << 20) + 5);
  // The header up and the output down, each cut at each quarter of what it is.
  for (std::uint64_t const copy : {1u, 2u}) {
    for (std::uint64_t const bytes : {0u, 20u, 32u, 60u, 100u}) {
      reset();
      Context context;
      auto const handle = put(context, data, 0);
      FAKE(vrfake_short_copy)(copy, bytes);
      CHECK(digest(context, handle, asked(data.size(), VR_FSVERITY_SHA256)).status != VR_OK);
      CHECK(FAKE(vrfake_fired)() == 1);
    }
  }
}

TEST(a_wipe_is_looked_at_by_a_kernel)
{
  if (!built()) { return; }
  reset();
  Context context;
  auto const handle = put(context, Random{77}.bytes(100'000), 7);
  vr_wipe_report report{};
  auto const copies = FAKE(vrfake_calls_of)("cuMemcpyDtoHAsync_v2");
  CHECK(context.wipe(handle, &report) == VR_OK);
  CHECK(report.bytes == 2u << 20 && report.checked_bytes == report.bytes && report.non_zero_bytes == 0);
  CHECK(FAKE(vrfake_calls_of)("cuMemcpyDtoHAsync_v2") == copies + 1);
  CHECK(FAKE(vrfake_idle_launch)(1) == 0);
  CHECK(context.wipe(handle, &report) == VR_ECOPY);
  CHECK(context.wipe(handle, &report) == VR_OK);
}

TEST(where_the_cubin_is_refused_the_text_runs_and_where_that_is_the_host_hashes)
{
  if (!built()) { return; }
  auto const data = Random{78}.bytes(50'000);
  auto const options = asked(data.size(), VR_FSVERITY_SHA256, kAllParts);
  auto const engine = [&](std::string const& settings, bool lame) {
    reset(settings);
    // Every module is refused: the cubin, then the text.
    if (lame) { FAKE(vrfake_fail)("cuModuleLoadData", 1, 209), FAKE(vrfake_fail)("cuModuleLoadData", 2, 218); }
    Context context;
    auto const handle = put(context, data, 1);
    std::uint64_t ticket = 0;
    vr_submit_digest(context.id, 0, handle, &options, &ticket);
    vr_digest_report report{};
    context.await(ticket);
    auto const part = context.part(ticket, VR_PART_OBSERVATIONS);
    std::string const seen(part.begin(), part.end());
    vr_report(context.id, ticket, reinterpret_cast<std::uint8_t*>(&report), sizeof report);
    vr_ticket_free(context.id, ticket);
    return std::pair{report.engine, seen};
  };
  auto const cubin = engine("profile=h200", false);
  CHECK(cubin.first == VR_ENGINE_CUBIN && cubin.second == R"({"kernels":"sm_90","kernelsProblem":null})");
  auto const text = engine("profile=h200\ndriver_version=12040", false);
  CHECK(text.first == VR_ENGINE_PTX && text.second.find(R"("kernels":"ptx","kernelsProblem":"cuModuleLoadData failed)") == 1);
  auto const host = engine("profile=h200", true);
  CHECK(host.first == VR_ENGINE_CPU && host.second.find(R"("kernels":null,"kernelsProblem":"cuModuleLoadData failed)") == 1);
}

TEST(where_there_is_no_memory_for_the_output_the_host_hashes)
{
  if (!built()) { return; }
  reset();
  Context context;
  auto const data = Random{79}.bytes(50'000);
  auto const handle = put(context, data, 0);
  FAKE(vrfake_fail)("cuMemAlloc_v2", 1, 2);
  CHECK(agrees(context, handle, asked(data.size(), VR_FSVERITY_SHA256, kAllParts), VR_ENGINE_CPU));
  CHECK(agrees(context, handle, asked(data.size(), VR_FSVERITY_SHA256, kAllParts), VR_ENGINE_CUBIN));
}

TEST(a_digest_is_cancelled_and_overdue_between_two_slices)
{
  if (!built()) { return; }
  reset();
  vram_residency::slice_bytes = 1u << 19;
  Context context;
  auto const data = Random{80}.bytes(4u << 20);
  auto const handle = put(context, data, 0);
  auto const options = asked(data.size(), VR_FSVERITY_SHA256, VR_DIGEST_BACKGROUND);
  FAKE(vrfake_slow_copy)(0, 20);
  std::uint64_t ticket = 0;
  CHECK(vr_submit_digest(context.id, 0, handle, &options, &ticket) == VR_OK);
  CHECK(vr_cancel(context.id, ticket) == VR_OK);
  CHECK(context.finish(ticket) == VR_ECANCELLED);
  CHECK(vr_submit_digest(context.id, 0, handle, &options, &ticket) == VR_OK);
  CHECK(vr_deadline(context.id, ticket, 30) == VR_OK);
  CHECK(context.await(ticket) == VR_EDEADLINE);
  vr_progress progress{};
  CHECK(vr_poll(context.id, ticket, &progress) == VR_OK && progress.bytes_done < data.size());
  CHECK(vr_ticket_free(context.id, ticket) == VR_OK);
  FAKE(vrfake_disarm)();
  vram_residency::slice_bytes = 256u << 20;
  CHECK(context.release(handle) == VR_OK);
}

TEST(at_most_64_kib_come_back_for_a_gibibyte)
{
  using vram_residency::Slice;
  constexpr std::uint64_t kSlice = 256u << 20;
  constexpr std::uint64_t kTotal = 1u << 30;
  auto const headers = sizeof(vram_residency::SliceHeader);
  CHECK(Slice::of_tree(0, kSlice, kTotal, false, false).back_bytes() == (16u << 10) + headers);
  CHECK(Slice::of_chunks(0, kSlice, kTotal).back_bytes() == (16u << 10) + headers);
}
