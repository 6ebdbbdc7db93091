// SPDX-License-Identifier: Apache-2.0
// Our own declarations against NVIDIA's header, where that is installed.
#include <cstddef>
#include <cstdio>
#include <type_traits>

#define VRFAKE_WITHOUT_DECLARATIONS
#include "../src/abi.h"

#if __has_include(<cuda.h>)
#include <cuda.h>

// The header renames functions to their newest form; here they are meant as they are exported.
#undef cuCtxGetDevice
#undef cuDeviceGetUuid
#undef cuGetProcAddress
#undef cuDevicePrimaryCtxRelease

extern "C" {
CUresult cuDeviceGetUuid(CUuuid*, CUdevice);
CUresult cuGetProcAddress(const char*, void**, int, cuuint64_t);
CUresult cuDevicePrimaryCtxRelease(CUdevice);
CUresult cuCtxCreate_v2(CUcontext*, unsigned, CUdevice);
}

namespace {

/// Whether two parameters travel alike: both pointers, or both numbers of one size.
template <typename Ours, typename Theirs>
constexpr bool travels_alike = std::is_pointer_v<Ours> == std::is_pointer_v<Theirs> && sizeof(Ours) == sizeof(Theirs) &&
                               std::is_floating_point_v<Ours> == std::is_floating_point_v<Theirs>;

template <typename Ours, typename Theirs>
struct Alike : std::false_type {};

template <typename... Ours, typename Result, typename... Theirs>
  requires(sizeof...(Ours) == sizeof...(Theirs))
struct Alike<int(Ours...), Result(Theirs...)>
    : std::bool_constant<sizeof(Result) == sizeof(int) && (travels_alike<Ours, Theirs> && ...)> {};

#define VRFAKE_FUNCTION(base, symbol, since, ...) static_assert(Alike<__VA_ARGS__, decltype(::symbol)>::value, #symbol);
#include "../src/functions.def"
#undef VRFAKE_FUNCTION

using namespace vrfake;

template <typename Ours, typename Theirs>
constexpr bool same(Ours ours, Theirs theirs)
{
  return static_cast<long>(ours) == static_cast<long>(theirs);
}

static_assert(sizeof(MemLocation) == sizeof(CUmemLocation));
static_assert(offsetof(MemLocation, id) == offsetof(CUmemLocation, id));
static_assert(sizeof(MemAllocationProp) == sizeof(CUmemAllocationProp));
static_assert(offsetof(MemAllocationProp, requested_handle_types) ==
              offsetof(CUmemAllocationProp, requestedHandleTypes));
static_assert(offsetof(MemAllocationProp, location) == offsetof(CUmemAllocationProp, location));
static_assert(offsetof(MemAllocationProp, flags) == offsetof(CUmemAllocationProp, allocFlags));
static_assert(sizeof(MemAccessDesc) == sizeof(CUmemAccessDesc));
static_assert(offsetof(MemAccessDesc, flags) == offsetof(CUmemAccessDesc, flags));

static_assert(same(kInvalidValue, CUDA_ERROR_INVALID_VALUE) && same(kOutOfMemory, CUDA_ERROR_OUT_OF_MEMORY));
static_assert(same(kNotInitialized, CUDA_ERROR_NOT_INITIALIZED) &&
              same(kCallRequiresNewerDriver, CUDA_ERROR_CALL_REQUIRES_NEWER_DRIVER));
static_assert(same(kDeviceUnavailable, CUDA_ERROR_DEVICE_UNAVAILABLE) && same(kNoDevice, CUDA_ERROR_NO_DEVICE));
static_assert(same(kInvalidDevice, CUDA_ERROR_INVALID_DEVICE) && same(kInvalidImage, CUDA_ERROR_INVALID_IMAGE));
static_assert(same(kInvalidContext, CUDA_ERROR_INVALID_CONTEXT) && same(kNoBinaryForGpu, CUDA_ERROR_NO_BINARY_FOR_GPU));
static_assert(same(kEccUncorrectable, CUDA_ERROR_ECC_UNCORRECTABLE) && same(kInvalidPtx, CUDA_ERROR_INVALID_PTX));
static_assert(same(kUnsupportedPtxVersion, CUDA_ERROR_UNSUPPORTED_PTX_VERSION) &&
              same(kOperatingSystem, CUDA_ERROR_OPERATING_SYSTEM));
static_assert(same(kInvalidHandle, CUDA_ERROR_INVALID_HANDLE) && same(kNotFound, CUDA_ERROR_NOT_FOUND) &&
              same(kNotReady, CUDA_ERROR_NOT_READY));
static_assert(same(kIllegalAddress, CUDA_ERROR_ILLEGAL_ADDRESS) &&
              same(kContextIsDestroyed, CUDA_ERROR_CONTEXT_IS_DESTROYED));
static_assert(same(kHostMemoryAlreadyRegistered, CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED));
static_assert(same(kHostMemoryNotRegistered, CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED));
static_assert(same(kNotPermitted, CUDA_ERROR_NOT_PERMITTED) && same(kNotSupported, CUDA_ERROR_NOT_SUPPORTED) &&
              same(kUnknown, CUDA_ERROR_UNKNOWN));

static_assert(same(kAttributePciBus, CU_DEVICE_ATTRIBUTE_PCI_BUS_ID) &&
              same(kAttributePciDevice, CU_DEVICE_ATTRIBUTE_PCI_DEVICE_ID));
static_assert(same(kAttributePciDomain, CU_DEVICE_ATTRIBUTE_PCI_DOMAIN_ID) &&
              same(kAttributeEcc, CU_DEVICE_ATTRIBUTE_ECC_ENABLED));
static_assert(same(kAttributeMajor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR));
static_assert(same(kAttributeMinor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR));
static_assert(same(kAttributePageableAccess, CU_DEVICE_ATTRIBUTE_PAGEABLE_MEMORY_ACCESS));
static_assert(same(kAttributeHostRegister, CU_DEVICE_ATTRIBUTE_HOST_REGISTER_SUPPORTED));
static_assert(same(kAttributeVmm, CU_DEVICE_ATTRIBUTE_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED));
static_assert(same(kAttributePosixHandles, CU_DEVICE_ATTRIBUTE_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR_SUPPORTED));

static_assert(same(kPointerContext, CU_POINTER_ATTRIBUTE_CONTEXT) &&
              same(kPointerMemoryType, CU_POINTER_ATTRIBUTE_MEMORY_TYPE));
static_assert(same(kPointerHostPointer, CU_POINTER_ATTRIBUTE_HOST_POINTER) &&
              same(kPointerBufferId, CU_POINTER_ATTRIBUTE_BUFFER_ID));
static_assert(same(kPointerIsManaged, CU_POINTER_ATTRIBUTE_IS_MANAGED) &&
              same(kPointerOrdinal, CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL));
static_assert(same(kPointerRangeStart, CU_POINTER_ATTRIBUTE_RANGE_START_ADDR) &&
              same(kPointerRangeSize, CU_POINTER_ATTRIBUTE_RANGE_SIZE));
static_assert(same(kPointerMapped, CU_POINTER_ATTRIBUTE_MAPPED) &&
              same(kPointerHandleTypes, CU_POINTER_ATTRIBUTE_ALLOWED_HANDLE_TYPES));
static_assert(same(kPointerAccessFlags, CU_POINTER_ATTRIBUTE_ACCESS_FLAGS) &&
              same(kPointerMempool, CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE));
static_assert(same(kPointerMappingSize, CU_POINTER_ATTRIBUTE_MAPPING_SIZE) &&
              same(kPointerMappingBase, CU_POINTER_ATTRIBUTE_MAPPING_BASE_ADDR));
static_assert(same(kPointerBlockId, CU_POINTER_ATTRIBUTE_MEMORY_BLOCK_ID) &&
              same(kPointerDecompress, CU_POINTER_ATTRIBUTE_IS_HW_DECOMPRESS_CAPABLE));

static_assert(same(kLocationDevice, CU_MEM_LOCATION_TYPE_DEVICE) && same(kLocationHost, CU_MEM_LOCATION_TYPE_HOST));
static_assert(same(kLocationHostNuma, CU_MEM_LOCATION_TYPE_HOST_NUMA) &&
              same(kLocationHostNumaCurrent, CU_MEM_LOCATION_TYPE_HOST_NUMA_CURRENT));
static_assert(same(kMemoryHost, CU_MEMORYTYPE_HOST) && same(kMemoryDevice, CU_MEMORYTYPE_DEVICE) &&
              same(kMemoryUnified, CU_MEMORYTYPE_UNIFIED));
static_assert(same(kAccessNone, CU_MEM_ACCESS_FLAGS_PROT_NONE) && same(kAccessRead, CU_MEM_ACCESS_FLAGS_PROT_READ));
static_assert(same(kAccessReadWrite, CU_MEM_ACCESS_FLAGS_PROT_READWRITE) &&
              same(kAllocationPinned, CU_MEM_ALLOCATION_TYPE_PINNED));
static_assert(same(kHandlePosixDescriptor, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR) &&
              same(kDeviceInvalid, CU_DEVICE_INVALID));
static_assert(same(kGranularityMinimum, CU_MEM_ALLOC_GRANULARITY_MINIMUM) &&
              same(kGranularityRecommended, CU_MEM_ALLOC_GRANULARITY_RECOMMENDED));
static_assert(same(kStreamNonBlocking, CU_STREAM_NON_BLOCKING) && same(kEventDisableTiming, CU_EVENT_DISABLE_TIMING));

}  // namespace

int main() { std::puts("compared with cuda.h"); }
#else
int main() { std::puts("skipped: no cuda.h here"); }
#endif
