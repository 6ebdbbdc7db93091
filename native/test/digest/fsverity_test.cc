// SPDX-License-Identifier: Apache-2.0
#include "../../src/digest/fsverity.h"
#include "oracle.h"

#include <thread>

using namespace vram_residency::digest;
using harness::hex;
using harness::Random;

namespace {

constexpr std::size_t kGroup = kFsVerityGroupBytes;

/// Around every border of the tree that is small enough for the oracle.
std::size_t const kSizes[] = {0,          1,          4095,   4096,       4097,           8192, kGroup - 1,
                              kGroup,     kGroup + 1, 600000, 2 * kGroup, 2 * kGroup + 1, 3 * kGroup + 4096};

bool same(FsVerityResult const& result, oracle::Tree const& tree, std::uint64_t bytes, bool leaves)
{
  return hex(result.digest) == hex(tree.digest) && result.level1 == oracle::level1(tree) && result.bytes == bytes &&
         result.leaves == (leaves ? tree.levels[0] : Bytes{});
}

FsVerityResult streamed(ByteView data, FsVerityOptions const& options, Random& random)
{
  FsVerity hash{options};
  std::size_t const most[] = {1, 100, 4096, 5000, 3 * kGroup};
  while (!data.empty()) {
    // Large data goes in steps of a thousand bytes at least, or the test takes for ever.
    auto const least = data.size() < 20000 ? 0 : 1000;
    auto const part = std::min(data.size(), least + random.below(most[random.below(5)] + 1));
    hash.update(data.first(part));
    data = data.subspan(part);
  }
  return hash.finish();
}

/// Groups in random order, in runs of random length.
FsVerityResult in_parts(ByteView data, FsVerityOptions const& options, Random& random)
{
  FsVerityParts parts{data.size(), options};
  std::vector<std::size_t> starts;
  for (std::size_t at = 0; at < data.size();) {
    starts.push_back(at);
    at += (1 + random.below(3)) * kGroup;
  }
  starts.push_back(data.size());
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i + 1 < starts.size(); ++i) { order.push_back(i); }
  for (std::size_t i = order.size(); i > 1; --i) { std::swap(order[i - 1], order[random.below(i)]); }
  for (auto const i : order) { parts.add(starts[i], data.subspan(starts[i], starts[i + 1] - starts[i])); }
  return parts.finish();
}

}  // namespace

TEST(nothing_has_the_digest_of_the_specification)
{
  CHECK(hex(fsverity({}).digest) == "3d248ca542a24fc62d1c43b916eae5016878e2533c88238480b26128a1f1af95");
  Bytes const abc{'a', 'b', 'c'};
  CHECK(hex(fsverity(abc).digest).starts_with("700b6bd8510f0b4f9bac8b9cf0459151a1c4a99f467892bb4bd289a67df8e19c"));
}

TEST(every_size_salt_path_and_way_in_gives_the_tree_of_the_specification)
{
  Random random{10};
  for (auto const size : kSizes) {
    auto const offset = random.below(64);
    auto const data = random.bytes(size + offset);
    auto const whole = ByteView{data}.subspan(offset);
    for (auto const salt_bytes : {std::size_t{0}, 1 + random.below(31), std::size_t{32}}) {
      auto const salt = random.bytes(salt_bytes);
      auto const tree = oracle::fsverity(whole, salt);
      for (auto const path : kPaths) {
        if (!available(path)) { continue; }
        for (bool const leaves : {false, true}) {
          FsVerityOptions const options{salt, leaves, path};
          CHECK(same(streamed(whole, options, random), tree, size, leaves));
          CHECK(same(in_parts(whole, options, random), tree, size, leaves));
          CHECK(same(fsverity(whole, options, 1), tree, size, leaves));
          CHECK(same(fsverity(whole, options, 3), tree, size, leaves));
        }
      }
    }
  }
}

TEST(every_length_of_salt_counts)
{
  Random random{11};
  auto const data = random.bytes(3 * 4096 + 17);
  auto const salt = random.bytes(32);
  for (std::size_t bytes = 0; bytes <= 32; ++bytes) {
    auto const part = ByteView{salt}.first(bytes);
    CHECK(hex(fsverity(data, {part}).digest) == hex(oracle::fsverity(data, part).digest));
  }
  CHECK(harness::throws([&] { fsverity(data, {random.bytes(33)}); }));
}

TEST(random_lengths_match_the_specification)
{
  Random random{12};
  for (int round = 0; round < harness::tries(40); ++round) {
    auto const data = random.bytes(random.below(3 * 4096 * 20));
    auto const salt = random.bytes(random.below(33));
    CHECK(same(streamed(data, {salt, true}, random), oracle::fsverity(data, salt), data.size(), true));
  }
}

TEST(four_levels_come_out_the_same_on_every_way_in)
{
  // 128^2 blocks and one byte: the smallest tree in which level 2 has more than one entry.
  std::size_t const size = 128 * kGroup + 1;
  Random random{13};
  auto const data = random.bytes(size);
  auto const one = fsverity(data, {{}, true}, 1);
  auto const tree = [&] {
    // Levels above the leaves by the oracle: the leaves themselves are compared in smaller trees.
    oracle::Tree made;
    made.levels = {one.leaves};
    while (made.levels.back().size() > 32) { made.levels.push_back(oracle::hash_level(made.levels.back(), {})); }
    return made;
  }();
  CHECK(tree.levels.size() == 4);
  CHECK(one.level1 == tree.levels[1]);
  Bytes descriptor{1, 1, 12, 0, 0, 0, 0, 0};
  for (int i = 0; i < 8; ++i) { descriptor.push_back(static_cast<std::uint8_t>(std::uint64_t{size} >> 8 * i)); }
  descriptor.insert(descriptor.end(), tree.levels[3].begin(), tree.levels[3].end());
  descriptor.resize(256);
  CHECK(hex(one.digest) == hex(oracle::sha256(descriptor)));

  for (auto const& other : {fsverity(data, {{}, true}, 4), streamed(data, {{}, true}, random)}) {
    CHECK(hex(other.digest) == hex(one.digest));
    CHECK(other.leaves == one.leaves && other.level1 == one.level1);
  }
}

