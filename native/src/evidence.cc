// SPDX-License-Identifier: Apache-2.0
/// What the driver says of one allocation. Asked anew every time: nothing here is remembered.

#include <algorithm>
#include <optional>

#include "operations.h"

namespace vram_residency {

namespace {

/// The driver's answers about one byte.
class PointerFacts {
 public:
  PointerFacts(Device const& device, cu::DevicePointer address) : device_{device}, address_{address} {}

  /// One attribute, by the singular call: the plural one says "success" with defaults where it knows nothing.
  template <typename Value>
  std::optional<Value> ask(int attribute) const
  {
    Value value{};
    auto const code = device_.driver().cuPointerGetAttribute(&value, attribute, address_);
    if (code == cu::kInvalidValue || code == cu::kNotSupported) { return std::nullopt; }
    device_.check(code, "cuPointerGetAttribute");
    return value;
  }

  std::int32_t yes_or_no(int attribute) const
  {
    auto const answer = ask<unsigned>(attribute);
    return answer ? std::int32_t{(*answer & 0xff) != 0} : VR_UNKNOWN;
  }

  std::int32_t memory_type() const
  {
    auto const type = ask<unsigned>(cu::kMemoryType);
    if (!type) { return VR_UNKNOWN; }
    // Managed memory may call itself device memory.
    if (yes_or_no(cu::kIsManaged) == 1) { return VR_MEMORY_MANAGED; }
    return *type == cu::kMemoryTypeDevice ? VR_MEMORY_DEVICE : *type == cu::kMemoryTypeHost ? VR_MEMORY_HOST : VR_UNKNOWN;
  }

  /// The query has to fail for device memory: an answer, whatever it is, is a host pointer.
  std::int32_t host_pointer() const { return ask<void*>(cu::kHostPointer).has_value() ? 1 : 0; }

