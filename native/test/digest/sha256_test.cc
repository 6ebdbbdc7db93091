// SPDX-License-Identifier: Apache-2.0
#include "../../src/digest/sha256_paths.h"
#include "oracle.h"

using namespace vram_residency::digest;
using harness::Random;
using harness::hex;

namespace {

ByteView view(std::string_view text) { return {reinterpret_cast<std::uint8_t const*>(text.data()), text.size()}; }

/// Every path this machine has; `body` runs once for each.
template <typename Body>
void each_path(Body&& body)
{
  for (auto const path : kPaths) {
    if (available(path)) { body(path); }
  }
}

}  // namespace

TEST(the_constants_are_roots_of_primes)
{
  for (int i = 0; i < 64; ++i) { CHECK(kSha256Rounds[i] == oracle::root_of_prime(i, 3)); }
  for (int i = 0; i < 8; ++i) { CHECK(kSha256Initial.words[i] == oracle::root_of_prime(i, 2)); }
}

TEST(known_answers_of_fips_180_hold_on_every_path)
{
  each_path([](Path path) {
    CHECK(hex(sha256({}, path)) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK(hex(sha256(view("abc"), path)) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(hex(sha256(view("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), path)) ==
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    CHECK(hex(sha256(Bytes(1'000'000, 'a'), path)) ==
          "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  });
}

TEST(a_processor_always_has_the_portable_path_and_takes_the_fastest)
{
  CHECK(available(Path::portable));
  CHECK(available(fastest()));
  for (auto const path : kPaths) { CHECK(!available(path) || path <= fastest()); }
}

TEST(every_length_around_two_blocks_matches_the_specification)
{
  Random random{1};
  for (std::size_t size = 0; size <= 130; ++size) {
    auto const data = random.bytes(size);
    auto const expected = hex(oracle::sha256(data));
    each_path([&](Path path) { CHECK(hex(sha256(data, path)) == expected); });
  }
}

TEST(a_stream_cut_anywhere_at_any_address_is_the_same)
{
  Random random{2};
  for (int round = 0; round < 200; ++round) {
    auto const offset = random.below(64);
    auto const data = random.bytes(offset + random.below(1000));
    auto const message = ByteView{data}.subspan(offset);
    auto const expected = hex(oracle::sha256({message.begin(), message.end()}));
    each_path([&](Path path) {
      Sha256 hash{path};
      for (auto rest = message; !rest.empty();) {
        auto const part = std::min(rest.size(), random.below(200));
        hash.update(rest.first(part));
        rest = rest.subspan(part);
      }
      CHECK(hex(hash.finish()) == expected);
    });
  }
}

TEST(pages_in_runs_of_every_length_are_hashed_each_by_itself)
{
  Random random{3};
  auto const data = random.bytes(41 * kPageBytes + 63);
  for (std::size_t offset : {0, 1, 4, 63}) {
    Bytes expected;
    for (std::size_t page = 0; page < 41; ++page) {
      auto const at = data.begin() + offset + page * kPageBytes;
      auto const digest = oracle::sha256({at, at + kPageBytes});
      expected.insert(expected.end(), digest.begin(), digest.end());
    }
    each_path([&](Path path) {
      for (std::size_t count = 0; count <= 41; ++count) {
        Bytes out(count * kDigestBytes + 1, 0xa5);
        sha256_pages(path, kSha256Initial, 0, &data[offset], count, out.data());
        CHECK(out.back() == 0xa5);
        out.pop_back();
        CHECK(std::equal(out.begin(), out.end(), expected.begin()));
      }
    });
  }
}

TEST(a_midstate_stands_for_its_prefix)
{
  Random random{4};
  auto const prefix = random.bytes(kSha256BlockBytes);
  auto const pages = random.bytes(19 * kPageBytes);
  each_path([&](Path path) {
    auto midstate = kSha256Initial;
    sha256_compress(path, midstate, prefix.data(), 1);
    Bytes out(19 * kDigestBytes);
    sha256_pages(path, midstate, prefix.size(), pages.data(), 19, out.data());
    for (std::size_t page = 0; page < 19; ++page) {
      auto message = prefix;
      message.insert(message.end(), pages.begin() + page * kPageBytes, pages.begin() + (page + 1) * kPageBytes);
      CHECK(hex(ByteView{out}.subspan(page * kDigestBytes, kDigestBytes)) == hex(oracle::sha256(message)));
    }
  });
}
