// SPDX-License-Identifier: Apache-2.0
#include "kernel_digest.h"

#include <algorithm>

namespace vram_residency {

namespace {

constexpr std::size_t kLanes = 2;
/// Background work leaves the device alone while the host looks at what came back.
constexpr std::size_t kBackgroundLanes = 1;
/// Of one lane; where the next begins.
constexpr std::uint64_t kLaneAlignment = 256;

/// An output that begins `first` items before `address`, so that item `first` is written there.
std::uint64_t biased(cu::DevicePointer address, std::uint64_t first) { return address - first * digest::kDigestBytes; }

}  // namespace

KernelDigest::KernelDigest(std::shared_ptr<Ticket> its_ticket, std::shared_ptr<Allocation> allocation,
                           vr_digest_options const& options)
    : HostDigest{std::move(its_ticket), std::move(allocation), options},
      per_slice_{std::min<std::uint64_t>(slice_bytes.load(std::memory_order_relaxed), options.bytes)},
      plain_hasher_{digest::fastest(), {}},
      salted_hasher_{digest::fastest(), digest::ByteView{options_.salt, options_.salt_bytes}}
{
}

KernelDigest::Where KernelDigest::decide(Device& device)
{
  auto const& module = device.kernels();
  JsonObject seen;
  auto decided = Where::host;
  if (!module.loaded()) {
    module.observe(seen);
  } else {
    auto const slices = (options_.bytes + per_slice_ - 1) / per_slice_;
    auto const lanes = std::min<std::uint64_t>(slices, background ? kBackgroundLanes : kLanes);
    if (!take_slots(device, lanes)) { return Where::undecided; }
    try {
      prepare(device);
      decided = Where::device;
      module.observe(seen);
    } catch (Failure const& broken) {
      if (broken.error.status == VR_EDEVICE_LOST) { throw; }
      put_slots(device);
      seen.text_or_null("kernels", "");
      seen.text("kernelsProblem", "there is no device memory for what they write: " + text_of(broken.error.message));
    }
  }
  outcome.set_part(VR_PART_OBSERVATIONS, seen.str());
  return decided;
}

/// Memory for each lane's output, on the device.
void KernelDigest::prepare(Device& device)
{
  auto const widest = options_.algorithm == VR_BLAKE3
                          ? Slice::of_chunks(0, per_slice_, options_.bytes)
                          : Slice::of_tree(0, per_slice_, options_.bytes, options_.salt_bytes > 0, true);
  invariant(kSliceFront + widest.back_bytes() <= VR_SLOT_BYTES, "what comes back of a slice does not fit a slot");
  auto const room = (widest.room() + kLaneAlignment - 1) / kLaneAlignment * kLaneAlignment;
  scratch_.allocate(device, room * slots().size());
  for (std::size_t index = 0; index < slots().size(); index += 1) {
    lanes_.push_back({slots()[index], scratch_.address() + index * room, device.stream(index), {}});
  }
  for (auto& lane : lanes_) { idle_.push_back(&lane); }
}

Step KernelDigest::step(Device& device)
{
  if (where_ == Where::undecided) {
    where_ = decide(device);
    if (where_ == Where::undecided) { return Step::waiting; }
  }
  if (where_ == Where::host) { return HostDigest::step(device); }
  bool landed = false;
  while (!busy_.empty() && arrived(device, *busy_.front()->slot)) {
    auto* const lane = busy_.front();
    busy_.pop_front();
    collect(*lane);
    done_ += lane->slice.bytes;
    advance(device, lane->slice.bytes);
    idle_.push_back(lane);
    landed = true;
  }
  if (done_ == options_.bytes) {
    finish_here(device);
    return Step::ended;
  }
  while (!idle_.empty() && started_ < options_.bytes) {
    start(device, *idle_.front());
    busy_.push_back(idle_.front());
    idle_.pop_front();
  }
  return landed ? Step::again : Step::device;
}

void KernelDigest::block(Device& device)
{
  if (where_ != Where::device) { return HostDigest::block(device); }
  if (busy_.empty()) { return; }
  device.check(device.driver().cuEventSynchronize(busy_.front()->slot->event), "cuEventSynchronize");
}

bool KernelDigest::settled(Device& device) noexcept
{
  if (!HostDigest::settled(device)) { return false; }
  scratch_.abandon(device);
  return true;
}

void KernelDigest::start(Device& device, Lane& lane)
{
  auto const bytes = std::min(per_slice_, options_.bytes - started_);
  auto const with_leaves = (options_.flags & VR_DIGEST_LEAVES) != 0;
  auto const tree = options_.algorithm == VR_FSVERITY_SHA256;
  lane.slice = tree ? Slice::of_tree(started_, bytes, options_.bytes, options_.salt_bytes > 0, with_leaves)
                    : Slice::of_chunks(started_, bytes, options_.bytes);
  auto const& slice = lane.slice;
  auto const data = uses.front().allocation->address() + options_.offset;
  auto const out = lane.address;
  auto const leaf_bytes = slice.items * digest::kDigestBytes;
  auto const first = slice.begin / (tree ? digest::kFsVerityBlockBytes : digest::kBlake3ChunkBytes);
  SliceHeader header;
  header.segments[0] = {data, options_.bytes, 0, biased(out + slice.leaves, first)};
  header.segments[1] = {out + slice.leaves, leaf_bytes, 0, out + slice.level1};
  header.segments[2] = {data, options_.bytes, 0, biased(out, first)};
  header.segments[3] = {out, leaf_bytes, 0, out + slice.salted_level1};

  auto const& driver = device.driver();
  auto const front = kSliceFront + slice.back_bytes();
  lane.slot->dirty = std::max<std::size_t>(lane.slot->dirty, front);
  std::memcpy(lane.slot->data, &header, sizeof header);
  std::memset(lane.slot->data + kSliceFront, kPoison, slice.back_bytes());
  auto const sent = out + slice.out_bytes;
  device.check(driver.cuMemsetD8Async(out, kPoison, slice.out_bytes, lane.stream), "cuMemsetD8Async");
  device.check(driver.cuMemcpyHtoDAsync_v2(sent, lane.slot->data, sizeof header, lane.stream), "cuMemcpyHtoDAsync");
  auto const* const segments = reinterpret_cast<kernels::Segment const*>(sent);
  tree ? launch_tree(device, lane, segments) : launch_chunks(device, lane, segments);
  kernels::PoisonArguments const check{out, slice.out_bytes, sent + offsetof(SliceHeader, report), kPoisonWord, 0};
  device.kernels().launch(driver, Kernel::poison_check, slice.out_bytes / 16, lane.stream, check);
  device.check(driver.cuMemcpyDtoHAsync_v2(lane.slot->data + kSliceFront, out + slice.wanted, slice.back_bytes(), lane.stream),
               "cuMemcpyDtoHAsync");
  device.check(driver.cuEventRecord(lane.slot->event, lane.stream), "cuEventRecord");
  started_ += bytes;
}

/// Leaves and level 1, plain and under the salt: a level is hashed like data.
void KernelDigest::launch_tree(Device& device, Lane const& lane, kernels::Segment const* segments)
{
  auto const& slice = lane.slice;
  auto const first = slice.begin / digest::kFsVerityBlockBytes;
  auto const hash = [&](digest::BlockHasher const& hasher, std::size_t segment, std::uint64_t begin, std::uint64_t count) {
    if (count == 0) { return; }
    kernels::LeafArguments arguments{};
    arguments.segments = reinterpret_cast<std::uint64_t>(segments + segment);
    arguments.begin = begin;
    arguments.end = begin + count;
    arguments.segment_count = 1;
    arguments.message_bits = static_cast<std::uint32_t>(8 * (hasher.prefix_bytes() + digest::kFsVerityBlockBytes));
    std::ranges::copy(hasher.midstate().words, arguments.midstate);
    device.kernels().launch(device.driver(), Kernel::fsverity_leaves, count, lane.stream, arguments);
  };
  hash(plain_hasher_, 0, first, slice.items);
  hash(plain_hasher_, 1, 0, slice.groups);
  if (!slice.salted) { return; }
  hash(salted_hasher_, 2, first, slice.items);
  hash(salted_hasher_, 3, 0, slice.groups);
}

void KernelDigest::launch_chunks(Device& device, Lane const& lane, kernels::Segment const* segments)
{
  auto const& slice = lane.slice;
  auto const& module = device.kernels();
  auto const first = slice.begin / digest::kBlake3ChunkBytes;
  kernels::ChunkArguments const chunks{reinterpret_cast<std::uint64_t>(segments), first, first + slice.items, 1, 0};
  module.launch(device.driver(), Kernel::blake3_chunks, slice.items, lane.stream, chunks);
  auto children = lane.address;
  auto count = slice.items;
  for (std::uint64_t level = 0; level < slice.groups; level += 1) {
    auto const joined = (count + 1) / 2;
    auto const out = children + count * digest::kDigestBytes;
    kernels::ParentArguments const parents{children, count, out};
    module.launch(device.driver(), Kernel::blake3_parents, joined, lane.stream, parents);
    children = out;
    count = joined;
  }
}

void KernelDigest::collect(Lane const& lane)
{
  auto const& slice = lane.slice;
  auto const* const back = lane.slot->data + kSliceFront;
  SliceHeader sent;
  std::memcpy(&sent, lane.slot->data, sizeof sent);
  require_written(slice, sent, back);
  auto const append = [&](std::vector<std::uint8_t>& to, std::uint64_t from, std::uint64_t until) {
    to.insert(to.end(), back + (from - slice.wanted), back + (until - slice.wanted));
  };
  if (options_.algorithm == VR_BLAKE3) { return append(values_, slice.wanted, slice.out_bytes); }
  if ((options_.flags & VR_DIGEST_LEAVES) != 0) { append(leaves_, slice.leaves, slice.salted_level1); }
  if (slice.groups == 0) {
    // Of a single block: the leaves stand for level 1.
    append(salted_level1_, 0, slice.leaves);
    return append(level1_, slice.leaves, slice.salted_level1);
  }
  append(salted_level1_, slice.salted_level1, slice.level1);
  append(level1_, slice.level1, slice.out_bytes);
}

void KernelDigest::finish_here(Device& device)
{
  put_slots(device);
  scratch_.release(device);
  Result result;
  result.engine = device.kernels().engine();
  if (options_.algorithm == VR_BLAKE3) {
    result.whole = digest::blake3_fold(digest::fastest(), values_);
  } else {
    result.whole = digest::fsverity_fold(plain_hasher_, level1_, options_.bytes);
    if (options_.salt_bytes > 0) {
      result.salted = digest::fsverity_fold(salted_hasher_, salted_level1_, options_.bytes);
    }
  }
  result.level1 = std::move(level1_);
  result.leaves = std::move(leaves_);
  conclude(std::move(result));
}

}  // namespace vram_residency
