// SPDX-License-Identifier: Apache-2.0
/// Every function of the driver and of NVML that this library calls, by the exact symbol that fixes its struct versions.
#pragma once

#include "driver_types.h"

/// Functions without which there is no driver to speak of: NAME, then the parameter list.
#define VRAM_DRIVER_REQUIRED(X)                                                                \
  X(cuInit, (unsigned flags))                                                                  \
  X(cuDriverGetVersion, (int* version))                                                        \
  X(cuGetErrorName, (Result code, char const** name))                                          \
  X(cuDeviceGetCount, (int* count))                                                            \
  X(cuDeviceGet, (Device * device, int ordinal))                                               \
  X(cuDeviceGetName, (char* name, int room, Device device))                                    \
  X(cuDeviceGetUuid, (Uuid * uuid, Device device))                                             \
  X(cuDeviceGetAttribute, (int* value, int attribute, Device device))                          \
  X(cuDeviceGetPCIBusId, (char* id, int room, Device device))                                  \
  X(cuDevicePrimaryCtxRetain, (Context * context, Device device))                              \
  X(cuDevicePrimaryCtxRelease_v2, (Device device))                                             \
  X(cuCtxSetCurrent, (Context context))                                                        \
  X(cuMemGetInfo_v2, (std::size_t * free, std::size_t * total))                                \
  X(cuMemAlloc_v2, (DevicePointer * address, std::size_t bytes))                               \
  X(cuMemFree_v2, (DevicePointer address))                                                     \
  X(cuMemGetAddressRange_v2, (DevicePointer * base, std::size_t * bytes, DevicePointer inside)) \
  X(cuPointerGetAttribute, (void* value, int attribute, DevicePointer address))                \
  X(cuMemsetD8Async, (DevicePointer to, unsigned char value, std::size_t bytes, Stream stream)) \
  X(cuMemcpyHtoDAsync_v2, (DevicePointer to, void const* from, std::size_t bytes, Stream stream)) \
  X(cuMemcpyDtoHAsync_v2, (void* to, DevicePointer from, std::size_t bytes, Stream stream))    \
  X(cuMemHostAlloc, (void** memory, std::size_t bytes, unsigned flags))                        \
  X(cuMemFreeHost, (void* memory))                                                             \
  X(cuCtxGetStreamPriorityRange, (int* least, int* greatest))                                  \
  X(cuStreamCreateWithPriority, (Stream * stream, unsigned flags, int priority))               \
  X(cuStreamSynchronize, (Stream stream))                                                      \
  X(cuStreamDestroy_v2, (Stream stream))                                                       \
  X(cuEventCreate, (Event * event, unsigned flags))                                            \
  X(cuEventRecord, (Event event, Stream stream))                                               \
  X(cuEventQuery, (Event event))                                                               \
  X(cuEventSynchronize, (Event event))                                                         \
  X(cuEventDestroy_v2, (Event event))                                                          \
  X(cuModuleLoadData, (Module * module, void const* image))                                    \
  X(cuModuleGetFunction, (Function * function, Module module, char const* name))               \
  X(cuModuleUnload, (Module module))                                                           \
  X(cuLaunchKernel, (Function function, unsigned grid_x, unsigned grid_y, unsigned grid_z,     \
                     unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes, \
                     Stream stream, void** parameters, void** extra))

/// Functions that only some drivers have. Virtual memory counts as missing when one of its functions is.
#define VRAM_DRIVER_OPTIONAL(X)                                                                          \
  X(cuDeviceGetUuid_v2, (Uuid * uuid, Device device))                                                    \
  X(cuMemCreate, (AllocationHandle * handle, std::size_t bytes, AllocationProperties const* properties,  \
                  unsigned long long flags))                                                             \
  X(cuMemRelease, (AllocationHandle handle))                                                             \
  X(cuMemAddressReserve, (DevicePointer * address, std::size_t bytes, std::size_t alignment,             \
                          DevicePointer wished, unsigned long long flags))                               \
  X(cuMemAddressFree, (DevicePointer address, std::size_t bytes))                                        \
  X(cuMemMap, (DevicePointer address, std::size_t bytes, std::size_t offset, AllocationHandle handle,    \
               unsigned long long flags))                                                                \
  X(cuMemUnmap, (DevicePointer address, std::size_t bytes))                                              \
  X(cuMemSetAccess, (DevicePointer address, std::size_t bytes, AccessDescriptor const* descriptors,      \
                     std::size_t count))                                                                 \
  X(cuMemGetAccess, (unsigned long long* flags, Location const* location, DevicePointer address))        \
  X(cuMemGetAllocationGranularity, (std::size_t * bytes, AllocationProperties const* properties, int option)) \
  X(cuMemRetainAllocationHandle, (AllocationHandle * handle, void* address))                             \
  X(cuMemGetAllocationPropertiesFromHandle, (AllocationProperties * properties, AllocationHandle handle)) \
  X(cuMemExportToShareableHandle, (void* shareable, AllocationHandle handle, int type, unsigned long long flags))

/// NVML, of which every function is optional.
#define VRAM_NVML(X)                                                                            \
  X(nvmlInit_v2, ())                                                                            \
  X(nvmlShutdown, ())                                                                           \
  X(nvmlSystemGetDriverVersion, (char* version, unsigned room))                                 \
  X(nvmlDeviceGetHandleByUUID, (char const* uuid, Handle* device))                              \
  X(nvmlDeviceGetHandleByPciBusId_v2, (char const* id, Handle* device))                         \
  X(nvmlDeviceGetMigMode, (Handle device, unsigned* current, unsigned* pending))                \
  X(nvmlDeviceGetAddressingMode, (Handle device, AddressingMode* mode))                         \
  X(nvmlDeviceGetEccMode, (Handle device, unsigned* current, unsigned* pending))                \
  X(nvmlDeviceGetTotalEccErrors, (Handle device, int kind, int counter, unsigned long long* count)) \
  X(nvmlDeviceGetRemappedRows, (Handle device, unsigned* corrected, unsigned* uncorrected,      \
                                unsigned* pending, unsigned* failed))                           \
  X(nvmlDeviceGetPersistenceMode, (Handle device, unsigned* mode))                              \
  X(nvmlDeviceGetSerial, (Handle device, char* serial, unsigned room))                          \
  X(nvmlDeviceGetBAR1MemoryInfo, (Handle device, Bar1* bar))                                    \
  X(nvmlDeviceGetMemoryInfo_v2, (Handle device, Memory* memory))                                \
  X(nvmlDeviceGetClockInfo, (Handle device, int kind, unsigned* megahertz))                     \
  X(nvmlDeviceGetMaxClockInfo, (Handle device, int kind, unsigned* megahertz))                  \
  X(nvmlDeviceGetCurrentClocksThrottleReasons, (Handle device, unsigned long long* reasons))    \
  X(nvmlDeviceGetCurrPcieLinkGeneration, (Handle device, unsigned* generation))                 \
  X(nvmlDeviceGetCurrPcieLinkWidth, (Handle device, unsigned* width))
