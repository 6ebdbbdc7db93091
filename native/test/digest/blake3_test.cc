// SPDX-License-Identifier: Apache-2.0
#include "../../src/digest/blake3_paths.h"
#include "harness.h"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <thread>

using namespace vram_residency::digest;
using harness::hex;
using harness::Random;

namespace {

/// BLAKE3 as its paper defines it, by recursion over the whole message; nothing of it shared with src.
namespace paper {

using Value = std::array<std::uint32_t, 8>;

std::uint32_t rotated(std::uint32_t x, int n) { return (x >> n) | (x << (32 - n)); }

Value compress(Value const& h, Bytes block, std::uint64_t counter, std::uint32_t flags)
{
  static constexpr std::uint32_t iv[] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a};
  static constexpr int sigma[] = {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8};
  static constexpr int columns[8][4] = {{0, 4, 8, 12}, {1, 5, 9, 13}, {2, 6, 10, 14}, {3, 7, 11, 15},
                                        {0, 5, 10, 15}, {1, 6, 11, 12}, {2, 7, 8, 13}, {3, 4, 9, 14}};
  auto const length = static_cast<std::uint32_t>(block.size());
  block.resize(64);
  std::array<std::uint32_t, 16> m{};
  for (int i = 0; i < 64; ++i) { m[i / 4] |= std::uint32_t{block[i]} << 8 * (i % 4); }
  std::array<std::uint32_t, 16> v{};
  for (int i = 0; i < 8; ++i) { v[i] = h[i]; }
  for (int i = 0; i < 4; ++i) { v[8 + i] = iv[i]; }
  v[12] = static_cast<std::uint32_t>(counter);
  v[13] = static_cast<std::uint32_t>(counter >> 32);
  v[14] = length;
  v[15] = flags;
  for (int round = 0; round < 7; ++round) {
    for (int g = 0; g < 8; ++g) {
      auto &a = v[columns[g][0]], &b = v[columns[g][1]], &c = v[columns[g][2]], &d = v[columns[g][3]];
      a = a + b + m[2 * g];
      d = rotated(d ^ a, 16);
      c = c + d;
      b = rotated(b ^ c, 12);
      a = a + b + m[2 * g + 1];
      d = rotated(d ^ a, 8);
      c = c + d;
      b = rotated(b ^ c, 7);
    }
    auto const before = m;
    for (int i = 0; i < 16; ++i) { m[i] = before[sigma[i]]; }
  }
  Value out{};
  for (int i = 0; i < 8; ++i) { out[i] = v[i] ^ v[8 + i]; }
  return out;
}

Value node(ByteView data, std::uint64_t chunk, std::uint32_t root)
{
  Value h = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  if (data.size() <= 1024) {
    for (std::size_t at = 0; at == 0 || at < data.size(); at += 64) {
      auto const part = data.subspan(at, std::min<std::size_t>(64, data.size() - at));
      bool const last = at + 64 >= data.size();
      h = compress(h, {part.begin(), part.end()}, chunk, (at == 0 ? 1 : 0) | (last ? 2 | root : 0));
    }
    return h;
  }
  std::size_t left = 1024;
  while (left * 2 < data.size()) { left *= 2; }
  Bytes children;
  for (auto const& child : {node(data.first(left), chunk, 0), node(data.subspan(left), chunk + left / 1024, 0)}) {
    for (auto const word : child) {
      for (int i = 0; i < 4; ++i) { children.push_back(static_cast<std::uint8_t>(word >> 8 * i)); }
    }
  }
  return compress(h, children, 0, 4 | root);
}

std::string digest(ByteView data)
{
  Bytes bytes;
  for (auto const word : node(data, 0, 8)) {
    for (int i = 0; i < 4; ++i) { bytes.push_back(static_cast<std::uint8_t>(word >> 8 * i)); }
  }
  return hex(bytes);
}

}  // namespace paper

