// SPDX-License-Identifier: Apache-2.0
// Faults on demand, and the count of calls that they refer to. Has its own lock; never calls out while holding it.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace vrfake {

/// What one call is to suffer.
struct CallFault {
  uint32_t delay_ms = 0;
  std::optional<int> code;
  bool sticky = false;
};

/// What one copy is to suffer.
struct CopyFault {
  uint32_t delay_ms = 0;
  std::optional<uint64_t> moved_bytes;
  std::optional<uint64_t> flip_offset;
  uint8_t flip_mask = 0;
};

class Faults {
 public:
  enum class Kind { fail, stick, delay, slow_copy, short_copy, flip_copy, idle_launch };

  struct Armed {
    Kind kind;
    std::string function;  ///< Empty: any.
    uint64_t nth;          ///< Counts down; 0: every time.
    int64_t value = 0;     ///< Code, milliseconds or bytes.
    uint8_t mask = 0;
    bool every = false;
    bool spent = false;
  };

  void arm(Kind kind, char const* function, uint64_t nth, int64_t value, uint8_t mask = 0);
  void disarm();
  void reset();

  /// Counts a call of `function` and says what it suffers.
  CallFault on_call(char const* function);
  /// Counts a copy of `bytes`.
  CopyFault on_copy(uint64_t bytes);
  /// Counts a launch. Returns whether it does nothing.
  bool on_launch();

  uint64_t fired();
  uint64_t calls();
  uint64_t calls_of(std::string_view function);
  char const* call_name(uint64_t nth);

 private:
  bool fires(Armed& fault);

  std::mutex mutex_;
  std::vector<Armed> armed_;
  std::vector<char const*> names_;
  std::unordered_map<std::string_view, uint64_t> counts_;
  uint64_t calls_ = 0;
  uint64_t fired_ = 0;
};

}  // namespace vrfake
