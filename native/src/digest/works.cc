// SPDX-License-Identifier: Apache-2.0
#include "works.h"

#include <unordered_map>

namespace vram_residency::digest {
namespace {

struct Table {
  std::mutex lock;
  std::uint64_t last = 0;
  std::unordered_map<std::uint64_t, std::shared_ptr<Work>> live;
};

/// Never destroyed: threads of the library may still run while the process ends.
Table& table()
{
  static auto* const only = new Table;
  return *only;
}

}  // namespace

std::uint64_t keep(std::shared_ptr<Work> work)
{
  std::scoped_lock const lock{table().lock};
  auto const handle = ++table().last;
  table().live.emplace(handle, std::move(work));
  return handle;
}

std::shared_ptr<Work> live(std::uint64_t handle)
{
  std::scoped_lock const lock{table().lock};
  auto const found = table().live.find(handle);
  require(found != table().live.end(), VR_ESTALE, "this digest is not live");
  return found->second;
}

std::shared_ptr<Work> forget(std::uint64_t handle)
{
  std::scoped_lock const lock{table().lock};
  auto const node = table().live.extract(handle);
  require(!node.empty(), VR_ESTALE, "this digest is not live");
  return node.mapped();
}

}  // namespace vram_residency::digest
