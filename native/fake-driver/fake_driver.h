/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Control of the fake driver: a `libcuda.so.1` and `libnvidia-ml.so.1` with host memory as device memory, for tests.
 *
 * An application uses the two libraries exactly as it uses NVIDIA's. A test opens the same `libcuda.so.1` file by its path
 * (`dlopen` or `bun:ffi` return the copy that is loaded already) and steers it through the functions below. Nothing is read
 * from the environment, and none of this is in a published package.
 *
 * State belongs to the process and is shared by all its threads; every function may be called from any thread at any time,
 * except that vrfake_reset() must not run beside driver calls. Functions that return `int32_t` return 0, or -1 when the
 * request makes no sense; vrfake_problem() then says why, for the calling thread.
 *
 * Settings stay until they are changed. Faults are counted from the call that arms them, fire once unless said
 * otherwise, and are disarmed by vrfake_disarm() and vrfake_reset(). `function` is an exported symbol, for example
 * "cuMemCreate" or "cuMemcpyHtoDAsync_v2" or "nvmlDeviceGetUUID"; NULL means any function of the driver (`cu*`) but
 * cuGetErrorName and cuGetErrorString, which nothing counts. `nth` starts at 1.
 */
#ifndef VRFAKE_FAKE_DRIVER_H
#define VRFAKE_FAKE_DRIVER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VRFAKE_API __attribute__((visibility("default")))

/** The version of this interface. */
#define VRFAKE_ABI_VERSION 1u

/* ------------------------------------------------------------------------------------------------- settings */

/** Returns VRFAKE_ABI_VERSION. */
VRFAKE_API uint32_t vrfake_abi_version(void);

/**
 * Back to a process that has just loaded the driver: profile "h200", nothing allocated, no context, no fault, counters at 0.
 * Waits for running work. Handles from before are then unknown to the driver.
 */
VRFAKE_API void vrfake_reset(void);

/**
 * Changes settings. Takes effect at once, also for what is allocated already. On -1 nothing has changed.
 *
 * @param text `key=value` pairs, separated by spaces or newlines, in order:
 *   profile=NAME           start from a profile: h200, no-vmm, integrated, hmm, ats, wsl, small-memory, two-devices, no-device,
 *                          old-driver, no-nvml, mig, vgpu. Forgets every setting so far; what is allocated stays,
 *                          so it may not take away a device that is in use.
 *   driver_version=N       what cuDriverGetVersion says; functions newer than that are refused.
 *   devices=N              0 to 8 devices; new ones are like device 0, with another UUID and PCI address.
 *   device=N               keys from here on are for this device only. Without it: for every device.
 *   name=TEXT              `_` stands for a space.
 *   total_bytes=N          size of device memory. foreign_bytes=N: used by another process.
 *   largest_bytes=N        no single allocation may be larger (fragmentation). granularity=N: of the VMM calls.
 *   context_bytes=N        what a context costs.
 *   pinning=0|1            0: pinned host memory is refused. vmm=0|1: the VMM calls exist or are NOT_SUPPORTED.
 *   poison_bytes=N         new memory holds 0xA5 up to here, beyond it only in the first 4 KiB of every 2 MiB. 0: zeros.
 *   check_wipe=0|1         whether memory is looked through when it is freed, for vrfake_dirty_bytes().
 *   readonly_copy=error|fault  a copy into read-only memory: CUDA_ERROR_INVALID_VALUE at once, or the sticky 700.
 *   attribute.N=V          cuDeviceGetAttribute(N). pointer.N=V: what pointer attribute N says of any device memory (a lie).
 *   pointer.N=none         attribute N of device memory fails with CUDA_ERROR_INVALID_VALUE.
 *   location=T             location type that cuMemGetAllocationPropertiesFromHandle says (a lie; 0: the truth).
 *   kernel_release=TEXT    what vrfake_kernel_release() says.
 *   nvml=0|1               0: nvmlInit_v2 fails. addressing=none|hmm|ats, ecc=0|1, mig=0|1, remap_pending=0|1,
 *   remap_failed=0|1, ecc_corrected=N, ecc_uncorrected=N   what NVML says.
 */
