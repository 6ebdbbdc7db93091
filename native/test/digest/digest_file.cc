// SPDX-License-Identifier: Apache-2.0
/// `digest_file THREADS FILE`: prints the fs-verity digest of a file. What the bench measures.
#include "../../src/digest/file_digest.h"
#include "../../src/errors.h"

#include <cstdio>
#include <cstdlib>

using namespace vram_residency::digest;

int main(int count, char** words)
{
  if (count != 3) { return 2; }
  try {
    FileProgress progress;
    auto const file = open_source(words[2]);
    auto const threads = static_cast<unsigned>(std::atoi(words[1]));
    auto const result = digest_file(file.get(), {}, threads, progress);
    for (auto const octet : result.digest) { std::printf("%02x", octet); }
    std::printf("\n");
    return 0;
  } catch (vram_residency::Failure const& failure) {
    std::fprintf(stderr, "%s\n", vram_residency::text_of(failure.error.message).c_str());
    return 1;
  }
}
