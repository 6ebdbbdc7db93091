// SPDX-License-Identifier: Apache-2.0
#include "kernel_slice.h"

#include <algorithm>

#include "digest/blake3.h"
#include "digest/fsverity_tree.h"
#include "kernel_module.h"
#include "scratch.h"

namespace vram_residency {

namespace {

constexpr std::uint64_t kDigest = digest::kDigestBytes;
/// From chunks of 1 KiB to subtrees of 512 KiB.
constexpr std::uint64_t kParentLevels = 9;

}  // namespace

Slice Slice::of_tree(std::uint64_t begin, std::uint64_t bytes, std::uint64_t total, bool salted, bool with_leaves)
{
  Slice made;
  made.begin = begin;
  made.bytes = bytes;
  made.items = digest::fsverity_blocks(bytes);
  made.groups = digest::fsverity_blocks(total) == 1 ? 0 : digest::fsverity_groups(bytes);
  made.salted = salted;
  made.leaves = salted ? made.items * kDigest : 0;
  made.salted_level1 = made.leaves + made.items * kDigest;
  made.level1 = made.salted_level1 + (salted ? made.groups * kDigest : 0);
  made.out_bytes = made.level1 + made.groups * kDigest;
  made.wanted = made.groups == 0 ? 0 : with_leaves ? made.leaves : made.salted_level1;
  return made;
}

Slice Slice::of_chunks(std::uint64_t begin, std::uint64_t bytes, std::uint64_t total)
{
  Slice made;
  made.begin = begin;
  made.bytes = bytes;
  made.items = bytes / digest::kBlake3ChunkBytes + (bytes % digest::kBlake3ChunkBytes != 0);
  made.groups = total > digest::kBlake3PartBytes ? kParentLevels : 0;
  auto count = made.items;
  for (std::uint64_t level = 0; level < made.groups; level += 1) {
    made.wanted += count * kDigest;
    count = (count + 1) / 2;
  }
  made.out_bytes = made.wanted + count * kDigest;
  return made;
}

void require_written(Slice const& slice, SliceHeader const& sent, std::uint8_t const* back)
{
  auto const out_bytes = slice.out_bytes - slice.wanted;
  SliceHeader header;
  std::memcpy(&header, back + out_bytes, sizeof header);
  if (header.report.checked_bytes != slice.out_bytes) { throw_unwritten("its output was not looked through"); }
  if (header.report.poisoned_bytes != 0) { throw_unwritten("some of its output was not written"); }
  if (std::memcmp(header.segments, sent.segments, sizeof sent.segments) != 0) {
    throw_unwritten("it was told other addresses than were sent");
  }
  // Also here: the copy may have left out what the device has.
  std::uint8_t poison[16];
  std::fill(std::begin(poison), std::end(poison), kPoison);
  for (std::uint64_t at = 0; at < out_bytes; at += sizeof poison) {
    if (std::memcmp(back + at, poison, sizeof poison) == 0) { throw_unwritten("some of its output did not come back"); }
  }
}

}  // namespace vram_residency
