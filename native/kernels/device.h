// SPDX-License-Identifier: Apache-2.0
/// The few things that a GPU and a host say differently. A kernel that uses nothing else compiles for both, and what is
/// tested on the host is the text that runs on the device.
#pragma once

#include "arguments.h"

#if defined(__CUDACC__)

#define VR_DEVICE __device__ __forceinline__
#define VR_CONSTANT __device__ constexpr
#define VR_KERNEL(name, arguments) \
  extern "C" __global__ void __launch_bounds__(vram_residency::kernels::kThreads) name(arguments)
#define VR_UNROLL _Pragma("unroll")
#define VR_ROLLED _Pragma("unroll 1")

#else

#include <cstring>

#define VR_DEVICE inline
#define VR_CONSTANT inline constexpr
#define VR_KERNEL(name, arguments) extern "C" void name(arguments)
#define VR_UNROLL
#define VR_ROLLED

#endif

namespace vram_residency::kernels {

struct alignas(16) Words4 {
  std::uint32_t words[4];
};

#if defined(__CUDACC__)

VR_DEVICE std::uint64_t thread_index() { return std::uint64_t{blockIdx.x} * kThreads + threadIdx.x; }
VR_DEVICE std::uint64_t thread_count() { return std::uint64_t{gridDim.x} * kThreads; }

/// Four bytes of the eight in `low` and `high`; each digit of `selector` names one, the lowest digit the lowest byte.
VR_DEVICE std::uint32_t select_bytes(std::uint32_t low, std::uint32_t high, std::uint32_t selector)
{
  return __byte_perm(low, high, selector);
}

/// Weights are read once and not written meanwhile: past the coherent path.
VR_DEVICE std::uint32_t load_word(std::uint64_t address)
{
  return __ldg(reinterpret_cast<std::uint32_t const*>(address));
}

VR_DEVICE Words4 load_words4(std::uint64_t address)
{
  auto const four = __ldg(reinterpret_cast<uint4 const*>(address));
  return {{four.x, four.y, four.z, four.w}};
}

VR_DEVICE void store_words4(std::uint64_t address, Words4 const& words)
{
  *reinterpret_cast<Words4*>(address) = words;
}

VR_DEVICE void add_to(std::uint64_t address, std::uint64_t amount)
{
  atomicAdd(reinterpret_cast<unsigned long long*>(address), static_cast<unsigned long long>(amount));
}

#else

/// Which thread of which grid the host plays at the moment.
struct Playing {
  std::uint64_t thread;
  std::uint64_t threads;
};
inline thread_local Playing playing{};

inline std::uint64_t thread_index() { return playing.thread; }
inline std::uint64_t thread_count() { return playing.threads; }

inline std::uint32_t select_bytes(std::uint32_t low, std::uint32_t high, std::uint32_t selector)
{
  std::uint64_t const eight = std::uint64_t{high} << 32 | low;
  std::uint32_t selected = 0;
  for (int i = 0; i < 4; ++i) {
    auto const octet = eight >> 8 * (selector >> 4 * i & 7) & 255;
    selected |= static_cast<std::uint32_t>(octet) << 8 * i;
  }
  return selected;
}

/// A host forgives what ends a launch on a device.
template <typename Value>
Value* aligned(std::uint64_t address)
{
  if (address % alignof(Value) != 0) { __builtin_trap(); }
  return reinterpret_cast<Value*>(address);
}

inline std::uint32_t load_word(std::uint64_t address) { return *aligned<std::uint32_t>(address); }
inline Words4 load_words4(std::uint64_t address) { return *aligned<Words4>(address); }
inline void store_words4(std::uint64_t address, Words4 const& words) { *aligned<Words4>(address) = words; }

inline void add_to(std::uint64_t address, std::uint64_t amount)
{
  __atomic_fetch_add(reinterpret_cast<std::uint64_t*>(address), amount, __ATOMIC_RELAXED);
}

#endif

VR_DEVICE std::uint32_t rotate_right(std::uint32_t x, int bits) { return (x >> bits) | (x << (32 - bits)); }

}  // namespace vram_residency::kernels
