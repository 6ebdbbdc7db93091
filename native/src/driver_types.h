// SPDX-License-Identifier: Apache-2.0
/// The few types and numbers of the CUDA driver API that this library uses, declared here so that no toolkit is needed to
/// build it. native/test/cuda_h_test.cc compares every one of them with cuda.h where that is installed.
#pragma once

#include <cstddef>
#include <cstdint>

namespace vram_residency::cu {

using Result = int;
using Device = int;
using DevicePointer = unsigned long long;
using AllocationHandle = unsigned long long;
using Context = struct OpaqueContext*;
using Stream = struct OpaqueStream*;
using Event = struct OpaqueEvent*;
using Module = struct OpaqueModule*;
using Function = struct OpaqueFunction*;

struct Uuid {
  unsigned char bytes[16];
};

struct Location {
  int type;
  int id;
};

struct AllocationProperties {
  int type;
  int handle_types;
  Location location;
  void* windows;
  struct {
    unsigned char compression;
    unsigned char rdma;
    unsigned short usage;
    unsigned char reserved[4];
  } flags;
};

struct AccessDescriptor {
  Location location;
  int flags;
};

// Results.
inline constexpr Result kSuccess = 0;
inline constexpr Result kInvalidValue = 1;
inline constexpr Result kOutOfMemory = 2;
inline constexpr Result kDeinitialized = 4;
inline constexpr Result kNeedsNewerDriver = 36;
inline constexpr Result kDeviceUnavailable = 46;
inline constexpr Result kNoDevice = 100;
inline constexpr Result kEccUncorrectable = 214;
inline constexpr Result kNvlinkUncorrectable = 220;
inline constexpr Result kContained = 226;
inline constexpr Result kNotReady = 600;
inline constexpr Result kIllegalAddress = 700;
inline constexpr Result kLaunchTimeout = 702;
inline constexpr Result kContextIsDestroyed = 709;
inline constexpr Result kAssert = 710;
inline constexpr Result kHardwareStackError = 714;
inline constexpr Result kIllegalInstruction = 715;
inline constexpr Result kMisalignedAddress = 716;
inline constexpr Result kInvalidAddressSpace = 717;
inline constexpr Result kInvalidPc = 718;
inline constexpr Result kLaunchFailed = 719;
inline constexpr Result kTensorMemoryLeak = 721;
inline constexpr Result kNotSupported = 801;
inline constexpr Result kUnknown = 999;

// Device attributes.
inline constexpr int kMultiprocessorCount = 16;
inline constexpr int kIntegrated = 18;
inline constexpr int kCanMapHostMemory = 19;
inline constexpr int kEccEnabled = 32;
inline constexpr int kTccDriver = 35;
inline constexpr int kUnifiedAddressing = 41;
inline constexpr int kCapabilityMajor = 75;
inline constexpr int kCapabilityMinor = 76;
inline constexpr int kManagedMemory = 83;
inline constexpr int kPageableAccess = 88;
inline constexpr int kConcurrentManagedAccess = 89;
inline constexpr int kPageableUsesHostTables = 100;
inline constexpr int kDirectManagedFromHost = 101;
inline constexpr int kVirtualMemory = 102;
inline constexpr int kPosixDescriptor = 103;
inline constexpr int kNumaConfig = 130;
inline constexpr int kNumaId = 131;
inline constexpr int kMpsEnabled = 133;
inline constexpr int kHostNumaId = 134;
inline constexpr int kHostNumaVirtualMemory = 141;

// Pointer attributes.
inline constexpr int kMemoryType = 2;
inline constexpr int kHostPointer = 4;
inline constexpr int kBufferId = 7;
inline constexpr int kIsManaged = 8;
inline constexpr int kDeviceOrdinal = 9;
inline constexpr int kRangeStart = 11;
inline constexpr int kRangeSize = 12;
inline constexpr int kMapped = 13;
inline constexpr int kHandleTypes = 14;
inline constexpr int kAccessFlags = 16;
inline constexpr int kPoolHandle = 17;
inline constexpr int kMemoryBlockId = 20;

// Allocations.
inline constexpr int kTypePinned = 1;
inline constexpr int kLocationDevice = 1;
inline constexpr int kLocationHost = 2;
inline constexpr int kLocationHostNuma = 3;
inline constexpr int kLocationHostNumaCurrent = 4;
inline constexpr int kHandlePosixDescriptor = 1;
inline constexpr int kGranularityMinimum = 0;
inline constexpr int kAccessNone = 0;
inline constexpr int kAccessRead = 1;
inline constexpr int kAccessReadWrite = 3;
inline constexpr unsigned kMemoryTypeHost = 1;
inline constexpr unsigned kMemoryTypeDevice = 2;

// Flags.
inline constexpr unsigned kHostAllocPortable = 1;
inline constexpr unsigned kStreamNonBlocking = 1;
inline constexpr unsigned kEventBlockingSync = 1;
inline constexpr unsigned kEventDisableTiming = 2;

}  // namespace vram_residency::cu