VRFAKE_API int32_t vrfake_configure(const char* text);

/** Why this thread's last vrfake_ call returned -1, in one line. Valid until its next vrfake_ call. */
VRFAKE_API const char* vrfake_problem(void);

/** The text that /proc/sys/kernel/osrelease would hold under this profile. Valid until the next vrfake_configure(). */
VRFAKE_API const char* vrfake_kernel_release(void);

/* --------------------------------------------------------------------------------------------------- faults */

/** The `nth` call of `function` does nothing and returns `code`. */
VRFAKE_API int32_t vrfake_fail(const char* function, uint64_t nth, int32_t code);

/** As vrfake_fail(), and the code sticks to the device of the call: see vrfake_stick(). */
VRFAKE_API int32_t vrfake_fail_sticky(const char* function, uint64_t nth, int32_t code);

/** The `nth` call of `function` (0: every call) sleeps `milliseconds` in the caller, holding nothing, and then works. */
VRFAKE_API int32_t vrfake_delay(const char* function, uint64_t nth, uint32_t milliseconds);

/** The `nth` copy on any stream, synchronous ones included (0: every copy), takes `milliseconds` longer on the device. */
VRFAKE_API int32_t vrfake_slow_copy(uint64_t nth, uint32_t milliseconds);

/** The `nth` copy moves only its first `bytes` and reports success. */
VRFAKE_API int32_t vrfake_short_copy(uint64_t nth, uint64_t bytes);

/** The `nth` copy delivers the byte at `offset` of its target XORed with `mask`, and reports success. Fires only if it is that long. */
VRFAKE_API int32_t vrfake_flip_copy(uint64_t nth, uint64_t offset, uint8_t mask);

/** The `nth` kernel launch (0: every launch) does nothing and reports success. */
VRFAKE_API int32_t vrfake_idle_launch(uint64_t nth);

/** XORs the byte at `offset` of a live allocation with `mask`, now. @param id see vrfake_allocation(). */
VRFAKE_API int32_t vrfake_flip(uint64_t id, uint64_t offset, uint8_t mask);

/** From now on every call that needs a context on `device` returns `code`, and work queued there is dropped. Until vrfake_reset(). */
VRFAKE_API int32_t vrfake_stick(uint32_t device, int32_t code);

/** The device falls off the bus: as vrfake_stick() with CUDA_ERROR_DEVICE_UNAVAILABLE; NVML says GPU_IS_LOST. */
VRFAKE_API int32_t vrfake_lose(uint32_t device);

/** Disarms every fault that has not fired. Sticky errors stay. */
VRFAKE_API void vrfake_disarm(void);

/** How many armed faults have fired since vrfake_reset(); every firing of a repeating one counts. */
VRFAKE_API uint64_t vrfake_fired(void);

/* --------------------------------------------------------------------------------------------- observations */

/** Driver calls since vrfake_reset(), those that failed included. */
VRFAKE_API uint64_t vrfake_calls(void);

/** Calls of one function since vrfake_reset(). */
VRFAKE_API uint64_t vrfake_calls_of(const char* function);

/** The function that the `nth` driver call since vrfake_reset() was for; "" beyond the last or beyond 65,536. */
VRFAKE_API const char* vrfake_call_name(uint64_t nth);

/** What vrfake_live() counts. */
enum {
  VRFAKE_ALLOCATIONS =
      0, /**< Blocks of device memory, VMM and plain, that a handle, a mapping or an address still holds. */
  VRFAKE_HANDLES = 1,      /**< References to VMM handles: cuMemCreate, import and retain add one each. */
  VRFAKE_MAPPINGS = 2,     /**< VMM mappings. */
  VRFAKE_RESERVATIONS = 3, /**< VMM address ranges. */
  VRFAKE_PLAIN = 4,        /**< cuMemAlloc and cuMemAllocManaged. */
  VRFAKE_PINNED = 5,       /**< Pinned host ranges, allocated or registered. */
  VRFAKE_PINNED_BYTES = 6,
  VRFAKE_STREAMS = 7,
  VRFAKE_EVENTS = 8,
  VRFAKE_MODULES = 9,
  VRFAKE_CONTEXTS = 10, /**< References to primary contexts, and created contexts. */
  VRFAKE_NVML = 11,     /**< nvmlInit_v2 calls without their nvmlShutdown. */
  VRFAKE_LIVE_KINDS = 12
};