TEST(leaves_give_level_1_and_level_1_gives_the_digest)
{
  Random random{14};
  for (auto const size : kSizes) {
    auto const data = random.bytes(size);
    auto const salt = random.bytes(random.below(33));
    auto const result = fsverity(data, {salt, true});
    BlockHasher const hasher{fastest(), salt};
    CHECK(fsverity_level1(hasher, result.leaves) == result.level1);
    CHECK(fsverity_fold(hasher, result.level1, size) == result.digest);
    CHECK(harness::throws([&] { fsverity_fold(hasher, result.level1, size + kGroup); }));
    CHECK(size == 0 || harness::throws([&] { fsverity_fold(hasher, ByteView{result.level1}.first(31), size); }));
  }
}

TEST(one_flipped_bit_is_found_in_its_leaf_and_its_group)
{
  Random random{15};
  auto data = random.bytes(2 * kGroup + 777);
  auto const salt = random.bytes(9);
  auto const clean = fsverity(data, {salt, true});
  BlockHasher const hasher{fastest(), salt};
  for (int round = 0; round < harness::tries(100'000); ++round) {
    auto const at = random.below(data.size());
    auto const block = at / kFsVerityBlockBytes;
    auto const group = at / kGroup;
    auto const bit = static_cast<std::uint8_t>(1u << random.below(8));
    data[at] ^= bit;
    // Of the 257 blocks only the one that was touched is hashed again: the others are as they were.
    auto const start = block * kFsVerityBlockBytes;
    auto leaves = clean.leaves;
    hasher.padded(ByteView{data}.subspan(start, std::min(kFsVerityBlockBytes, data.size() - start)),
                  &leaves[block * kDigestBytes]);
    auto const level1 = fsverity_level1(hasher, leaves);
    CHECK(differing_digests(clean.leaves, leaves) == std::vector<std::uint64_t>{block});
    CHECK(differing_digests(clean.level1, level1) == std::vector<std::uint64_t>{group});
    CHECK(fsverity_fold(hasher, level1, data.size()) != clean.digest);
    data[at] ^= bit;
  }
  CHECK(fsverity(data, {salt}).digest == clean.digest);
}

TEST(a_tree_refuses_what_has_another_shape)
{
  BlockHasher const hasher{fastest(), {}};
  Bytes const digests(129 * 32);
  ByteView const view{digests};
  CHECK(harness::throws([&] { fsverity_group(hasher, view, 1000); }));
  CHECK(harness::throws([&] { fsverity_group(hasher, view.first(0), 1000); }));
  CHECK(harness::throws([&] { fsverity_group(hasher, view.first(33), 1000); }));
  CHECK(harness::throws([&] { fsverity_group(hasher, view.first(64), 1); }));
  CHECK(harness::throws([&] { fsverity_level1(hasher, view.first(31)); }));
  CHECK(harness::throws([&] { differing_digests(view.first(32), view.first(64)); }));
  CHECK(harness::throws([&] { differing_digests(view.first(31), view.first(31)); }));
}

TEST(parts_are_whole_groups_once_and_all)
{
  Bytes const data(2 * kGroup + 5);
  ByteView const whole{data};
  FsVerityParts parts{data.size()};
  CHECK(harness::throws([&] { parts.add(4096, whole.first(kGroup)); }));
  CHECK(harness::throws([&] { parts.add(0, whole.first(kGroup - 1)); }));
  CHECK(harness::throws([&] { parts.add(2 * kGroup, whole.first(kGroup)); }));
  CHECK(harness::throws([&] { parts.add(2 * kGroup, whole.first(4)); }));
  CHECK(harness::throws([&] { parts.add(~std::uint64_t{0} / kGroup * kGroup, whole.first(kGroup)); }));
  parts.add(0, whole.first(kGroup));
  CHECK(harness::throws([&] { parts.add(0, whole.first(kGroup)); }));
  parts.add(2 * kGroup, whole.subspan(2 * kGroup));
  CHECK(harness::throws([&] { parts.finish(); }));
}

TEST(a_stream_is_used_once)
{
  FsVerity hash;
  hash.finish();
  CHECK(harness::throws([&] { hash.update({}); }));
  CHECK(harness::throws([&] { hash.finish(); }));
}

TEST(readers_may_add_their_parts_at_the_same_time)
{
  Random random{16};
  auto const data = random.bytes(40 * kGroup + 99);
  auto const expected = fsverity(data, {{}, true});
  FsVerityParts parts{data.size(), {{}, true}};
  std::vector<std::thread> readers;
  for (std::size_t reader = 0; reader < 4; ++reader) {
    readers.emplace_back([&, reader] {
      for (auto at = reader * kGroup; at < data.size(); at += 4 * kGroup) {
        parts.add(at, ByteView{data}.subspan(at, std::min(kGroup, data.size() - at)));
      }
    });
  }
  for (auto& reader : readers) { reader.join(); }
  auto const result = parts.finish();
  CHECK(result.digest == expected.digest);
  CHECK(result.leaves == expected.leaves && result.level1 == expected.level1);
}
