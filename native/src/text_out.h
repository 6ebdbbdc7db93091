// SPDX-License-Identifier: Apache-2.0
/// Texts of any length on their way to the caller.
#pragma once

#include "errors.h"

namespace vram_residency {

/// Writes the length, and the text where it fits. @throws VR_EINVAL, VR_EBOUNDS.
inline void write_text(std::string_view text, std::uint8_t* text_out, std::uint64_t room, std::uint64_t* bytes_out)
{
  require(text_out != nullptr && bytes_out != nullptr, VR_EINVAL, "a pointer is null");
  *bytes_out = text.size();
  require(text.size() <= room, VR_EBOUNDS, "the text is longer than the room for it");
  std::memcpy(text_out, text.data(), text.size());
}

}  // namespace vram_residency
