// SPDX-License-Identifier: Apache-2.0
#include "json.h"

#include <cstdio>

namespace vram_residency {

std::string json_string(std::string_view text)
{
  std::string literal = "\"";
  for (char const character : text) {
    auto const code = static_cast<unsigned char>(character);
    if (character == '"' || character == '\\') {
      literal += '\\';
      literal += character;
    } else if (code < 0x20) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", code);
      literal += escaped;
    } else {
      literal += character;
    }
  }
  return literal + '"';
}

void JsonObject::texts(std::string_view name, std::vector<std::string> const& values)
{
  std::string list = "[";
  for (auto const& value : values) {
    if (list.size() > 1) { list += ','; }
    list += json_string(value);
  }
  raw(name, list + "]");
}

void JsonObject::raw(std::string_view name, std::string_view json)
{
  if (!members_.empty()) { members_ += ','; }
  members_ += json_string(name);
  members_ += ':';
  members_ += json;
}

}  // namespace vram_residency