 private:
  Device const& device_;
  cu::DevicePointer address_;
};

/// What three answers come to: the answer if they agree, the given worst one if any differs.
std::int32_t agreed(std::int32_t first, std::int32_t middle, std::int32_t last)
{
  return first == middle && middle == last ? first : VR_UNKNOWN;
}

/// For facts of which "yes" is the bad one.
std::int32_t worst(std::int32_t first, std::int32_t middle, std::int32_t last)
{
  if (std::max({first, middle, last}) > 0) { return std::max({first, middle, last}); }
  return std::min({first, middle, last});
}

void ask_pointers(Device const& device, Region const& region, vr_evidence& found)
{
  PointerFacts const first{device, region.address};
  PointerFacts const middle{device, region.address + region.bytes / 2};
  PointerFacts const last{device, region.address + region.bytes - 1};
  auto const each = [&](auto&& ask, auto&& combine) { return combine(ask(first), ask(middle), ask(last)); };

  // Any other memory than device memory is worse, and numbered higher.
  found.memory_type = each([](auto const& at) { return at.memory_type(); }, worst);
  found.managed = each([](auto const& at) { return at.yes_or_no(cu::kIsManaged); }, worst);
  found.host_pointer = each([](auto const& at) { return at.host_pointer(); }, worst);
  found.mapped = each([](auto const& at) { return at.yes_or_no(cu::kMapped); }, agreed);
  found.location_id = each([](auto const& at) { return at.template ask<int>(cu::kDeviceOrdinal).value_or(VR_UNKNOWN); }, agreed);
  auto const pool = first.ask<void*>(cu::kPoolHandle);
  found.pool = pool ? std::int32_t{*pool != nullptr} : VR_UNKNOWN;

  found.buffer_id = first.ask<unsigned long long>(cu::kBufferId).value_or(0);
  found.block_id = first.ask<unsigned long long>(cu::kMemoryBlockId).value_or(0);
  auto const one_buffer = each([](auto const& at) { return at.template ask<unsigned long long>(cu::kBufferId); },
                               [](auto a, auto b, auto c) { return a == b && b == c; });

  auto const start = first.ask<cu::DevicePointer>(cu::kRangeStart);
  auto const bytes = first.ask<std::size_t>(cu::kRangeSize);
  found.range_bytes = bytes.value_or(0);
  found.covers = VR_UNKNOWN;
  if (start && bytes) {
    auto const inside = *start <= region.address && region.address - *start <= *bytes &&
                        region.bytes <= *bytes - (region.address - *start);
    found.covers = inside && one_buffer;
  }
}

void ask_access(Device const& device, Region const& region, vr_evidence& found)
{
  found.host_access = VR_UNKNOWN;
  found.access = VR_ACCESS_UNENFORCED;
  if (!device.kind().enforces) { return; }

  auto const flags = [&](cu::DevicePointer address) -> std::int32_t {
    auto const answer = PointerFacts{device, address}.ask<unsigned>(cu::kAccessFlags);
    return answer ? static_cast<std::int32_t>(*answer) : VR_UNKNOWN;
  };
  found.access = agreed(flags(region.address), flags(region.address + region.bytes / 2),
                        flags(region.address + region.bytes - 1));

  cu::Location const host{cu::kLocationHost, 0};
  unsigned long long host_flags = 0;
  auto const code = device.driver().cuMemGetAccess(&host_flags, &host, region.address);
  if (code == cu::kSuccess) { found.host_access = static_cast<std::int32_t>(host_flags); }
  // A driver that knows no such place gives no access to it either, but has not said so.
  if (code != cu::kSuccess && is_sticky(code)) { device.check(code, "cuMemGetAccess"); }
}

/// What an allocation's own handle says, which is the most that the driver says at all.
std::int32_t location_at(Device& device, cu::DevicePointer address, vr_evidence& found)
{
  auto const& driver = device.driver();
  cu::AllocationHandle handle = 0;
  device.check(driver.cuMemRetainAllocationHandle(&handle, reinterpret_cast<void*>(address)),
               "cuMemRetainAllocationHandle");
  cu::AllocationProperties properties{};
  auto const answer = driver.cuMemGetAllocationPropertiesFromHandle(&properties, handle);
  auto const released = driver.cuMemRelease(handle);
  // Once more, and again later, or the memory could never be freed; that it failed is told all the same.
  if (released != cu::kSuccess && driver.cuMemRelease(handle) != cu::kSuccess) {
    Region held;
    held.handle = handle;
    held.created = true;
    device.keep(held);
  }
  device.check(answer, "cuMemGetAllocationPropertiesFromHandle");
  device.check(released, "cuMemRelease");

  found.handle_types = static_cast<std::uint32_t>(properties.handle_types);
  if (properties.type != cu::kTypePinned) { return VR_UNKNOWN; }
  switch (properties.location.type) {
    case cu::kLocationDevice:
      return properties.location.id == device.ordinal() ? VR_LOCATION_DEVICE : VR_UNKNOWN;
    case cu::kLocationHost:
      return VR_LOCATION_HOST;
    case cu::kLocationHostNuma:
    case cu::kLocationHostNumaCurrent:
      return VR_LOCATION_HOST_NUMA;
    default:
      return VR_UNKNOWN;
  }
}

}  // namespace

Step Evidence::step(Device& device)
{
  auto const& region = uses.front().allocation->region;
  vr_evidence found{};
  found.path = region.path;
  found.location = VR_UNKNOWN;
  ask_pointers(device, region, found);
  ask_access(device, region, found);
  if (region.path == VR_PATH_VMM) {
    auto const first = location_at(device, region.address, found);
    auto const last = location_at(device, region.address + region.bytes - 1, found);
    found.location = first == last ? first : std::max({first, last, VR_LOCATION_HOST});
  } else {
    cu::DevicePointer base = 0;
    std::size_t bytes = 0;
    device.check(device.driver().cuMemGetAddressRange_v2(&base, &bytes, region.address), "cuMemGetAddressRange");
    if (base > region.address || bytes < region.bytes || region.address - base > bytes - region.bytes) {
      found.covers = 0;
    }
    if (found.range_bytes == 0) { found.range_bytes = bytes; }
  }
  outcome.set_report(found);

  JsonObject seen;
  seen.boolean("fakeDriver", device.driver().fake());
  device.nvml().observe(device.nvml_handle(), seen);
  outcome.set_part(VR_PART_OBSERVATIONS, seen.str());
  return Step::ended;
}

}  // namespace vram_residency
