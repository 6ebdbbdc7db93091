// SPDX-License-Identifier: Apache-2.0
/// Flat JSON objects, for texts that a person or a log reads.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vram_residency {

/// A JSON string literal.
std::string json_string(std::string_view text);

/// Builds one object, in the order in which it is told.
class JsonObject {
 public:
  void text(std::string_view name, std::string_view value) { raw(name, json_string(value)); }
  void number(std::string_view name, std::int64_t value) { raw(name, std::to_string(value)); }
  void boolean(std::string_view name, bool value) { raw(name, value ? "true" : "false"); }
  /// Text, or null where it is empty.
  void text_or_null(std::string_view name, std::string_view value)
  {
    raw(name, value.empty() ? "null" : json_string(value));
  }
  void texts(std::string_view name, std::vector<std::string> const& values);
  void raw(std::string_view name, std::string_view json);

  std::string str() const { return "{" + members_ + "}"; }

 private:
  std::string members_;
};

}  // namespace vram_residency
