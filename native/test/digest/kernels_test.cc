// SPDX-License-Identifier: Apache-2.0
/// The text of the kernels, compiled for the host, against the digests of the CPU and the specification.
#include "../../kernels/host.h"
#include "../../src/digest/blake3.h"
#include "../../src/digest/fsverity.h"
#include "oracle.h"

#include <sys/mman.h>

using namespace vram_residency::digest;
using namespace vram_residency::kernels;
using harness::hex;
using harness::Random;

namespace {

/// Output memory of a launch: poisoned, 16-byte aligned, with a guard behind.
class Output {
 public:
  explicit Output(std::uint64_t digests) : bytes_(digests * 32), memory_(digests * 2 + 2, kPoison) {}

  std::uint64_t address() { return reinterpret_cast<std::uint64_t>(memory_.data()); }
  Bytes bytes() const
  {
    auto const* const from = reinterpret_cast<std::uint8_t const*>(memory_.data());
    return {from, from + bytes_};
  }
  bool guard_is_whole() const
  {
    return std::memcmp(&memory_.back(), &kPoison, 16) == 0 && std::memcmp(&memory_[memory_.size() - 2], &kPoison, 16) == 0;
  }
  /// Digests that no thread has written.
  std::size_t untouched() const
  {
    std::size_t count = 0;
    for (std::size_t at = 0; at < bytes_ / 16; ++at) { count += std::memcmp(&memory_[at], &kPoison, 16) == 0; }
    return count;
  }

 private:
  static constexpr Words4 kPoison{{0xdeadbeef, 0x0badf00d, 0xfeedface, 0xa5a5a5a5}};
  std::size_t bytes_;
  std::vector<Words4> memory_;
};

/// `size` bytes that begin `shift` bytes behind a multiple of 16, other bytes around them.
struct Shifted {
  std::vector<Words4> memory;
  std::size_t shift;
  std::size_t size;

  Shifted(Random& random, std::size_t shift, std::size_t size) : memory((shift + size) / 16 + 2), shift{shift}, size{size}
  {
    auto const fill = random.bytes(memory.size() * 16);
    std::memcpy(memory.data(), fill.data(), fill.size());
  }
  ByteView view() const { return {reinterpret_cast<std::uint8_t const*>(memory.data()) + shift, size}; }
  std::uint64_t address() const { return reinterpret_cast<std::uint64_t>(view().data()); }
};

LeafArguments leaf_arguments(BlockHasher const& hasher, std::vector<Segment> const& segments, std::uint64_t items)
{
  LeafArguments made{};
  made.segments = reinterpret_cast<std::uint64_t>(segments.data());
  made.end = items;
  made.segment_count = static_cast<std::uint32_t>(segments.size());
  made.message_bits = static_cast<std::uint32_t>(8 * (hasher.prefix_bytes() + kFsVerityBlockBytes));
  std::ranges::copy(hasher.midstate().words, made.midstate);
  return made;
}

/// One level, as a host would launch it: all segments at once.
Bytes level(BlockHasher const& hasher, std::uint64_t address, std::uint64_t bytes)
{
  auto const count = fsverity_blocks(bytes);
  Output out{count};
  std::vector<Segment> const segments{{address, bytes, 0, out.address()}};
  play(vr_fsverity_leaves, blocks_for(count), leaf_arguments(hasher, segments, count));
  return out.guard_is_whole() && out.untouched() == 0 ? out.bytes() : Bytes{};
}

std::size_t const kSizes[] = {1,   3,    63,   64,   65,    4095,  4096,
                              4097, 8191, 4100, 128 * 4096 - 1, 128 * 4096, 128 * 4096 + 1, 130 * 4096 + 2};

}  // namespace

TEST(leaves_and_level_1_match_at_every_alignment_size_and_salt)
{
  Random random{40};
  for (auto const size : kSizes) {
    for (std::size_t shift = 0; shift < 16; shift += size > 10000 ? 1 + random.below(8) : 1) {
      auto const salt = random.bytes(random.below(2) * (1 + random.below(32)));
      BlockHasher const hasher{fastest(), salt};
      Shifted const data{random, shift, size};
      auto const expected = fsverity(data.view(), {salt, true});

      auto const leaves = level(hasher, data.address(), size);
      CHECK(leaves == expected.leaves);
      auto const level1 = level(hasher, reinterpret_cast<std::uint64_t>(leaves.data()), leaves.size());
      CHECK(leaves.size() == 32 || level1 == expected.level1);
    }
  }
}

