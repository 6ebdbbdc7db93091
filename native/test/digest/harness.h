// SPDX-License-Identifier: Apache-2.0
/// Tests as plain programs: TEST(name) { CHECK(…); }, and a main that counts.
#pragma once

#include "../../src/digest/bytes.h"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>

namespace harness {

using vram_residency::digest::Bytes;
using vram_residency::digest::ByteView;

struct Case {
  char const* name;
  void (*body)();
};

inline std::vector<Case>& cases()
{
  static std::vector<Case> all;
  return all;
}

inline int failures = 0;
inline int skips = 0;

struct Register {
  Register(char const* name, void (*body)()) { cases().push_back({name, body}); }
};

/// Says that a test could not ask what it is there for.
inline void skip(char const* why)
{
  std::printf("  skipped: %s\n", why);
  ++skips;
}

inline std::string hex(ByteView bytes)
{
  std::string text;
  for (auto const octet : bytes) {
    text += "0123456789abcdef"[octet >> 4];
    text += "0123456789abcdef"[octet & 15];
  }
  return text;
}

/// How often a random test tries: a tenth of it where a sanitizer makes each try dear.
constexpr int tries(int count)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return count / 10;
#else
  return count;
#endif
}

/// Small, seeded, the same everywhere.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_{seed} {}

  std::uint64_t next()
  {
    state_ += 0x9e3779b97f4a7c15;
    auto z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  /// From 0 to `bound` - 1.
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(next() % bound); }

  Bytes bytes(std::size_t count)
  {
    Bytes made(count);
    for (std::size_t at = 0; at < count; at += 8) {
      auto const word = next();
      std::memcpy(&made[at], &word, std::min<std::size_t>(8, count - at));
    }
    return made;
  }

 private:
  std::uint64_t state_;
};

template <typename Body>
bool throws(Body&& body)
{
  try {
    body();
  } catch (std::exception const&) {
    return true;
  }
  return false;
}

}  // namespace harness

#define TEST(name)                                              \
  static void name();                                           \
  static harness::Register const register_##name{#name, &name}; \
  static void name()

#define CHECK(condition)                                                     \
  do {                                                                       \
    if (!(condition)) {                                                      \
      std::printf("  %s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
      ++harness::failures;                                                   \
      return;                                                                \
    }                                                                        \
  } while (false)

int main()
{
  int failed = 0;
  for (auto const& one : harness::cases()) {
    auto const before = harness::failures;
    one.body();
    if (harness::failures != before) {
      std::printf("failed: %s\n", one.name);
      ++failed;
    }
  }
  std::printf("%zu passed, %d failed, %d skipped\n", harness::cases().size() - failed, failed, harness::skips);
  return failed == 0 ? 0 : 1;
}
