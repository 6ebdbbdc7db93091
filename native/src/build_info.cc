// SPDX-License-Identifier: Apache-2.0
/// What this build is made of.

#include "digest/path.h"
#include "json.h"
#include "kernel_module.h"
#include "text_out.h"

#ifndef VRAM_VERSION
#define VRAM_VERSION "0.0.0"
#endif

namespace {

std::string describe()
{
  vram_residency::JsonObject text;
  text.text("version", VRAM_VERSION);
  text.number("abi", VR_ABI_VERSION);
#if defined(__clang__)
  text.text("compiler", "clang " __clang_version__);
#else
  text.text("compiler", "gcc " __VERSION__);
#endif
  text.number("standard", __cplusplus);
#if defined(__x86_64__)
  text.text("architecture", "x86_64");
#elif defined(__aarch64__)
  text.text("architecture", "aarch64");
#else
  text.text("architecture", "other");
#endif
#if defined(__SANITIZE_ADDRESS__)
  text.text("sanitizer", "address");
#elif defined(__SANITIZE_THREAD__)
  text.text("sanitizer", "thread");
#else
  text.text_or_null("sanitizer", "");
#endif
  text.texts("kernels", vram_residency::kernel_targets());
  text.text("cpu", name_of(vram_residency::digest::fastest()));
  return text.str();
}

}  // namespace

extern "C" int32_t vr_build_info(uint8_t* text_out, uint64_t room, uint64_t* bytes_out)
{
  return vram_residency::at_boundary(
      [&] { vram_residency::write_text(describe(), text_out, room, bytes_out); });
}
