// SPDX-License-Identifier: Apache-2.0
/// Against the programs that users have: sha256sum, fsverity, b3sum.
#include "../../src/digest/algorithm.h"
#include "temp_file.h"

using namespace vram_residency::digest;
using harness::hex;
using harness::Random;
using harness::TempFile;

namespace {

/// The first word that a command prints; empty when there is no such command.
std::string answer(std::string const& command)
{
  auto* const pipe = popen((command + " 2>/dev/null").c_str(), "r");
  char text[128]{};
  static_cast<void>(std::fscanf(pipe, "%127s", text));
  pclose(pipe);
  return text;
}

std::string ours(Options const& options, ByteView data)
{
  auto const stream = begin(options);
  stream->update(data);
  return hex(stream->finish().digest);
}

std::size_t const kSizes[] = {0, 1, 4095, 4096, 4097, 128 * 4096 - 1, 128 * 4096, 128 * 4096 + 1, 3'000'001};

bool have(char const* tool)
{
  if (!answer(std::string{"command -v "} + tool).empty()) { return true; }
  harness::skip(tool);
  return false;
}

}  // namespace

TEST(sha256sum_prints_the_same)
{
  if (!have("sha256sum")) { return; }
  Random random{30};
  for (auto const size : kSizes) {
    auto const data = random.bytes(size);
    TempFile const file{data};
    CHECK(answer("sha256sum < " + file.path()) == ours({.algorithm = Algorithm::sha256, .salt = {}}, data));
  }
}

TEST(b3sum_prints_the_same)
{
  if (!have("b3sum")) { return; }
  Random random{33};
  for (auto const size : kSizes) {
    auto const data = random.bytes(size);
    TempFile const file{data};
    CHECK(answer("b3sum --no-names " + file.path()) == ours({.algorithm = Algorithm::blake3, .salt = {}}, data));
  }
}

TEST(fsverity_digest_prints_the_same)
{
  if (!have("fsverity")) { return; }
  Random random{31};
  for (auto const size : kSizes) {
    auto const data = random.bytes(size);
    TempFile const file{data};
    CHECK(answer("fsverity digest --compact " + file.path()) == ours({}, data));
    auto const salt = random.bytes(1 + random.below(32));
    CHECK(answer("fsverity digest --compact --salt=" + hex(salt) + " " + file.path()) == ours({.salt = salt}, data));
  }
}

TEST(fsverity_digest_prints_the_same_for_a_tree_of_four_levels)
{
  if (!have("fsverity")) { return; }
  Random random{32};
  auto const data = random.bytes(128 * 128 * 4096 + 1);
  TempFile const file{data};
  CHECK(answer("fsverity digest --compact " + file.path()) == ours({}, data));
}
