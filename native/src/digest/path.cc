// SPDX-License-Identifier: Apache-2.0
#include "path.h"

#include <initializer_list>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace vram_residency::digest {
namespace {

#if defined(__x86_64__)

constexpr unsigned kSsse3 = 1u << 9;
constexpr unsigned kSse41 = 1u << 19;
constexpr unsigned kShaExtensions = 1u << 29;

/// Asked of the processor itself: the compiler's own list of features does not know SHA everywhere.
bool has_sha_ni() noexcept
{
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0) { return false; }
  if ((c & kSsse3) == 0 || (c & kSse41) == 0) { return false; }
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) { return false; }
  return (b & kShaExtensions) != 0;
}

bool probe(Path path) noexcept
{
  switch (path) {
    case Path::portable: return true;
    case Path::sha_ni: return has_sha_ni();
    case Path::avx2: return __builtin_cpu_supports("avx2") != 0;
    case Path::avx512: return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
             __builtin_cpu_supports("avx2") != 0;
  }
  return false;
}

#else

bool probe(Path path) noexcept { return path == Path::portable; }

#endif

struct Available {
  bool flags[4];
  Available() noexcept
  {
    for (auto path : kPaths) { flags[static_cast<int>(path)] = probe(path); }
  }
};

}  // namespace

char const* name_of(Path path) noexcept
{
  switch (path) {
    case Path::portable: return "portable";
    case Path::avx2: return "avx2";
    case Path::sha_ni: return "sha-ni";
    case Path::avx512: return "avx512";
  }
  return "unknown";
}

bool available(Path path) noexcept
{
  static Available const probed;
  return probed.flags[static_cast<int>(path)];
}

Path fastest() noexcept
{
  for (auto path : {Path::sha_ni, Path::avx512, Path::avx2}) {
    if (available(path)) { return path; }
  }
  return Path::portable;
}

}  // namespace vram_residency::digest
