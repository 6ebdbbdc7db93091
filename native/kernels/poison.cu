// SPDX-License-Identifier: Apache-2.0
/// Was all of an output written? Counts what was looked at, and what still holds the poison that was put there before.
#include "device.h"

VR_KERNEL(vr_poison_check, vram_residency::kernels::PoisonArguments const arguments)
{
  using namespace vram_residency::kernels;
  std::uint64_t checked = 0;
  std::uint64_t found = 0;
  VR_ROLLED
  for (auto at = thread_index(); at < arguments.bytes / 16; at += thread_count()) {
    auto const four = load_words4(arguments.address + at * 16);
    checked += 16;
    auto const other = (four.words[0] ^ arguments.poison) | (four.words[1] ^ arguments.poison) |
                       (four.words[2] ^ arguments.poison) | (four.words[3] ^ arguments.poison);
    if (other == 0) { found += 16; }
  }
  if (checked != 0) { add_to(arguments.report + 0, checked); }
  if (found != 0) { add_to(arguments.report + 8, found); }
}
