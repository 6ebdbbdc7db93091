// SPDX-License-Identifier: Apache-2.0
/// Is a wiped range zero? Counts what was looked at, and what was found.
#include "device.h"

namespace vram_residency::kernels {
namespace {

VR_DEVICE std::uint32_t non_zero_bytes(std::uint32_t word)
{
  std::uint32_t found = 0;
  VR_UNROLL
  for (int i = 0; i < 4; ++i) { found += (word >> 8 * i & 255) != 0; }
  return found;
}

}  // namespace
}  // namespace vram_residency::kernels

VR_KERNEL(vr_zero_check, vram_residency::kernels::ZeroArguments const arguments)
{
  using namespace vram_residency::kernels;
  std::uint64_t checked = 0;
  std::uint64_t found = 0;
  auto const whole = arguments.bytes / 16;
  VR_ROLLED
  for (auto at = thread_index(); at < whole; at += thread_count()) {
    auto const four = load_words4(arguments.address + at * 16);
    checked += 16;
    if ((four.words[0] | four.words[1] | four.words[2] | four.words[3]) != 0) {
      VR_UNROLL
      for (int i = 0; i < 4; ++i) { found += non_zero_bytes(four.words[i]); }
    }
  }
  if (thread_index() == 0) {
    VR_ROLLED
    for (auto at = whole * 16; at < arguments.bytes; ++at) {
      found += *reinterpret_cast<std::uint8_t const*>(arguments.address + at) != 0;
      ++checked;
    }
  }
  if (checked != 0) { add_to(arguments.report + 0, checked); }
  if (found != 0) { add_to(arguments.report + 8, found); }
}
