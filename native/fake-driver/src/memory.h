// SPDX-License-Identifier: Apache-2.0
// Device memory: blocks of host memory, and where they are mapped in the address space that an application sees.
//
// A block is a memory file with two kinds of mappings. The alias is the driver's own and always writable: copies go through it.
// The mappings at device addresses are closed to everybody (an application that follows a device pointer crashes, as with a real
// device) and get the protection of their access flags only while a kernel runs. All functions here want State::mutex held.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "abi.h"
#include "config.h"

namespace vrfake {

/// Physical memory of one device.
class Block {
 public:
  /// @param poison See `poison_bytes` of the configuration. Throws std::bad_alloc when the host has no memory.
  Block(uint32_t device, uint64_t bytes, bool vmm, uint64_t poison);
  /// Takes a descriptor that another process exported, and its size.
  Block(uint32_t device, int descriptor, uint64_t bytes);
  ~Block();
  Block(Block const&) = delete;
  Block& operator=(Block const&) = delete;

  uint64_t const id;
  uint32_t const device;
  uint64_t const bytes;
  bool const vmm;
  bool managed = false;
  MemAllocationProp prop{};

  int descriptor() const { return descriptor_; }
  std::byte* alias() const { return alias_; }
  /// How many bytes are not zero. Holes in the file are not touched.
  uint64_t nonzero_bytes() const;

 private:
  void map_alias();

  int descriptor_ = -1;
  uint64_t mapped_bytes_ = 0;
  std::byte* alias_ = nullptr;
};

struct Mapping {
  Address base = 0;
  uint64_t bytes = 0;
  Address reservation = 0;  ///< 0 for plain memory.
  std::shared_ptr<Block> block;
  uint64_t offset = 0;
  uint64_t buffer_id = 0;
  uint64_t context = 0;  ///< That it was allocated in; 0 for VMM.
  bool sync_memops = false;
  std::array<unsigned, kDevicesMax> access{};
};

struct HandleEntry {
  std::shared_ptr<Block> block;
  uint64_t references = 1;
};

struct Pinned {
  uint64_t bytes = 0;
  unsigned flags = 0;
  bool registered = false;
  uint64_t context = 0;
  uint64_t buffer_id = 0;
};

/// Part of a range that lies in one block, or in host memory.
struct Segment {
  std::byte* data = nullptr;
  uint64_t bytes = 0;
  std::shared_ptr<Block> keepalive;
};

enum class Reach { ok, unmapped, denied };

struct Resolved {
  Reach reach = Reach::ok;
  bool device = false;  ///< Whether any of it is device memory.
  std::vector<Segment> segments;
};

/// The address space, and everything that holds memory.
class Memory {
 public:
  /// Live things, by device address or handle.
  std::map<Address, Mapping> mappings;
  std::map<Address, uint64_t> reservations;
  std::map<uint64_t, HandleEntry> handles;
  std::map<uintptr_t, Pinned> pinned;
  uint64_t pinned_peak = 0;
  uint64_t dirty_bytes = 0;
  uint64_t dirty_pinned_bytes = 0;

  /// The mapping, reservation or pinned range that contains `address`; null when none does.
  Mapping* mapping_at(Address address);
  std::map<Address, uint64_t>::iterator reservation_at(Address address);
  std::map<uintptr_t, Pinned>::iterator pinned_at(uintptr_t address);

  /// Every block that a handle or a mapping holds, by age.
  std::map<uint64_t, std::shared_ptr<Block>> blocks() const;
  uint64_t used_bytes(uint32_t device) const;
  uint64_t pinned_bytes() const;

  /// Finds where `bytes` at `address` lie for an access by `device`. What is no device memory counts as host memory
  /// when `host` says that host memory may be meant.
  Resolved resolve(Address address, uint64_t bytes, uint32_t device, bool write, bool host);

  /// Closed address space. Throws std::bad_alloc.
  Address reserve(uint64_t bytes, uint64_t alignment, Address hint);
  void release(Address base, uint64_t bytes);

  /// Maps `mapping.block` at `mapping.base`, which must be reserved, and takes the mapping into the table.
  void map(Mapping mapping);
  /// Takes a mapping out of the table; its addresses are closed again and stay reserved.
  void unmap(std::map<Address, Mapping>::iterator found, bool check_wipe);
  /// Sets the host's page protection of a mapping to what running kernels may do.
  void protect(Mapping const& mapping) const;

  /// Counts what was left in a block that nothing holds any more.
  void dropped(std::shared_ptr<Block> const& block, bool check_wipe);

  /// Opens device addresses for a kernel of `device`, and closes them after it.
  void kernel_begins(uint32_t device);
  void kernel_ends(uint32_t device);

 private:
  std::array<uint32_t, kDevicesMax> running_{};
};

/// How many bytes are not zero.
uint64_t count_nonzero(std::byte const* data, uint64_t bytes);

/// The next of the ids that are never reused in the process.
uint64_t next_id();

constexpr uint64_t round_up(uint64_t bytes, uint64_t unit) { return (bytes + unit - 1) / unit * unit; }

}  // namespace vrfake
