// SPDX-License-Identifier: Apache-2.0
// Names and descriptions of result codes. The descriptions are the fake's own.
#include <algorithm>
#include <iterator>

#include "state.h"

namespace vrfake {
namespace {

struct Named {
  int code;
  char const* name;
  char const* text;
};

/// Ordered by code.
constexpr Named kCodes[] = {
    {0, "CUDA_SUCCESS", "no error"},
    {1, "CUDA_ERROR_INVALID_VALUE", "an argument is out of its range"},
    {2, "CUDA_ERROR_OUT_OF_MEMORY", "not enough memory"},
    {3, "CUDA_ERROR_NOT_INITIALIZED", "cuInit has not been called"},
    {4, "CUDA_ERROR_DEINITIALIZED", "the driver is shutting down"},
    {34, "CUDA_ERROR_STUB_LIBRARY", "the stub library was loaded in place of the driver"},
    {36, "CUDA_ERROR_CALL_REQUIRES_NEWER_DRIVER", "the call needs a newer driver"},
    {46, "CUDA_ERROR_DEVICE_UNAVAILABLE", "the device cannot be used now"},
    {100, "CUDA_ERROR_NO_DEVICE", "no device was found"},
    {101, "CUDA_ERROR_INVALID_DEVICE", "no device has this ordinal"},
    {102, "CUDA_ERROR_DEVICE_NOT_LICENSED", "the device has no licence"},
    {200, "CUDA_ERROR_INVALID_IMAGE", "the image is no kernel image"},
    {201, "CUDA_ERROR_INVALID_CONTEXT", "no context is current, or the context is unknown"},
    {202, "CUDA_ERROR_CONTEXT_ALREADY_CURRENT", "the context is current already"},
    {205, "CUDA_ERROR_MAP_FAILED", "mapping failed"},
    {206, "CUDA_ERROR_UNMAP_FAILED", "unmapping failed"},
    {208, "CUDA_ERROR_ALREADY_MAPPED", "the resource is mapped already"},
    {209, "CUDA_ERROR_NO_BINARY_FOR_GPU", "the image has no code for this device"},
    {210, "CUDA_ERROR_ALREADY_ACQUIRED", "the resource is held already"},
    {211, "CUDA_ERROR_NOT_MAPPED", "the resource is not mapped"},
    {214, "CUDA_ERROR_ECC_UNCORRECTABLE", "an ECC error that cannot be corrected"},
    {215, "CUDA_ERROR_UNSUPPORTED_LIMIT", "the device does not have this limit"},
    {216, "CUDA_ERROR_CONTEXT_ALREADY_IN_USE", "the context belongs to another thread"},
    {217, "CUDA_ERROR_PEER_ACCESS_UNSUPPORTED", "these devices cannot reach each other"},
    {218, "CUDA_ERROR_INVALID_PTX", "the PTX text does not compile"},
    {220, "CUDA_ERROR_NVLINK_UNCORRECTABLE", "an NVLink error that cannot be corrected"},
    {221, "CUDA_ERROR_JIT_COMPILER_NOT_FOUND", "the PTX compiler is missing"},
    {222, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION", "the PTX text is newer than the driver"},
    {223, "CUDA_ERROR_JIT_COMPILATION_DISABLED", "compiling PTX is switched off"},
    {226, "CUDA_ERROR_CONTAINED", "a memory error that was contained"},
    {300, "CUDA_ERROR_INVALID_SOURCE", "the kernel source is wrong"},
    {301, "CUDA_ERROR_FILE_NOT_FOUND", "the file was not found"},
    {302, "CUDA_ERROR_SHARED_OBJECT_SYMBOL_NOT_FOUND", "a shared object lacks a symbol"},
    {303, "CUDA_ERROR_SHARED_OBJECT_INIT_FAILED", "a shared object failed to start"},
    {304, "CUDA_ERROR_OPERATING_SYSTEM", "a call to the operating system failed"},
    {400, "CUDA_ERROR_INVALID_HANDLE", "the handle is unknown"},
    {401, "CUDA_ERROR_ILLEGAL_STATE", "the resource is in a state that does not allow this"},
    {500, "CUDA_ERROR_NOT_FOUND", "no such symbol"},
    {600, "CUDA_ERROR_NOT_READY", "queued work is not done"},
    {700, "CUDA_ERROR_ILLEGAL_ADDRESS", "the device touched memory that it may not"},
    {701, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", "the launch needs more than the device has"},
    {702, "CUDA_ERROR_LAUNCH_TIMEOUT", "the kernel ran for too long"},
    {704, "CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED", "peer access is on already"},
    {705, "CUDA_ERROR_PEER_ACCESS_NOT_ENABLED", "peer access is off"},
    {708, "CUDA_ERROR_PRIMARY_CONTEXT_ACTIVE", "the primary context is active already"},
    {709, "CUDA_ERROR_CONTEXT_IS_DESTROYED", "the context was destroyed"},
    {710, "CUDA_ERROR_ASSERT", "an assertion failed on the device"},
    {712, "CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED", "the host memory is registered already"},
    {713, "CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED", "the host memory is not registered"},
    {714, "CUDA_ERROR_HARDWARE_STACK_ERROR", "a stack error on the device"},
    {715, "CUDA_ERROR_ILLEGAL_INSTRUCTION", "the device met an illegal instruction"},
    {716, "CUDA_ERROR_MISALIGNED_ADDRESS", "the device used a misaligned address"},
    {717, "CUDA_ERROR_INVALID_ADDRESS_SPACE", "an address of the wrong space"},
    {718, "CUDA_ERROR_INVALID_PC", "the program counter left the program"},
    {719, "CUDA_ERROR_LAUNCH_FAILED", "the kernel failed"},
    {800, "CUDA_ERROR_NOT_PERMITTED", "not permitted"},
    {801, "CUDA_ERROR_NOT_SUPPORTED", "not supported here"},
    {802, "CUDA_ERROR_SYSTEM_NOT_READY", "the system is not ready yet"},
    {803, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH", "the parts of the driver are of different versions"},
    {804, "CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE", "forward compatibility is not supported on this device"},
    {805, "CUDA_ERROR_MPS_CONNECTION_FAILED", "the MPS server cannot be reached"},
    {909, "CUDA_ERROR_TIMEOUT", "a timeout"},
    {999, "CUDA_ERROR_UNKNOWN", "unknown error"},
};

Named const* find(int code)
{
  auto const* const found = std::lower_bound(std::begin(kCodes), std::end(kCodes), code,
                                             [](Named const& one, int wanted) { return one.code < wanted; });
  return found != std::end(kCodes) && found->code == code ? found : nullptr;
}

/// Works before cuInit and whatever the driver's state.
int tell(char const* function, int code, char const** out, char const* Named::* part)
{
  return call(function, 6000, Needs::nothing, [&] {
    if (out == nullptr) return kInvalidValue;
    auto const* const found = find(code);
    *out = found == nullptr ? nullptr : found->*part;
    return found == nullptr ? kInvalidValue : kSuccess;
  });
}

}  // namespace
}  // namespace vrfake

using namespace vrfake;

extern "C" {

int cuGetErrorName(int code, char const** name) { return tell("cuGetErrorName", code, name, &Named::name); }

int cuGetErrorString(int code, char const** text) { return tell("cuGetErrorString", code, text, &Named::text); }

}  // extern "C"