TEST(random_lengths_alignments_and_salts_match_the_specification)
{
  Random random{41};
  for (int round = 0; round < 60; ++round) {
    auto const salt = random.bytes(random.below(33));
    BlockHasher const hasher{fastest(), salt};
    Shifted const data{random, random.below(64), 1 + random.below(40000)};
    CHECK(level(hasher, data.address(), data.size) == oracle::fsverity(data.view(), salt).levels[0]);
  }
}

TEST(many_segments_in_one_launch_and_in_slices_are_each_their_own_tree)
{
  Random random{42};
  BlockHasher const hasher{fastest(), {}};
  for (int round = 0; round < 30; ++round) {
    std::vector<Shifted> shards;
    std::uint64_t total = 0;
    for (std::size_t count = 1 + random.below(12), i = 0; i < count; ++i) {
      shards.emplace_back(random, random.below(16), 1 + random.below(30000));
      total += fsverity_blocks(shards.back().size);
    }
    Output out{total};
    std::vector<Segment> segments;
    Bytes expected;
    std::uint64_t first = 0;
    for (auto const& shard : shards) {
      segments.push_back({shard.address(), shard.size, first, out.address() + 32 * first});
      first += fsverity_blocks(shard.size);
      auto const leaves = fsverity(shard.view(), {{}, true}).leaves;
      expected.insert(expected.end(), leaves.begin(), leaves.end());
    }
    auto arguments = leaf_arguments(hasher, segments, total);
    for (std::uint64_t begin = 0; begin < total;) {
      arguments.begin = begin;
      arguments.end = std::min(total, begin + 1 + random.below(200));
      play(vr_fsverity_leaves, blocks_for(arguments.end - begin), arguments);
      begin = arguments.end;
    }
    CHECK(out.bytes() == expected);
    CHECK(out.guard_is_whole() && out.untouched() == 0);
  }
}

TEST(segments_beyond_4_gib_are_read_and_written_where_they_lie)
{
  // Address space alone: only the pages at the end are ever touched.
  constexpr std::size_t kBytes = (std::size_t{9} << 30) + 12345;
  auto* const memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) { return harness::skip("no address space of 9 GiB"); }
  Random random{48};
  auto const tail = random.bytes(5 * 4096 + 12345 % 4096);
  auto* const end = static_cast<std::uint8_t*>(memory) + kBytes;
  std::memcpy(end - tail.size(), tail.data(), tail.size());

  BlockHasher const hasher{fastest(), {}};
  auto const total = fsverity_blocks(kBytes);
  auto const begin = total - 6;
  Output out{6};
  std::vector<Segment> const segments{
      {reinterpret_cast<std::uint64_t>(memory), kBytes, 0, out.address() - 32 * begin}};
  auto arguments = leaf_arguments(hasher, segments, total);
  arguments.begin = begin;
  play(vr_fsverity_leaves, 1, arguments);
  munmap(memory, kBytes);
  CHECK(out.bytes() == fsverity(tail, {{}, true}).leaves);
}

TEST(a_launch_that_is_too_small_leaves_its_poison)
{
  Random random{43};
  BlockHasher const hasher{fastest(), {}};
  Shifted const data{random, 0, 300 * 4096};
  Output out{300};
  std::vector<Segment> const segments{{data.address(), data.size, 0, out.address()}};
  play(vr_fsverity_leaves, blocks_for(300) - 1, leaf_arguments(hasher, segments, 300));
  CHECK(out.untouched() == 2 * (300 - 2 * kThreads));
}

TEST(a_bit_flipped_in_the_data_changes_its_leaf_alone)
{
  Random random{44};
  BlockHasher const hasher{fastest(), {}};
  Shifted data{random, 5, 3 * 4096 + 1000};
  auto const clean = level(hasher, data.address(), data.size);
  for (int round = 0; round < harness::tries(400); ++round) {
    auto const at = random.below(data.size);
    auto& octet = reinterpret_cast<std::uint8_t*>(data.memory.data())[data.shift + at];
    auto const bit = static_cast<std::uint8_t>(1u << random.below(8));
    octet ^= bit;
    CHECK(differing_digests(clean, level(hasher, data.address(), data.size)) == std::vector<std::uint64_t>{at / 4096});
    octet ^= bit;
  }
}

