// SPDX-License-Identifier: Apache-2.0
#include "fsverity.h"

#include "parallel.h"

#include <algorithm>
#include <stdexcept>

namespace vram_residency::digest {

FsVerity::FsVerity(FsVerityOptions const& options)
    : hasher_{options.path, options.salt}, keep_leaves_{options.keep_leaves}
{
}

void FsVerity::update(ByteView data)
{
  if (finished_) { throw std::logic_error{"a digest is used once"}; }
  result_.bytes += data.size();
  if (partial_bytes_ > 0) {
    auto const taken = std::min(data.size(), partial_.size() - partial_bytes_);
    std::copy_n(data.begin(), taken, partial_.begin() + partial_bytes_);
    partial_bytes_ += taken;
    data = data.subspan(taken);
    if (partial_bytes_ < partial_.size()) { return; }
    partial_bytes_ = 0;
    hash(partial_.data(), 1);
  }

  auto const blocks = data.size() / kFsVerityBlockBytes;
  hash(data.data(), blocks);
  auto const rest = data.subspan(blocks * kFsVerityBlockBytes);
  std::ranges::copy(rest, partial_.begin());
  partial_bytes_ = rest.size();
}

FsVerityResult FsVerity::finish()
{
  if (finished_) { throw std::logic_error{"a digest is used once"}; }
  if (partial_bytes_ > 0) {
    std::fill(partial_.begin() + partial_bytes_, partial_.end(), std::uint8_t{0});
    hash(partial_.data(), 1);
  }
  if (group_leaves_ > 0) { close_group(); }
  finished_ = true;
  result_.digest = fsverity_fold(hasher_, result_.level1, result_.bytes);
  return std::move(result_);
}

/// Hashes whole blocks straight into the open group, and closes each group that fills.
void FsVerity::hash(std::uint8_t const* blocks, std::size_t count)
{
  while (count > 0) {
    auto const run = std::min(count, kFsVerityGroupLeaves - group_leaves_);
    hasher_.blocks(blocks, run, &group_[group_leaves_ * kDigestBytes]);
    group_leaves_ += run;
    blocks += run * kFsVerityBlockBytes;
    count -= run;
    if (group_leaves_ == kFsVerityGroupLeaves) { close_group(); }
  }
}

void FsVerity::close_group()
{
  ByteView const leaves{group_.data(), group_leaves_ * kDigestBytes};
  auto const entry = fsverity_group(hasher_, leaves, fsverity_blocks(result_.bytes));
  result_.level1.insert(result_.level1.end(), entry.begin(), entry.end());
  if (keep_leaves_) { result_.leaves.insert(result_.leaves.end(), leaves.begin(), leaves.end()); }
  group_leaves_ = 0;
}

FsVerityParts::FsVerityParts(std::uint64_t bytes, FsVerityOptions const& options)
    : hasher_{options.path, options.salt},
      groups_{static_cast<std::size_t>(fsverity_groups(bytes))},
      taken_{std::make_unique<std::atomic<std::uint8_t>[]>(groups_)}
{
  result_.bytes = bytes;
  result_.level1.resize(groups_ * kDigestBytes);
  if (options.keep_leaves) { result_.leaves.resize(fsverity_blocks(bytes) * kDigestBytes); }
}

void FsVerityParts::add(std::uint64_t offset, ByteView data)
{
  bool const inside = offset <= result_.bytes && data.size() <= result_.bytes - offset;
  if (!inside || offset % kFsVerityGroupBytes != 0 ||
      (data.size() % kFsVerityGroupBytes != 0 && offset + data.size() != result_.bytes)) {
    throw std::invalid_argument{"a part is whole groups of 512 KiB, unless it ends the whole"};
  }

  std::array<std::uint8_t, kFsVerityBlockBytes> scratch;
  for (std::size_t at = 0; at < data.size(); at += kFsVerityGroupBytes) {
    auto const group = static_cast<std::size_t>((offset + at) / kFsVerityGroupBytes);
    if (taken_[group].exchange(1, std::memory_order_relaxed) != 0) {
      throw std::logic_error{"a part was added twice"};
    }
    auto const run = data.subspan(at, std::min(kFsVerityGroupBytes, data.size() - at));
    auto* const leaves =
        result_.leaves.empty() ? scratch.data() : &result_.leaves[group * kFsVerityGroupLeaves * kDigestBytes];
    hasher_.padded(run, leaves);
    ByteView const written{leaves, static_cast<std::size_t>(fsverity_blocks(run.size())) * kDigestBytes};
    auto const entry = fsverity_group(hasher_, written, fsverity_blocks(result_.bytes));
    std::ranges::copy(entry, &result_.level1[group * kDigestBytes]);
    written_.fetch_add(1, std::memory_order_release);
  }
}

FsVerityResult FsVerityParts::finish()
{
  if (written_.exchange(groups_ + 1, std::memory_order_acquire) != groups_) {
    throw std::logic_error{"a digest is finished once, when every part was added"};
  }
  result_.digest = fsverity_fold(hasher_, result_.level1, result_.bytes);
  return std::move(result_);
}

FsVerityResult fsverity(ByteView data, FsVerityOptions const& options, unsigned threads)
{
  FsVerityParts parts{data.size(), options};
  auto const groups = static_cast<std::size_t>(fsverity_groups(data.size()));
  run_parallel(threads, groups, [&](std::size_t group, std::size_t) {
    auto const at = group * kFsVerityGroupBytes;
    parts.add(at, data.subspan(at, std::min(kFsVerityGroupBytes, data.size() - at)));
    return true;
  });
  return parts.finish();
}

}  // namespace vram_residency::digest