std::string streamed(Path path, ByteView data, Random& random)
{
  Blake3 hash{path};
  while (!data.empty()) {
    auto const part = std::min(data.size(), random.below(2) == 0 ? random.below(3000) : random.below(400'000));
    hash.update(data.first(part));
    data = data.subspan(part);
  }
  return hex(hash.finish());
}

std::string in_parts(Path path, ByteView data)
{
  Blake3Parts parts{data.size(), path};
  for (std::size_t end = data.size(); end > 0;) {
    auto const start = (end - 1) / kBlake3PartBytes * kBlake3PartBytes;
    parts.add(start, data.subspan(start, end - start));
    end = start;
  }
  return hex(parts.finish());
}

std::size_t const kSizes[] = {0,      1,      63,     64,     65,      1023,     1024,    1025,          2048,         2049,
                              3072,   4096,   15361,  16384,  17408,   31744,    65535,   65536,         65537,        131072,
                              131073, 196608, 262145, 524287, 524288,  524289,   1048576, 1048577,       1572864,      1572865,
                              3 * 524288 + 70000};

}  // namespace

TEST(every_size_path_and_way_in_gives_the_digest_of_the_paper)
{
  Random random{50};
  for (auto const size : kSizes) {
    auto const offset = random.below(64);
    auto const data = random.bytes(size + offset);
    auto const whole = ByteView{data}.subspan(offset);
    auto const expected = paper::digest(whole);
    for (auto const path : kPaths) {
      if (!available(path)) { continue; }
      CHECK(streamed(path, whole, random) == expected);
      CHECK(in_parts(path, whole) == expected);
    }
  }
}

TEST(random_lengths_give_the_digest_of_the_paper)
{
  Random random{51};
  for (int round = 0; round < harness::tries(100); ++round) {
    auto const data = random.bytes(random.below(300'000));
    CHECK(streamed(kPaths[random.below(2)], data, random) == paper::digest(data));
  }
}

TEST(the_published_vectors_hold)
{
  auto const* const folder = std::getenv("VRAM_VECTORS");
  std::ifstream file{std::string{folder == nullptr ? "../shared/vectors" : folder} + "/blake3.json"};
  if (!file) { return harness::skip("no blake3.json: 35 published vectors"); }
  std::string const text{std::istreambuf_iterator<char>{file}, {}};
  std::size_t count = 0;
  for (auto at = text.find("\"input_len\":"); at != std::string::npos; at = text.find("\"input_len\":", at + 1)) {
    auto const size = std::strtoul(&text[at + 12], nullptr, 10);
    auto const hash = text.find('"', text.find(':', text.find("\"hash\"", at))) + 1;
    Bytes data(size);
    for (std::size_t i = 0; i < size; ++i) { data[i] = static_cast<std::uint8_t>(i % 251); }
    CHECK(in_parts(fastest(), data) == text.substr(hash, 64));
    ++count;
  }
  CHECK(count == 35);
}

TEST(chunk_numbers_beyond_32_bits_count)
{
  // No message is that long here: chunks and the paper's node are asked directly.
  Random random{52};
  auto const data = random.bytes(33 * kBlake3ChunkBytes);
  for (auto const first : {std::uint64_t{0xfffffff9}, std::uint64_t{0x1'0000'0000}, std::uint64_t{0x123'4567'89ab}}) {
    for (auto const path : kPaths) {
      if (!available(path)) { continue; }
      Bytes out(33 * kDigestBytes);
      blake3_chunks(path, data.data(), 33, first, out.data());
      for (std::size_t i = 0; i < 33; ++i) {
        auto const value = paper::node(ByteView{data}.subspan(i * 1024, 1024), first + i, 0);
        CHECK(std::memcmp(value.data(), &out[i * kDigestBytes], kDigestBytes) == 0);
      }
    }
  }
}

TEST(parts_are_whole_once_and_all)
{
  Bytes const data(2 * kBlake3PartBytes + 1);
  ByteView const whole{data};
  Blake3Parts parts{data.size()};
  CHECK(harness::throws([&] { parts.add(1024, whole.first(kBlake3PartBytes)); }));
  CHECK(harness::throws([&] { parts.add(0, whole.first(1024)); }));
  CHECK(harness::throws([&] { parts.add(2 * kBlake3PartBytes, whole.first(kBlake3PartBytes)); }));
  parts.add(0, whole.first(kBlake3PartBytes));
  CHECK(harness::throws([&] { parts.add(0, whole.first(kBlake3PartBytes)); }));
  CHECK(harness::throws([&] { parts.finish(); }));
  CHECK(harness::throws([&] { blake3_fold(fastest(), whole.first(32)); }));
  CHECK(harness::throws([&] { blake3_fold(fastest(), whole.first(65)); }));
}

TEST(threads_may_add_parts_at_the_same_time)
{
  Random random{53};
  auto const data = random.bytes(9 * kBlake3PartBytes + 12345);
  Blake3Parts parts{data.size()};
  std::vector<std::thread> threads;
  for (std::size_t first = 0; first < 3; ++first) {
    threads.emplace_back([&, first] {
      for (auto at = first * kBlake3PartBytes; at < data.size(); at += 3 * kBlake3PartBytes) {
        parts.add(at, ByteView{data}.subspan(at, std::min(kBlake3PartBytes, data.size() - at)));
      }
    });
  }
  for (auto& thread : threads) { thread.join(); }
  CHECK(hex(parts.finish()) == streamed(Path::portable, data, random));
}