TEST(blake3_chunks_and_parents_fold_to_the_digest)
{
  Random random{46};
  for (int round = 0; round < harness::tries(300); ++round) {
    auto const size = 1025 + random.below(round % 10 == 0 ? 400'000 : 20'000);
    Shifted const data{random, random.below(64), size};
    auto count = (std::uint64_t{size} + kBlake3ChunkBytes - 1) / kBlake3ChunkBytes;
    Output chunks{count};
    std::vector<Segment> const segments{{data.address(), size, 0, chunks.address()}};
    for (std::uint64_t begin = 0, step = 1 + random.below(300); begin < count; begin += step) {
      ChunkArguments const arguments{reinterpret_cast<std::uint64_t>(segments.data()), begin,
                                     std::min(count, begin + step), 1, 0};
      play(vr_blake3_chunks, blocks_for(step), arguments);
    }
    CHECK(chunks.guard_is_whole() && chunks.untouched() == 0);

    auto values = chunks;
    while (count > 5) {
      Output parents{(count + 1) / 2};
      play(vr_blake3_parents, blocks_for((count + 1) / 2), ParentArguments{values.address(), count, parents.address()});
      CHECK(parents.guard_is_whole() && parents.untouched() == 0);
      values = parents;
      count = (count + 1) / 2;
    }
    Blake3 reference;
    reference.update(data.view());
    CHECK(blake3_fold(fastest(), values.bytes()) == reference.finish());
  }
}

TEST(blake3_chunks_of_many_segments_number_their_own)
{
  Random random{47};
  Shifted const one{random, 3, 5000}, two{random, 0, 3072};
  Output out{8};
  std::vector<Segment> const segments{{one.address(), one.size, 0, out.address()},
                                      {two.address(), two.size, 5, out.address() + 5 * 32}};
  play(vr_blake3_chunks, 1, ChunkArguments{reinterpret_cast<std::uint64_t>(segments.data()), 0, 8, 2, 0});
  auto const values = out.bytes();
  Blake3 first, second;
  first.update(one.view());
  second.update(two.view());
  CHECK(blake3_fold(fastest(), ByteView{values}.first(5 * 32)) == first.finish());
  CHECK(blake3_fold(fastest(), ByteView{values}.subspan(5 * 32)) == second.finish());
}

TEST(the_zero_check_counts_every_byte_and_finds_every_other)
{
  Random random{45};
  for (int round = 0; round < 200; ++round) {
    auto const size = random.below(5000);
    std::vector<Words4> memory(size / 16 + 1);
    auto* const bytes = reinterpret_cast<std::uint8_t*>(memory.data());
    bytes[size] = 1;  // not part of the range
    std::uint64_t planted = 0;
    for (auto count = size == 0 ? 0 : random.below(4); count > 0; --count) {
      auto& octet = bytes[random.below(size)];
      planted += octet == 0;
      octet = static_cast<std::uint8_t>(1 + random.below(255));
    }
    ZeroReport report{};
    ZeroArguments const arguments{reinterpret_cast<std::uint64_t>(bytes), size, reinterpret_cast<std::uint64_t>(&report)};
    play(vr_zero_check, 1 + random.below(3), arguments);
    CHECK(report.checked_bytes == size);
    CHECK(report.non_zero_bytes == planted);
  }
}

TEST(the_poison_check_finds_every_half_of_a_digest_that_was_not_written)
{
  Random random{46};
  constexpr std::uint32_t kPoison = 0x6b6b6b6b;
  for (int round = 0; round < 200; ++round) {
    auto const halves = 1 + random.below(600);
    std::vector<Words4> memory(halves, Words4{{kPoison, kPoison, kPoison, kPoison}});
    std::uint64_t left = 0;
    for (auto& half : memory) {
      auto const written = random.below(3) != 0;
      // One bit is enough to have been written.
      if (written) { half.words[random.below(4)] ^= 1u << random.below(32); }
      left += written ? 0 : 16;
    }
    PoisonReport report{};
    PoisonArguments const arguments{reinterpret_cast<std::uint64_t>(memory.data()), halves * 16,
                                    reinterpret_cast<std::uint64_t>(&report), kPoison, 0};
    play(vr_poison_check, 1 + random.below(3), arguments);
    CHECK(report.checked_bytes == halves * 16 && report.poisoned_bytes == left);
  }
}
