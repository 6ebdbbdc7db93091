// SPDX-License-Identifier: Apache-2.0
#include "digest_operation.h"

#include <algorithm>

#include "kernel_digest.h"

namespace vram_residency {

digest::Algorithm algorithm_of(std::uint32_t algorithm)
{
  switch (algorithm) {
    case VR_SHA256:
      return digest::Algorithm::sha256;
    case VR_FSVERITY_SHA256:
      return digest::Algorithm::fsverity_sha256;
    case VR_BLAKE3:
      return digest::Algorithm::blake3;
    default:
      throw failure(VR_EINVAL, "no such algorithm");
  }
}

HostDigest::HostDigest(std::shared_ptr<Ticket> its_ticket, std::shared_ptr<Allocation> allocation,
                       vr_digest_options const& options)
    : ReadBack{std::move(its_ticket), options.algorithm != VR_FSVERITY_SHA256}, options_{options}
{
  uses.push_back({std::move(allocation), false});
  background = (options.flags & VR_DIGEST_BACKGROUND) != 0;
  ticket->bytes_total.store(options.bytes, std::memory_order_relaxed);
}

void HostDigest::begin(Device&)
{
  set_range(uses.front().allocation->address() + options_.offset, options_.bytes);
  if (options_.algorithm != VR_FSVERITY_SHA256) {
    stream_ = digest::begin({algorithm_of(options_.algorithm), {}, false, digest::fastest()});
    return;
  }
  plain_ = std::make_unique<TreeHash>(options_.bytes, digest::ByteView{});
  if (options_.salt_bytes > 0) {
    salted_ = std::make_unique<TreeHash>(options_.bytes, digest::ByteView{options_.salt, options_.salt_bytes});
  }
  if ((options_.flags & VR_DIGEST_LEAVES) != 0) {
    leaves_.resize(digest::fsverity_blocks(options_.bytes) * digest::kDigestBytes);
  }
}

void HostDigest::consume(std::uint64_t offset, std::uint8_t const* data, std::size_t bytes)
{
  if (stream_) { return stream_->update({data, bytes}); }
  std::array<std::uint8_t, kSlotLeafBytes> scratch;
  plain_->add(offset, {data, bytes}, scratch.data());
  if (!leaves_.empty()) {
    auto const leaf_bytes = digest::fsverity_blocks(bytes) * digest::kDigestBytes;
    std::copy_n(scratch.begin(), leaf_bytes, leaves_.begin() + static_cast<std::ptrdiff_t>(offset / 4096 * 32));
  }
  if (salted_) { salted_->add(offset, {data, bytes}, scratch.data()); }
}

void HostDigest::finish(Device&)
{
  Result result;
  result.whole = stream_ ? stream_->finish().digest : plain_->finish();
  if (salted_) { result.salted = salted_->finish(); }
  if (plain_) { result.level1 = plain_->level1(); }
  result.leaves = std::move(leaves_);
  conclude(std::move(result));
}

void HostDigest::conclude(Result result)
{
  vr_digest_report report{};
  report.bytes = options_.bytes;
  report.has = VR_HAS_RESIDENCY;
  report.engine = result.engine;
  std::copy(result.whole.begin(), result.whole.end(), report.residency);
  if (options_.salt_bytes > 0) {
    std::copy(result.salted.begin(), result.salted.end(), report.salted);
    report.has |= VR_HAS_SALTED;
  }
  if ((options_.flags & VR_DIGEST_LEVEL1) != 0) {
    report.level1_bytes = result.level1.size();
    outcome.parts[VR_PART_LEVEL1] = PrivateBytes{std::move(result.level1)};
  }
  if ((options_.flags & VR_DIGEST_LEAVES) != 0) {
    report.leaves_bytes = result.leaves.size();
    outcome.parts[VR_PART_LEAVES] = PrivateBytes{std::move(result.leaves)};
  }
  outcome.set_report(report);
}

std::shared_ptr<Operation> make_digest(Device&, std::shared_ptr<Ticket> ticket, std::shared_ptr<Allocation> allocation,
                                       vr_digest_options const& options)
{
  // SHA-256 is one long chain; the digest of nothing reads nothing; a single chunk of BLAKE3 is its root, and no kernel's.
  auto const on_host = (options.flags & VR_DIGEST_ON_HOST) != 0 || options.algorithm == VR_SHA256 || options.bytes == 0 ||
                       (options.algorithm == VR_BLAKE3 && options.bytes <= digest::kBlake3ChunkBytes);
  if (on_host) { return std::make_shared<HostDigest>(std::move(ticket), std::move(allocation), options); }
  return std::make_shared<KernelDigest>(std::move(ticket), std::move(allocation), options);
}

}  // namespace vram_residency
