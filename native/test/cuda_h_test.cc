// SPDX-License-Identifier: Apache-2.0
/// Our own declarations of the driver against NVIDIA's, where those are installed.
#include "../src/driver_types.h"
#include "digest/harness.h"

#if __has_include(<cuda.h>)
#include <cuda.h>
#elif __has_include("/usr/local/cuda/include/cuda.h")
#include "/usr/local/cuda/include/cuda.h"
#endif

#ifdef CUDA_VERSION

namespace cu = vram_residency::cu;

static_assert(sizeof(cu::Result) == sizeof(CUresult) && sizeof(cu::Device) == sizeof(CUdevice));
static_assert(sizeof(cu::DevicePointer) == sizeof(CUdeviceptr));
static_assert(sizeof(cu::AllocationHandle) == sizeof(CUmemGenericAllocationHandle));
static_assert(sizeof(cu::Uuid) == sizeof(CUuuid) && sizeof(cu::Location) == sizeof(CUmemLocation));
static_assert(sizeof(cu::AllocationProperties) == sizeof(CUmemAllocationProp));
static_assert(offsetof(cu::AllocationProperties, handle_types) == offsetof(CUmemAllocationProp, requestedHandleTypes));
static_assert(offsetof(cu::AllocationProperties, location) == offsetof(CUmemAllocationProp, location));
static_assert(offsetof(cu::AllocationProperties, windows) == offsetof(CUmemAllocationProp, win32HandleMetaData));
static_assert(offsetof(cu::AllocationProperties, flags) == offsetof(CUmemAllocationProp, allocFlags));
static_assert(sizeof(cu::AccessDescriptor) == sizeof(CUmemAccessDesc));
static_assert(offsetof(cu::AccessDescriptor, flags) == offsetof(CUmemAccessDesc, flags));

#define SAME(ours, theirs) static_assert(static_cast<int>(cu::ours) == static_cast<int>(theirs))

SAME(kSuccess, CUDA_SUCCESS);
SAME(kInvalidValue, CUDA_ERROR_INVALID_VALUE);
SAME(kOutOfMemory, CUDA_ERROR_OUT_OF_MEMORY);
SAME(kDeinitialized, CUDA_ERROR_DEINITIALIZED);
SAME(kNeedsNewerDriver, CUDA_ERROR_CALL_REQUIRES_NEWER_DRIVER);
SAME(kDeviceUnavailable, CUDA_ERROR_DEVICE_UNAVAILABLE);
SAME(kNoDevice, CUDA_ERROR_NO_DEVICE);
SAME(kEccUncorrectable, CUDA_ERROR_ECC_UNCORRECTABLE);
SAME(kNvlinkUncorrectable, CUDA_ERROR_NVLINK_UNCORRECTABLE);
SAME(kContained, CUDA_ERROR_CONTAINED);
SAME(kNotReady, CUDA_ERROR_NOT_READY);
SAME(kIllegalAddress, CUDA_ERROR_ILLEGAL_ADDRESS);
SAME(kLaunchTimeout, CUDA_ERROR_LAUNCH_TIMEOUT);
SAME(kContextIsDestroyed, CUDA_ERROR_CONTEXT_IS_DESTROYED);
SAME(kAssert, CUDA_ERROR_ASSERT);
SAME(kHardwareStackError, CUDA_ERROR_HARDWARE_STACK_ERROR);
SAME(kIllegalInstruction, CUDA_ERROR_ILLEGAL_INSTRUCTION);
SAME(kMisalignedAddress, CUDA_ERROR_MISALIGNED_ADDRESS);
SAME(kInvalidAddressSpace, CUDA_ERROR_INVALID_ADDRESS_SPACE);
SAME(kInvalidPc, CUDA_ERROR_INVALID_PC);
SAME(kLaunchFailed, CUDA_ERROR_LAUNCH_FAILED);
SAME(kTensorMemoryLeak, CUDA_ERROR_TENSOR_MEMORY_LEAK);
SAME(kNotSupported, CUDA_ERROR_NOT_SUPPORTED);
SAME(kUnknown, CUDA_ERROR_UNKNOWN);

