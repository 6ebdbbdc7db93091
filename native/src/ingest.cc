// SPDX-License-Identifier: Apache-2.0
#include "ingest.h"

#include <algorithm>

#include "digest_operation.h"
#include "operations.h"

namespace vram_residency {

namespace {

constexpr std::size_t kPushSlots = 4;
/// Slots that a file leaves to others.
constexpr std::size_t kSpareSlots = 4;

std::size_t slots_for(std::uint64_t bytes, bool pushed, std::size_t available)
{
  auto const chunks = static_cast<std::size_t>((bytes + VR_SLOT_BYTES - 1) / VR_SLOT_BYTES);
  auto const share = pushed ? kPushSlots : available > 2 * kSpareSlots ? available - kSpareSlots : available;
  return std::max<std::size_t>(1, std::min(chunks, share));
}

}  // namespace

std::uint64_t leaf_room(std::uint64_t bytes) noexcept
{
  return (digest::fsverity_blocks(bytes) * digest::kDigestBytes + 4095) / 4096 * 4096;
}

Ingest::Ingest(std::shared_ptr<Ticket> its_ticket, Request const& request, std::unique_ptr<FileSource> file)
    : Staged{std::move(its_ticket)}, request_{request}, file_{std::move(file)}
{
  uses.push_back({request.allocation, true});
  if (request.leaves) { uses.push_back({request.leaves, true}); }
  ticket->bytes_total.store(request.allocation->bytes, std::memory_order_relaxed);
}

Step Ingest::step(Device& device)
{
  rethrow();
  if (!begun_ && !begin(device)) { return Step::waiting; }
  if (!file_) { ticket->push->require_sound(); }
  fill(device);
  auto const copied = copy(device);
  stream(device);
  auto const landed = land(device);
  auto const retired = retire(device);
  if (done_ == total() && (file_ || ticket->push->ended())) {
    finish(device);
    return Step::ended;
  }
  if (copied || landed || retired) { return Step::again; }
  auto const flying =
      std::any_of(chunks_.begin(), chunks_.end(), [](Chunk const& chunk) { return chunk.recorded && !chunk.landed; });
  return flying ? Step::device : Step::waiting;
}

bool Ingest::settled(Device& device) noexcept
{
  if (ticket->push) { ticket->push->close(outcome.error); }
  return Staged::settled(device);
}

void Ingest::block(Device& device)
{
  for (auto const& chunk : chunks_) {
    if (!chunk.recorded || chunk.landed) { continue; }
    device.check(device.driver().cuEventSynchronize(chunk.slot->event), "cuEventSynchronize");
    return;
  }
}

/// @returns false when it has to wait, for the file to be opened or for slots.
bool Ingest::begin(Device& device)
{
  if (!opening_) {
    require_writable(target());
    if (request_.leaves) { require_writable(*request_.leaves); }
    opening_ = true;
    // A disk may take its time: not on this thread.
    if (file_) {
      run_task(device, [this] {
        file_->open();
        opened_.store(true, std::memory_order_release);
      });
    } else {
      opened_.store(true, std::memory_order_relaxed);
    }
  }
  if (!opened_.load(std::memory_order_acquire)) { return false; }
  if (!take_slots(device, slots_for(total(), file_ == nullptr, device.ring().available()))) { return false; }
  begun_ = true;

  if (request_.algorithm == VR_FSVERITY_SHA256) {
    tree_ = std::make_unique<TreeHash>(total(), digest::ByteView{});
  } else {
    residency_ = digest::begin({algorithm_of(request_.algorithm), {}, false, digest::fastest()});
  }
  if (request_.identity) { identity_ = digest::begin({digest::Algorithm::sha256, {}, false, digest::fastest()}); }
  if (request_.leaves) {
    // The rest of the last block of leaves has to be zero: each 4096 bytes are the input of one level-1 digest.
    device.check(device.driver().cuMemsetD8Async(request_.leaves->address(), 0, leaf_room(total()), device.stream(0)),
                 "cuMemsetD8Async");
    device.check(device.driver().cuStreamSynchronize(device.stream(0)), "cuStreamSynchronize");
  }
  if (file_) {
    free_ = slots();
  } else {
    for (auto* const slot : slots()) { ticket->push->offer(slot); }
    device.tickets().post(*ticket, VR_EVENT_ROOM);
  }
  return true;
}

Ingest::Chunk& Ingest::add_chunk(Slot* slot, std::uint64_t offset, std::size_t bytes)
{
  auto& chunk = chunks_.emplace_back();
  chunk.slot = slot;
  chunk.offset = offset;
  chunk.bytes = bytes;
  return chunk;
}

void Ingest::fill(Device& device)
{
  if (!file_) {
    for (auto const& filled : ticket->push->collect()) {
      auto& chunk = add_chunk(filled.slot, filled.offset, filled.bytes);
      chunk.filled.store(true, std::memory_order_relaxed);
      if (tree_) {
        run_task(device, [this, &chunk] { hash_leaves(chunk); });
      }
    }
    return;
  }
  while (!free_.empty() && next_ < total()) {
    auto const bytes = static_cast<std::size_t>(std::min<std::uint64_t>(VR_SLOT_BYTES, total() - next_));
    auto& chunk = add_chunk(free_.back(), next_, bytes);
    free_.pop_back();
    next_ += bytes;
    chunk.slot->dirty = std::max(chunk.slot->dirty, bytes);
    run_task(device, [this, &chunk, &worker = device.worker()] {
      file_->read(chunk.offset, chunk.slot->data, chunk.bytes);
      chunk.filled.store(true, std::memory_order_release);
      if (!tree_) { return; }
      // The copy need not wait for the leaves.
      rouse(worker);
      hash_leaves(chunk);
    });
  }
}

void Ingest::hash_leaves(Chunk& chunk)
{
  tree_->add(chunk.offset, {chunk.slot->data, chunk.bytes}, chunk.slot->leaves());
  chunk.has_leaves.store(true, std::memory_order_release);
}

/// Starts the copies that can be started, data first, then leaves. @returns whether there was any.
bool Ingest::copy(Device& device)
{
  auto const& driver = device.driver();
  bool any = false;
  for (auto& chunk : chunks_) {
    if (chunk.recorded) { continue; }
    auto* const stream = device.stream(chunk.offset / VR_SLOT_BYTES);
    if (!chunk.copying && chunk.filled.load(std::memory_order_acquire)) {
      device.check(driver.cuMemcpyHtoDAsync_v2(target().address() + chunk.offset, chunk.slot->data, chunk.bytes, stream),
                   "cuMemcpyHtoDAsync");
      chunk.copying = true;
      any = true;
    }
    if (!chunk.copying) { continue; }
    if (request_.leaves) {
      if (!chunk.has_leaves.load(std::memory_order_acquire)) { continue; }
      auto const to = request_.leaves->address() + chunk.offset / 4096 * digest::kDigestBytes;
      auto const leaf_bytes = digest::fsverity_blocks(chunk.bytes) * digest::kDigestBytes;
      device.check(driver.cuMemcpyHtoDAsync_v2(to, chunk.slot->leaves(), leaf_bytes, stream), "cuMemcpyHtoDAsync");
    }
    device.check(driver.cuEventRecord(chunk.slot->event, stream), "cuEventRecord");
    chunk.recorded = true;
    any = true;
  }
  return any;
}

/// Notes which copies have come to their end. @returns whether there was any.
bool Ingest::land(Device& device)
{
  bool any = false;
  for (auto& chunk : chunks_) {
    if (!chunk.recorded || chunk.landed || !arrived(device, *chunk.slot)) { continue; }
    chunk.landed = true;
    any = true;
  }
  return any;
}

/// Hands the next chunk to the hashes that take one byte after the other.
void Ingest::stream(Device& device)
{
  if (!has_stream()) { return; }
  for (auto& chunk : chunks_) {
    if (!chunk.filled.load(std::memory_order_acquire)) { return; }
    if (!chunk.given_to_stream) {
      chunk.given_to_stream = true;
      run_task(device, [this, &chunk] {
        digest::ByteView const data{chunk.slot->data, chunk.bytes};
        if (identity_) { identity_->update(data); }
        if (residency_) { residency_->update(data); }
        chunk.streamed.store(true, std::memory_order_release);
      });
    }
    if (!chunk.streamed.load(std::memory_order_acquire)) { return; }
  }
}

/// Frees the slots of chunks that are on the device and in every hash. @returns whether there was any.
bool Ingest::retire(Device& device)
{
  bool any = false;
  while (!chunks_.empty()) {
    auto const& chunk = chunks_.front();
    auto const hashed = (!tree_ || chunk.has_leaves.load(std::memory_order_acquire)) &&
                        (!has_stream() || chunk.streamed.load(std::memory_order_acquire));
    if (!chunk.landed || !hashed) { break; }
    done_ += chunk.bytes;
    any = true;
    if (file_) {
      free_.push_back(chunk.slot);
    } else if (ticket->push->offer(chunk.slot)) {
      device.tickets().post(*ticket, VR_EVENT_ROOM);
    }
    auto const bytes = chunk.bytes;
    chunks_.pop_front();
    advance(device, bytes);
  }
  return any;
}

void Ingest::finish(Device& device)
{
  if (file_) { file_->require_unchanged(); }
  device.synchronise();
  if (ticket->push) { ticket->push->close(failure(VR_ESTALE, "the ingest has ended").error); }
  put_slots(device);

  vr_digest_report report{};
  report.bytes = total();
  report.has = VR_HAS_RESIDENCY;
  report.engine = VR_ENGINE_CPU;
  auto const residency = tree_ ? tree_->finish() : residency_->finish().digest;
  std::copy(residency.begin(), residency.end(), report.residency);
  if (identity_) {
    auto const identity = identity_->finish().digest;
    std::copy(identity.begin(), identity.end(), report.identity);
    report.has |= VR_HAS_IDENTITY;
  }
  if (tree_) {
    report.level1_bytes = tree_->level1().size();
    outcome.parts[VR_PART_LEVEL1] = PrivateBytes{tree_->level1()};
  }
  outcome.set_report(report);
}

}  // namespace vram_residency
