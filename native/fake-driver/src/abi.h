// SPDX-License-Identifier: Apache-2.0
// The driver's types and numbers, as far as the fake needs them, in our own words; test/cuda_h.test.cc compares them with cuda.h.
#pragma once

#include <cstddef>
#include <cstdint>

#define VRFAKE_FUNCTION(base, symbol, version, ...) \
  using symbol##_signature = __VA_ARGS__;           \
  extern "C" __attribute__((visibility("default"))) symbol##_signature symbol;
#ifndef VRFAKE_WITHOUT_DECLARATIONS
#include "functions.def"
#endif
#undef VRFAKE_FUNCTION

namespace vrfake {

using Address = uint64_t;

/// Result codes that the fake returns on its own account; faults may return any other.
enum Code : int {
  kSuccess = 0,
  kInvalidValue = 1,
  kOutOfMemory = 2,
  kNotInitialized = 3,
  kCallRequiresNewerDriver = 36,
  kDeviceUnavailable = 46,
  kNoDevice = 100,
  kInvalidDevice = 101,
  kInvalidImage = 200,
  kInvalidContext = 201,
  kNoBinaryForGpu = 209,
  kEccUncorrectable = 214,
  kInvalidPtx = 218,
  kUnsupportedPtxVersion = 222,
  kOperatingSystem = 304,
  kInvalidHandle = 400,
  kNotFound = 500,
  kNotReady = 600,
  kIllegalAddress = 700,
  kPrimaryContextActive = 708,
  kContextIsDestroyed = 709,
  kHostMemoryAlreadyRegistered = 712,
  kHostMemoryNotRegistered = 713,
  kNotPermitted = 800,
  kNotSupported = 801,
  kUnknown = 999,
};

/// Device attributes that the fake itself obeys; the others are only numbers of a profile.
enum DeviceAttribute : int {
  kAttributeMultiprocessors = 16,
  kAttributePciBus = 33,
  kAttributePciDevice = 34,
  kAttributeMajor = 75,
  kAttributeMinor = 76,
  kAttributePageableAccess = 88,
  kAttributeHostRegister = 99,
  kAttributeVmm = 102,
  kAttributePosixHandles = 103,
  kAttributePciDomain = 50,
  kAttributeEcc = 32,
};

enum PointerAttribute : int {
  kPointerContext = 1,
  kPointerMemoryType = 2,
  kPointerDevicePointer = 3,
  kPointerHostPointer = 4,
  kPointerSyncMemops = 6,
  kPointerBufferId = 7,
  kPointerIsManaged = 8,
  kPointerOrdinal = 9,
  kPointerIpcCapable = 10,
  kPointerRangeStart = 11,
  kPointerRangeSize = 12,
  kPointerMapped = 13,
  kPointerHandleTypes = 14,
  kPointerRdmaCapable = 15,
  kPointerAccessFlags = 16,
  kPointerMempool = 17,
  kPointerMappingSize = 18,
  kPointerMappingBase = 19,
  kPointerBlockId = 20,
  kPointerDecompress = 21,
};

enum LocationType : int { kLocationDevice = 1, kLocationHost = 2, kLocationHostNuma = 3, kLocationHostNumaCurrent = 4 };
enum MemoryType : unsigned { kMemoryHost = 1, kMemoryDevice = 2, kMemoryUnified = 4 };
enum AccessFlags : unsigned { kAccessNone = 0, kAccessRead = 1, kAccessReadWrite = 3 };

inline constexpr int kAllocationPinned = 1;
inline constexpr int kHandlePosixDescriptor = 1;
inline constexpr int kGranularityMinimum = 0;
inline constexpr int kGranularityRecommended = 1;
inline constexpr int kDeviceInvalid = -2;
inline constexpr unsigned kStreamNonBlocking = 1;
inline constexpr unsigned kEventDisableTiming = 2;
inline constexpr uintptr_t kStreamLegacy = 1;
inline constexpr uintptr_t kStreamPerThread = 2;

struct MemLocation {
  int type;
  int id;
};

struct MemAllocationProp {
  int type;
  int requested_handle_types;
  MemLocation location;
  void* win32_metadata;
  struct {
    unsigned char compression;
    unsigned char rdma_capable;
    unsigned short usage;
    unsigned char reserved[4];
  } flags;
};

struct MemAccessDesc {
  MemLocation location;
  int flags;
};

}  // namespace vrfake