SAME(kMultiprocessorCount, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
SAME(kIntegrated, CU_DEVICE_ATTRIBUTE_INTEGRATED);
SAME(kCanMapHostMemory, CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY);
SAME(kEccEnabled, CU_DEVICE_ATTRIBUTE_ECC_ENABLED);
SAME(kTccDriver, CU_DEVICE_ATTRIBUTE_TCC_DRIVER);
SAME(kUnifiedAddressing, CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING);
SAME(kCapabilityMajor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
SAME(kCapabilityMinor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
SAME(kManagedMemory, CU_DEVICE_ATTRIBUTE_MANAGED_MEMORY);
SAME(kPageableAccess, CU_DEVICE_ATTRIBUTE_PAGEABLE_MEMORY_ACCESS);
SAME(kConcurrentManagedAccess, CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS);
SAME(kPageableUsesHostTables, CU_DEVICE_ATTRIBUTE_PAGEABLE_MEMORY_ACCESS_USES_HOST_PAGE_TABLES);
SAME(kDirectManagedFromHost, CU_DEVICE_ATTRIBUTE_DIRECT_MANAGED_MEM_ACCESS_FROM_HOST);
SAME(kVirtualMemory, CU_DEVICE_ATTRIBUTE_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED);
SAME(kPosixDescriptor, CU_DEVICE_ATTRIBUTE_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR_SUPPORTED);
SAME(kNumaConfig, CU_DEVICE_ATTRIBUTE_NUMA_CONFIG);
SAME(kNumaId, CU_DEVICE_ATTRIBUTE_NUMA_ID);
SAME(kMpsEnabled, CU_DEVICE_ATTRIBUTE_MPS_ENABLED);
SAME(kHostNumaId, CU_DEVICE_ATTRIBUTE_HOST_NUMA_ID);
SAME(kHostNumaVirtualMemory, CU_DEVICE_ATTRIBUTE_HOST_NUMA_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED);

SAME(kMemoryType, CU_POINTER_ATTRIBUTE_MEMORY_TYPE);
SAME(kHostPointer, CU_POINTER_ATTRIBUTE_HOST_POINTER);
SAME(kBufferId, CU_POINTER_ATTRIBUTE_BUFFER_ID);
SAME(kIsManaged, CU_POINTER_ATTRIBUTE_IS_MANAGED);
SAME(kDeviceOrdinal, CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL);
SAME(kRangeStart, CU_POINTER_ATTRIBUTE_RANGE_START_ADDR);
SAME(kRangeSize, CU_POINTER_ATTRIBUTE_RANGE_SIZE);
SAME(kMapped, CU_POINTER_ATTRIBUTE_MAPPED);
SAME(kHandleTypes, CU_POINTER_ATTRIBUTE_ALLOWED_HANDLE_TYPES);
SAME(kAccessFlags, CU_POINTER_ATTRIBUTE_ACCESS_FLAGS);
SAME(kPoolHandle, CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE);
SAME(kMemoryBlockId, CU_POINTER_ATTRIBUTE_MEMORY_BLOCK_ID);

SAME(kTypePinned, CU_MEM_ALLOCATION_TYPE_PINNED);
SAME(kLocationDevice, CU_MEM_LOCATION_TYPE_DEVICE);
SAME(kLocationHost, CU_MEM_LOCATION_TYPE_HOST);
SAME(kLocationHostNuma, CU_MEM_LOCATION_TYPE_HOST_NUMA);
SAME(kLocationHostNumaCurrent, CU_MEM_LOCATION_TYPE_HOST_NUMA_CURRENT);
SAME(kHandlePosixDescriptor, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR);
SAME(kGranularityMinimum, CU_MEM_ALLOC_GRANULARITY_MINIMUM);
SAME(kAccessNone, CU_MEM_ACCESS_FLAGS_PROT_NONE);
SAME(kAccessRead, CU_MEM_ACCESS_FLAGS_PROT_READ);
SAME(kAccessReadWrite, CU_MEM_ACCESS_FLAGS_PROT_READWRITE);
SAME(kMemoryTypeHost, CU_MEMORYTYPE_HOST);
SAME(kMemoryTypeDevice, CU_MEMORYTYPE_DEVICE);
SAME(kHostAllocPortable, CU_MEMHOSTALLOC_PORTABLE);
SAME(kStreamNonBlocking, CU_STREAM_NON_BLOCKING);
SAME(kEventBlockingSync, CU_EVENT_BLOCKING_SYNC);
SAME(kEventDisableTiming, CU_EVENT_DISABLE_TIMING);

TEST(our_declarations_are_those_of_cuda_h) { CHECK(CUDA_VERSION >= 12000); }

#else

TEST(our_declarations_are_those_of_cuda_h) { harness::skip("there is no cuda.h on this machine"); }

#endif
