// SPDX-License-Identifier: Apache-2.0
// Blocks: host memory that plays device memory.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <new>

#include "memory.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

namespace vrfake {
namespace {

constexpr uint64_t kPage = 4096;
constexpr unsigned char kPoison = 0xA5;

int memory_file(uint64_t bytes)
{
  int file = memfd_create("vrfake-device-memory", MFD_CLOEXEC | MFD_NOEXEC_SEAL);
  // Kernels before 6.3 do not know the second flag.
  if (file < 0) file = memfd_create("vrfake-device-memory", MFD_CLOEXEC);
  if (file < 0) throw std::bad_alloc{};
  if (ftruncate(file, static_cast<off_t>(bytes)) != 0) {
    close(file);
    throw std::bad_alloc{};
  }
  return file;
}

void fill_poison(std::byte* data, uint64_t bytes, uint64_t poison)
{
  if (poison == 0) return;
  auto const whole = std::min(bytes, poison);
  std::memset(data, kPoison, whole);
  for (auto at = round_up(whole, 2 * kMiB); at < bytes; at += 2 * kMiB)
    std::memset(data + at, kPoison, std::min(kPage, bytes - at));
}

}  // namespace

uint64_t count_nonzero(std::byte const* data, uint64_t bytes)
{
  uint64_t count = 0;
  uint64_t at = 0;
  for (; at + 8 <= bytes; at += 8) {
    uint64_t word = 0;
    std::memcpy(&word, data + at, 8);
    for (; word != 0; word >>= 8) count += (word & 0xFF) != 0 ? 1 : 0;
  }
  for (; at < bytes; ++at) count += data[at] != std::byte{0} ? 1 : 0;
  return count;
}

uint64_t next_id()
{
  static std::atomic<uint64_t> last{0};
  return ++last;
}

Block::Block(uint32_t on_device, uint64_t size, bool by_vmm, uint64_t poison)
    : id{next_id()}, device{on_device}, bytes{size}, vmm{by_vmm}
{
  mapped_bytes_ = round_up(bytes, kPage);
  descriptor_ = memory_file(mapped_bytes_);
  map_alias();
  fill_poison(alias_, bytes, poison);
}

Block::Block(uint32_t on_device, int descriptor, uint64_t size)
    : id{next_id()}, device{on_device}, bytes{size}, vmm{true}, descriptor_{fcntl(descriptor, F_DUPFD_CLOEXEC, 3)}
{
  mapped_bytes_ = round_up(bytes, kPage);
  map_alias();
}

void Block::map_alias()
{
  auto* const mapped = mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor_, 0);
  if (mapped == MAP_FAILED) {
    close(descriptor_);
    throw std::bad_alloc{};
  }
  alias_ = static_cast<std::byte*>(mapped);
}

Block::~Block()
{
  munmap(alias_, mapped_bytes_);
  close(descriptor_);
}

uint64_t Block::nonzero_bytes() const
{
  uint64_t count = 0;
  for (off_t at = 0; at < static_cast<off_t>(bytes);) {
    auto const data = lseek(descriptor_, at, SEEK_DATA);
    if (data < 0 || data >= static_cast<off_t>(bytes)) break;
    auto hole = lseek(descriptor_, data, SEEK_HOLE);
    if (hole < 0) hole = static_cast<off_t>(bytes);
    auto const end = std::min<uint64_t>(static_cast<uint64_t>(hole), bytes);
    count += count_nonzero(alias_ + data, end - static_cast<uint64_t>(data));
    at = hole;
  }
  return count;
}

}  // namespace vrfake
