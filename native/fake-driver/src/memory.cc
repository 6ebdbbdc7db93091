// SPDX-License-Identifier: Apache-2.0
#include "memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <new>

namespace vrfake {
namespace {

constexpr uint64_t kPage = 4096;

/// The entry of an ordered table of ranges that contains `at`.
template <typename Table, typename Size>
typename Table::iterator containing(Table& table, typename Table::key_type at, Size size_of)
{
  auto found = table.upper_bound(at);
  if (found == table.begin()) return table.end();
  --found;
  return at - found->first < size_of(found->second) ? found : table.end();
}

void* closed(void* where, uint64_t bytes, int extra)
{
  return mmap(where, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | extra, -1, 0);
}

}  // namespace

Mapping* Memory::mapping_at(Address address)
{
  auto const found = containing(mappings, address, [](Mapping const& one) { return one.bytes; });
  return found == mappings.end() ? nullptr : &found->second;
}

std::map<Address, uint64_t>::iterator Memory::reservation_at(Address address)
{
  return containing(reservations, address, [](uint64_t bytes) { return bytes; });
}

std::map<uintptr_t, Pinned>::iterator Memory::pinned_at(uintptr_t address)
{
  return containing(pinned, address, [](Pinned const& one) { return one.bytes; });
}

std::map<uint64_t, std::shared_ptr<Block>> Memory::blocks() const
{
  std::map<uint64_t, std::shared_ptr<Block>> all;
  for (auto const& [handle, entry] : handles) all.emplace(entry.block->id, entry.block);
  for (auto const& [base, mapping] : mappings) all.emplace(mapping.block->id, mapping.block);
  return all;
}

uint64_t Memory::used_bytes(uint32_t device) const
{
  uint64_t sum = 0;
  // The driver carves small plain allocations out of 2 MiB pieces; a whole piece each is near enough.
  for (auto const& [id, block] : blocks())
    if (block->device == device && !block->managed) sum += block->vmm ? block->bytes : round_up(block->bytes, 2 * kMiB);
  return sum;
}

uint64_t Memory::pinned_bytes() const
{
  uint64_t sum = 0;
  for (auto const& [base, one] : pinned) sum += one.bytes;
  return sum;
}

Resolved Memory::resolve(Address address, uint64_t bytes, uint32_t device, bool write, bool host)
{
  Resolved result;
  auto const wanted = write ? kAccessReadWrite : kAccessRead;
  for (auto at = address; at - address < bytes;) {
    auto* const mapping = mapping_at(at);
    auto const left = bytes - (at - address);
    if (mapping == nullptr) {
      if (!host || result.device || reservation_at(at) != reservations.end())
        return result.reach = Reach::unmapped, result;
      result.segments.push_back({reinterpret_cast<std::byte*>(at), left, nullptr});
      break;
    }
    result.device = true;
    if ((mapping->access[device] & wanted) != wanted && result.reach == Reach::ok) result.reach = Reach::denied;
    auto const inside = at - mapping->base;
    auto const piece = std::min(left, mapping->bytes - inside);
    result.segments.push_back({mapping->block->alias() + mapping->offset + inside, piece, mapping->block});
    at += piece;
  }
  return result;
}

Address Memory::reserve(uint64_t bytes, uint64_t alignment, Address hint)
{
  auto const room = bytes + std::max(alignment, kPage);
  auto* const mapped = closed(reinterpret_cast<void*>(hint), room, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc{};
  auto const start = reinterpret_cast<Address>(mapped);
  auto const base = round_up(start, std::max(alignment, kPage));
  if (base > start) munmap(mapped, base - start);
  auto const end = base + round_up(bytes, kPage);
  if (end < start + room) munmap(reinterpret_cast<void*>(end), start + room - end);
  return base;
}

void Memory::release(Address base, uint64_t bytes) { munmap(reinterpret_cast<void*>(base), round_up(bytes, kPage)); }

void Memory::map(Mapping mapping)
{
  auto* const where = reinterpret_cast<void*>(mapping.base);
  auto const file_offset = static_cast<off_t>(mapping.offset);
  auto const size = round_up(mapping.bytes, kPage);
  if (mmap(where, size, PROT_NONE, MAP_SHARED | MAP_FIXED, mapping.block->descriptor(), file_offset) == MAP_FAILED)
    throw std::bad_alloc{};
  protect(mapping);
  mappings.emplace(mapping.base, std::move(mapping));
}

void Memory::unmap(std::map<Address, Mapping>::iterator found, bool check_wipe)
{
  auto const mapping = std::move(found->second);
  mappings.erase(found);
  closed(reinterpret_cast<void*>(mapping.base), round_up(mapping.bytes, kPage), MAP_FIXED);
  dropped(mapping.block, check_wipe);
}

void Memory::protect(Mapping const& mapping) const
{
  unsigned allowed = mapping.block->managed ? unsigned{kAccessReadWrite} : 0U;
  for (uint32_t device = 0; device < kDevicesMax; ++device)
    if (running_[device] > 0) allowed |= mapping.access[device];
  auto const protection = ((allowed & 1) != 0 ? PROT_READ : PROT_NONE) | ((allowed & 2) != 0 ? PROT_WRITE : PROT_NONE);
  mprotect(reinterpret_cast<void*>(mapping.base), round_up(mapping.bytes, kPage), protection);
}

void Memory::dropped(std::shared_ptr<Block> const& block, bool check_wipe)
{
  if (check_wipe && !block->managed && !blocks().contains(block->id)) dirty_bytes += block->nonzero_bytes();
}

void Memory::kernel_begins(uint32_t device)
{
  if (running_[device]++ > 0) return;
  for (auto const& [base, mapping] : mappings) protect(mapping);
}

void Memory::kernel_ends(uint32_t device)
{
  if (--running_[device] > 0) return;
  for (auto const& [base, mapping] : mappings) protect(mapping);
}

}  // namespace vrfake
