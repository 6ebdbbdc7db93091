// SPDX-License-Identifier: Apache-2.0
/// What the exported functions share: the live contexts, and checks of what a caller hands over.
#pragma once

#include <map>

#include "context.h"

namespace vram_residency {

inline constexpr std::uint64_t kBytesMax = std::uint64_t{1} << 53;

/// Live contexts.
class Contexts {
 public:
  std::uint64_t add(std::shared_ptr<Context> context)
  {
    std::scoped_lock const lock{mutex_};
    last_ += 1;
    live_.emplace(last_, std::move(context));
    return last_;
  }
  std::shared_ptr<Context> find(std::uint64_t id)
  {
    std::scoped_lock const lock{mutex_};
    auto const found = live_.find(id);
    require(found != live_.end(), VR_ECLOSED, "no such context: it was closed, or never opened");
    return found->second;
  }
  std::shared_ptr<Context> remove(std::uint64_t id)
  {
    auto context = find(id);
    std::scoped_lock const lock{mutex_};
    require(live_.erase(id) == 1, VR_ECLOSED, "the context is being closed");
    return context;
  }

 private:
  std::mutex mutex_;
  std::map<std::uint64_t, std::shared_ptr<Context>> live_;
  std::uint64_t last_ = 0;
};

/// The process's own. Never destroyed: a thread may still call when the process ends.
Contexts& contexts();

/// A path as a caller gave it; empty where there is none. @throws VR_EINVAL.
std::string path_of(std::uint8_t const* path, std::uint64_t bytes, bool absolute);

/// @throws VR_EINVAL when one of them is null.
template <typename... Pointers>
void require_pointers(Pointers const*... pointers)
{
  require(((pointers != nullptr) && ...), VR_EINVAL, "a pointer is null");
}

}  // namespace vram_residency