/** How many things of a kind are alive; UINT64_MAX for an unknown kind. */
VRFAKE_API uint64_t vrfake_live(uint32_t kind);

/** vrfake_live(VRFAKE_ALLOCATIONS). */
VRFAKE_API uint64_t vrfake_live_allocations(void);

/** Device memory that allocations of this process hold. Unit: bytes; UINT64_MAX for an unknown device. */
VRFAKE_API uint64_t vrfake_used_bytes(uint32_t device);

/** The most that vrfake_live(VRFAKE_PINNED_BYTES) has been since vrfake_reset(). Unit: bytes. */
VRFAKE_API uint64_t vrfake_pinned_peak_bytes(void);

/** Bytes other than zero in device memory at the moment it was freed, since vrfake_reset(). */
VRFAKE_API uint64_t vrfake_dirty_bytes(void);

/** Bytes other than zero in pinned host memory at the moment it was freed or unregistered, since vrfake_reset(). */
VRFAKE_API uint64_t vrfake_dirty_pinned_bytes(void);

/** One live allocation. */
typedef struct vrfake_allocation_info {
  uint64_t id; /**< Never reused in the process; what CU_POINTER_ATTRIBUTE_MEMORY_BLOCK_ID says. */
  uint64_t bytes;
  uint32_t device;
  uint32_t vmm;    /**< 1 for cuMemCreate, 0 for cuMemAlloc. */
  uint32_t access; /**< Of its first mapping for its own device: 0 none or not mapped, 1 read, 3 read and write. */
  uint32_t mappings;
} vrfake_allocation_info;

/** Describes the live allocation at `index`, oldest first. */
VRFAKE_API int32_t vrfake_allocation(uint64_t index, vrfake_allocation_info* info_out);

/** Reads device memory past the driver, whatever its protection. */
VRFAKE_API int32_t vrfake_peek(uint64_t id, uint64_t offset, void* target, uint64_t bytes);

/** Writes device memory past the driver, whatever its protection. */
VRFAKE_API int32_t vrfake_poke(uint64_t id, uint64_t offset, const void* source, uint64_t bytes);

/* -------------------------------------------------------------------------------------------------- kernels */

/** The shape of one launch. */
typedef struct vrfake_launch {
  uint32_t grid[3];
  uint32_t block[3];
  uint32_t shared_bytes;
  uint32_t device;
} vrfake_launch;

/** A kernel compiled for the host. */
typedef struct vrfake_kernel {
  const char* name;            /**< As cuModuleGetFunction is asked for it. */
  const uint32_t* param_bytes; /**< Size of each parameter, ended by 0. They are copied when the kernel is launched. */
  /** Runs the whole grid on a thread of the stream. `params[i]` points at a copy of parameter i; a device address may be used as a pointer. */
  void (*run)(const vrfake_launch* launch, void* const* params);
} vrfake_kernel;

/**
 * Takes the kernels of a library: it must export `const vrfake_kernel* vrfake_kernel_table(uint32_t* count_out)`. The library
 * stays loaded. Kernels survive vrfake_reset(); a later one of the same name replaces an earlier one.
 *
 * A store to read-only memory, and any access to device memory that is not mapped, ends the kernel with the sticky
 * CUDA_ERROR_ILLEGAL_ADDRESS. It is left by siglongjmp: no destructor of the kernel runs then.
 */
VRFAKE_API int32_t vrfake_kernels(const char* path);

/** Takes one kernel, which must stay valid. */
VRFAKE_API int32_t vrfake_register_kernel(const vrfake_kernel* kernel);

#ifdef __cplusplus
}
#endif

#endif
