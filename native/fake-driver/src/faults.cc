// SPDX-License-Identifier: Apache-2.0
#include "faults.h"

#include <algorithm>

namespace vrfake {
namespace {

constexpr size_t kNamesMax = 65536;

/// Errors are named only when there are some, so counting these would make the number of calls depend on the fault.
bool counted(std::string_view function)
{
  return function.starts_with("cu") && function != "cuGetErrorName" && function != "cuGetErrorString";
}

}  // namespace

void Faults::arm(Kind kind, char const* function, uint64_t nth, int64_t value, uint8_t mask)
{
  std::scoped_lock const lock{mutex_};
  armed_.push_back({kind, function == nullptr ? "" : function, nth, value, mask, nth == 0, false});
}

void Faults::disarm()
{
  std::scoped_lock const lock{mutex_};
  armed_.clear();
}

void Faults::reset()
{
  std::scoped_lock const lock{mutex_};
  armed_.clear();
  names_.clear();
  counts_.clear();
  calls_ = 0;
  fired_ = 0;
}

bool Faults::fires(Armed& fault)
{
  if (!fault.every && --fault.nth > 0) return false;
  fault.spent = !fault.every;
  ++fired_;
  return true;
}

CallFault Faults::on_call(char const* function)
{
  std::scoped_lock const lock{mutex_};
  ++counts_[function];
  if (counted(function)) {
    ++calls_;
    if (names_.size() < kNamesMax) names_.push_back(function);
  }
  CallFault result;
  for (auto& fault : armed_) {
    auto const of_calls = fault.kind == Kind::fail || fault.kind == Kind::stick || fault.kind == Kind::delay;
    auto const meant = fault.function.empty() ? counted(function) : fault.function == function;
    if (!of_calls || !meant || !fires(fault)) continue;
    if (fault.kind == Kind::delay) {
      result.delay_ms += static_cast<uint32_t>(fault.value);
    } else if (!result.code) {
      result.code = static_cast<int>(fault.value);
      result.sticky = fault.kind == Kind::stick;
    }
  }
  std::erase_if(armed_, [](Armed const& fault) { return fault.spent; });
  return result;
}

CopyFault Faults::on_copy(uint64_t bytes)
{
  std::scoped_lock const lock{mutex_};
  CopyFault result;
  for (auto& fault : armed_) {
    auto const of_copies =
        fault.kind == Kind::slow_copy || fault.kind == Kind::short_copy || fault.kind == Kind::flip_copy;
    if (!of_copies) continue;
    auto const amount = static_cast<uint64_t>(fault.value);
    // A copy too short to suffer the fault is counted, but the fault has not fired.
    if (fault.kind != Kind::slow_copy && amount >= bytes) {
      if (fault.nth > 0 && --fault.nth == 0) fault.spent = true;
      continue;
    }
    if (!fires(fault)) continue;
    if (fault.kind == Kind::slow_copy) result.delay_ms += static_cast<uint32_t>(amount);
    if (fault.kind == Kind::short_copy) result.moved_bytes = amount;
    if (fault.kind == Kind::flip_copy) {
      result.flip_offset = amount;
      result.flip_mask = fault.mask;
    }
  }
  std::erase_if(armed_, [](Armed const& fault) { return fault.spent; });
  return result;
}

bool Faults::on_launch()
{
  std::scoped_lock const lock{mutex_};
  bool idle = false;
  for (auto& fault : armed_)
    if (fault.kind == Kind::idle_launch && fires(fault)) idle = true;
  std::erase_if(armed_, [](Armed const& fault) { return fault.spent; });
  return idle;
}

uint64_t Faults::fired()
{
  std::scoped_lock const lock{mutex_};
  return fired_;
}

uint64_t Faults::calls()
{
  std::scoped_lock const lock{mutex_};
  return calls_;
}

uint64_t Faults::calls_of(std::string_view function)
{
  std::scoped_lock const lock{mutex_};
  auto const found = counts_.find(function);
  return found == counts_.end() ? 0 : found->second;
}

char const* Faults::call_name(uint64_t nth)
{
  std::scoped_lock const lock{mutex_};
  return nth == 0 || nth > names_.size() ? "" : names_[nth - 1];
}

}  // namespace vrfake
