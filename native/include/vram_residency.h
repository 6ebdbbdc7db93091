/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vram_residency.h - the C ABI of libvram_residency.so. Nothing that is not declared here is exported.
 *
 * The library links to no CUDA library: it opens the driver (libcuda.so.1) and NVML (libnvidia-ml.so.1) itself, so it
 * loads on every machine and can say what is missing.
 *
 * Rules, for every function below:
 *   - Returns VR_OK or a negative VR_E* status. On failure no *_out value is written, unless a function says otherwise;
 *     vr_last_error() then tells the calling thread more.
 *   - Sizes and offsets are in bytes, times in milliseconds. Pointers are host pointers to memory of the caller and are
 *     not kept after return. No pointer may be null; where there is nothing to pass, the length beside it is 0.
 *   - No device address ever crosses. An allocation is a handle, (generation << 32) | slot: slots are numbered per
 *     device from 0 and used again, the generation of a slot starts at 1 and only grows, so a handle names one
 *     allocation for ever. Every call names the device as well; the handle of another device is stale.
 *   - Contexts and tickets are non-zero, and never used again in one process.
 *   - Texts are UTF-8 without a final zero, their length beside them; in structs they are padded with zeros to the
 *     field's size and always end with at least one.
 *   - Structs are made of fixed-width fields, laid out without gaps in every C ABI with 8-byte alignment of uint64_t.
 *     Fields called reserved are zero. A struct that the caller fills begins as all zeros.
 *   - Safe to call from any thread. No function but vr_close() waits for a driver or for a disk.
 *   - Never prints, never exits, never throws across this boundary, never calls back, touches no signal handler.
 *
 * Work. A vr_submit_*() call checks its arguments, queues the work, and gives a ticket. What it checks at once: the
 * context, the device, that the handle is live, and ranges. The ticket lives until vr_ticket_free(). When the work has
 * ended, or progressed, an event is stored for the ticket and one byte is written to the context's wake-up pipe; the
 * caller then drains vr_events(). Every device has a queue and a thread of its own:
 *   - Work on different allocations of one device takes turns, a chunk (4 MiB) at a time. Background work takes a turn
 *     only when no foreground work can run, or when foreground work waits for it.
 *   - Work on one allocation happens in the order of submission; readers (read, digest, evidence) may overlap.
 *   - A handle is stale from the moment its vr_submit_free() returns VR_OK: digests and ingests of it that are still
 *     queued or running end with VR_ESTALE, other work that was submitted before it is done first.
 *   - Cancelling, and a deadline, take effect between two chunks, and leave the allocation live.
 *
 * After a sticky driver error a device is lost: everything queued for it, and everything submitted later, ends with
 * VR_EDEVICE_LOST. It stays lost until the process ends.
 */
#ifndef VRAM_RESIDENCY_H
#define VRAM_RESIDENCY_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VR_API __attribute__((visibility("default")))

/* Changes whenever a signature, a constant, a struct or a documented meaning changes. */
#define VR_ABI_VERSION 1u

/* ---- Statuses --------------------------------------------------------------------------------------------------- */

#define VR_OK 0
#define VR_EINVAL (-1)       /* an argument no call could make sense of: a null pointer, a size, a flag, an alignment */
#define VR_ECLOSED (-2)      /* the context is unknown, closing or closed */
#define VR_ENODEVICE (-3)    /* no device has this ordinal */
#define VR_ESTALE (-4)       /* the handle, or the ticket, is not live */
#define VR_EBOUNDS (-5)      /* offset + length reaches past the end */
#define VR_EPROTECTED (-6)   /* a write to an allocation that is read-only */
#define VR_EVRAM (-7)        /* not enough device memory: vr_error has needed, available, largest and foreign bytes */
#define VR_EALLOCATION (-8)  /* the driver refused an allocation for another reason: vr_error has its code and name */
#define VR_ECOPY (-9)        /* the driver failed in a copy, a fill, a launch or a query: vr_error has its code and name, or code
                        * 0 where it said that all was well and something was left out */
#define VR_EDEVICE_LOST (-10) /* a sticky driver error, now or earlier: vr_error has its code and name */
#define VR_EUNAVAILABLE (-11) /* no driver, no device, or a function the driver is too old for */
#define VR_ECANCELLED (-12)  /* vr_cancel(), vr_ticket_free() or closing ended it */
#define VR_EDEADLINE (-13)   /* its deadline ended it */
#define VR_EBUSY (-14)       /* the queue is full: VR_QUEUE_MAX pieces of work are under way on this device */
#define VR_EAGAIN (-15)      /* not now: the work has not ended, or the ring has no room; an event will tell */
#define VR_ESOURCE (-16)     /* the source failed: vr_error.reason is a VR_REASON_* value */
#define VR_EHOST (-17)       /* the host refused memory, a thread, a descriptor or pinned pages: vr_error has errno */
#define VR_EUNSUPPORTED (-18) /* this device, driver or build cannot do it: export of plain memory, for one */
#define VR_EBUG (-19)        /* an invariant broke; report it */

/* vr_error.reason for VR_ESOURCE. */
#define VR_REASON_UNREADABLE 1
#define VR_REASON_CHANGED 2   /* it is longer than it was to be, or it changed while it was read */
#define VR_REASON_TRUNCATED 3 /* it ended early */

/* An answer the driver could not give. Every field marked "known" below may hold it; it is never "no". */
#define VR_UNKNOWN (-1)

/* ---- Limits ----------------------------------------------------------------------------------------------------- */

#define VR_SLOT_BYTES 4194304u     /* one slot of the staging ring, one chunk of work, most bytes of one read or write */
#define VR_QUEUE_MAX 4096u         /* pieces of work under way on one device */
#define VR_DEVICES_MAX 64u
#define VR_LEAVES_RANGE_MAX 1073741824u /* longest range whose leaves a digest returns */

/* ---- Structs ---------------------------------------------------------------------------------------------------- */

/* What went wrong. All text is one line without a full stop, and holds no address and no content. */
typedef struct vr_error {
  int32_t status;         /* VR_E*, or VR_OK when nothing failed */
  int32_t driver_code;    /* the driver's own number, 0 when it was not the driver */
  int32_t system_code;    /* errno, 0 when it was not the system */
  int32_t reason;         /* VR_REASON_*, or 0 */
  uint64_t needed_bytes;  /* VR_EVRAM: the request, rounded up to the granularity */
  uint64_t available_bytes;
  uint64_t largest_bytes;
  uint64_t foreign_bytes;
  uint32_t device;        /* ordinal, or 0xffffffff when no device is concerned */
  uint32_t restart_needed; /* VR_EDEVICE_LOST: 1 when only a new process can use the device again */
  uint8_t driver_name[64]; /* "CUDA_ERROR_ILLEGAL_ADDRESS" */
  uint8_t operation[48];  /* the driver or system function that failed: "cuMemCreate", "pread" */
  uint8_t message[256];
} vr_error;

/* One device. Fields marked "known" are 0, 1 or VR_UNKNOWN unless said otherwise. */
typedef struct vr_device {
  uint32_t ordinal;
  uint32_t lost;             /* 1 after a sticky error */
  uint64_t total_bytes;
  uint8_t uuid[48];          /* "GPU-" and 36 characters; "MIG-" and 36 for a slice that the driver names so */
  uint8_t name[128];
  uint8_t pci[32];           /* "0000:3b:00.0", empty when unknown */
  uint8_t mig[64];           /* name of the slice, empty when the device is none or nobody knows */
  uint8_t driver_version[32]; /* "580.65.06" from NVML; empty when unknown */
  int32_t cuda_version;      /* what the driver supports: 13000 for 13.0 */
  int32_t capability_major;  /* known */
  int32_t capability_minor;  /* known */
  int32_t integrated;        /* known: memory shared with the host */
  int32_t driver_model;      /* known: VR_MODEL_* */
  int32_t vmm;               /* known: virtual memory management */
  int32_t addressing;        /* known: VR_ADDRESSING_* */
  int32_t numa_node;         /* known: device memory is a NUMA node of the host */
  int32_t ecc;               /* known: on */
  int32_t row_remap;         /* known: VR_REMAP_* */
  int32_t mig_mode;          /* known */
  int32_t mps;               /* known */
  int32_t exportable;        /* known: allocations can be exported as descriptors */
  int32_t reserved;
} vr_device;

#define VR_MODEL_LINUX 0
#define VR_MODEL_WSL 1
#define VR_MODEL_WDDM 2
#define VR_MODEL_TCC 3

#define VR_ADDRESSING_NONE 0
#define VR_ADDRESSING_HMM 1
#define VR_ADDRESSING_ATS 2

#define VR_REMAP_CLEAN 0
#define VR_REMAP_PENDING 1
#define VR_REMAP_FAILED 2

/* How full a device is: total = free + ours + foreign. Report of vr_submit_capacity(). */
typedef struct vr_capacity {
  uint64_t total_bytes;
  uint64_t free_bytes;
  uint64_t largest_bytes;     /* largest allocation that would succeed now: free, rounded down to the granularity */
  uint64_t granularity_bytes; /* what sizes are rounded up to */
  uint64_t ours_bytes;        /* rounded sizes of this context's live allocations */
  uint64_t foreign_bytes;
  uint64_t staging_bytes;     /* host memory that holds weights now; 0 when no work that stages is under way */
  uint64_t pinned_bytes;      /* host memory the ring keeps pinned, wiped; 0 about a second after it was last used */
} vr_capacity;

/* Report of vr_submit_allocate(). */
typedef struct vr_allocation {
  uint64_t handle;
  uint64_t bytes;         /* as asked for */
  uint64_t rounded_bytes; /* what it is charged with */
} vr_allocation;

/* What the driver says of one allocation. Report of vr_submit_evidence(); observations beside it as part
 * VR_PART_OBSERVATIONS, one flat JSON object. */
typedef struct vr_evidence {
  int32_t path;           /* VR_PATH_* */
  int32_t location;       /* known: VR_LOCATION_*, by the allocation's own properties; unknown on the plain path */
  int32_t location_id;    /* known: ordinal the driver says it lies on */
  int32_t memory_type;    /* known: VR_MEMORY_*, by pointer attributes of its first, middle and last byte */
  int32_t managed;        /* known */
  int32_t host_pointer;   /* known: the driver gives a host pointer for it */
  int32_t mapped;         /* known */
  int32_t access;         /* known: VR_ACCESS_* */
  uint64_t range_bytes;   /* size of the driver's range around it */
  uint64_t buffer_id;     /* the driver's never-reused number; 0: unknown */
  uint64_t block_id;      /* the same for the physical block; 0: unknown */
  uint32_t handle_types;  /* bit 0: POSIX descriptor */
  int32_t covers;         /* known: the driver's range covers every byte of it */
  int32_t pool;           /* known: it belongs to a memory pool */
  int32_t host_access;    /* known: VR_ACCESS_* of the host; must be none where the driver can tell */
} vr_evidence;

#define VR_PATH_VMM 0
#define VR_PATH_PLAIN 1

#define VR_LOCATION_DEVICE 0
#define VR_LOCATION_HOST 1
#define VR_LOCATION_HOST_NUMA 2

#define VR_MEMORY_DEVICE 0
#define VR_MEMORY_HOST 1
#define VR_MEMORY_MANAGED 2

#define VR_ACCESS_NONE 0
#define VR_ACCESS_READ 1
#define VR_ACCESS_READ_WRITE 3
#define VR_ACCESS_UNENFORCED 4 /* the driver has no such protection; reads and writes through this library obey it */

/* Report of vr_submit_ingest() and vr_submit_digest(). Levels of the tree are parts of the result. */
typedef struct vr_digest_report {
  uint64_t bytes;
  uint64_t level1_bytes;  /* length of part VR_PART_LEVEL1: 32 per 512 KiB, of a single block its leaf; 0: none */
  uint64_t leaves_bytes;  /* length of part VR_PART_LEAVES: 32 per block of 4096; 0: none */
  uint32_t has;           /* VR_HAS_*: which digests follow */
  uint32_t engine;        /* VR_ENGINE_*: what hashed */
  uint8_t identity[32];   /* plain SHA-256 */
  uint8_t residency[32];  /* of the algorithm asked for, SHA-256 included */
  uint8_t salted[32];     /* fs-verity under the salt */
} vr_digest_report;

#define VR_HAS_IDENTITY 1u
#define VR_HAS_RESIDENCY 2u
#define VR_HAS_SALTED 4u

#define VR_ENGINE_CPU 0u   /* on the host, over what was staged or read back through the ring */
#define VR_ENGINE_CUBIN 1u /* on the device, by a compiled kernel */
#define VR_ENGINE_PTX 2u   /* on the device, by a kernel the driver compiled */

/* Report of vr_submit_wipe(). */
typedef struct vr_wipe_report {
  uint64_t bytes;          /* rounded size: everything up to the granule is wiped */
  uint64_t checked_bytes;
  uint64_t non_zero_bytes; /* found after zeroing; anything but 0 means that the memory must not be used again */
} vr_wipe_report;

/* What vr_open() is told. All zeros are the defaults. */
typedef struct vr_open_options {
  uint64_t staging_bytes; /* most host memory the ring of one device takes; rounded down to slots, at least two. 0: 128 MiB */
  uint32_t flags;         /* VR_OPEN_* */
  uint32_t threads;       /* that read and hash, per device. 0: as many as processors, at most 8 */
  uint64_t idle_ms;       /* the ring is released when it has been idle this long. 0: 1000 */
} vr_open_options;

#define VR_OPEN_TEST 1u     /* accept a driver that says of itself that it is a fake. vr_context_info() tells */
#define VR_OPEN_PAGEABLE 2u /* stage through pageable memory, for hosts that refuse pinning */
#define VR_OPEN_PLAIN 4u    /* never use VMM: the reduced claim also where more is there */

/* What vr_submit_ingest() is told. */
typedef struct vr_ingest_options {
  uint64_t leaves_handle; /* an allocation of the same device that receives the fs-verity leaves; 0: none */
  uint64_t offset;        /* file sources: where the shard begins in the file */
  int64_t file;           /* descriptor, when source is VR_SOURCE_DESCRIPTOR; duplicated at once */
  uint32_t source;        /* VR_SOURCE_* below */
  uint32_t algorithm;     /* VR_FSVERITY_SHA256 or VR_BLAKE3 */
  uint32_t flags;         /* VR_INGEST_* */
  uint32_t reserved;
} vr_ingest_options;

#define VR_SOURCE_PUSH 0u       /* the caller gives the bytes with vr_push() */
#define VR_SOURCE_DESCRIPTOR 1u /* read with pread from a descriptor; its own offset does not move */
#define VR_SOURCE_PATH 2u       /* the library opens the path itself, and follows no symbolic link at its end */

#define VR_INGEST_IDENTITY 1u   /* also compute the identity digest */
#define VR_INGEST_WHOLE_FILE 2u /* the file must end where the shard ends */
#define VR_INGEST_UNCACHE 4u    /* ask the system to drop from its cache what was read */

#define VR_SHA256 0u
#define VR_FSVERITY_SHA256 1u
#define VR_BLAKE3 2u

/* What vr_submit_digest() is told. The range is digested as if it were a whole file. */
typedef struct vr_digest_options {
  uint64_t offset;      /* a multiple of 4096 */
  uint64_t bytes;       /* 0 is an empty range, not "everything" */
  uint32_t algorithm;   /* VR_SHA256, VR_FSVERITY_SHA256 or VR_BLAKE3 */
  uint32_t flags;       /* VR_DIGEST_* */
  uint32_t salt_bytes;  /* 1 to 32 for fs-verity under a salt besides the plain one; 0: none */
  uint32_t reserved;
  uint8_t salt[32];
} vr_digest_options;

#define VR_DIGEST_LEVEL1 1u     /* fs-verity only: return level 1 of the plain tree */
#define VR_DIGEST_LEAVES 2u     /* fs-verity only: return its leaves; the range is at most VR_LEAVES_RANGE_MAX */
#define VR_DIGEST_BACKGROUND 4u /* give way to foreground work */
#define VR_DIGEST_ON_HOST 8u    /* read back and hash on the host even where there are kernels */

/* Where a piece of work stands. */
typedef struct vr_progress {
  uint64_t bytes_done;
  uint64_t bytes_total; /* 0 for work that counts nothing */
  uint32_t state;       /* VR_STATE_* */
  int32_t status;       /* of work that has ended, otherwise VR_EAGAIN */
  uint64_t room_bytes;  /* ingest with VR_SOURCE_PUSH: what vr_push() would take now */
} vr_progress;

#define VR_STATE_QUEUED 0u
#define VR_STATE_RUNNING 1u
#define VR_STATE_ENDED 2u

/* What happened to a ticket since its last event. */
typedef struct vr_event {
  uint64_t ticket;
  uint32_t what; /* VR_EVENT_*, added up */
  uint32_t reserved;
} vr_event;

#define VR_EVENT_ENDED 1u    /* vr_outcome() has the answer. Never sent twice */
#define VR_EVENT_PROGRESS 2u /* vr_poll() has new numbers */
#define VR_EVENT_ROOM 4u     /* vr_push() can take more */

/* Parts of a result that have no fixed size, for vr_result_part(). */
#define VR_PART_DATA 0u         /* vr_submit_read(): the bytes */
#define VR_PART_LEVEL1 1u
#define VR_PART_LEAVES 2u
#define VR_PART_OBSERVATIONS 3u /* vr_submit_evidence(), _facts() and _digest(): JSON text */

/* ---- The library ------------------------------------------------------------------------------------------------ */

/* Returns VR_ABI_VERSION as compiled. Check it before any other call. */
VR_API uint32_t vr_abi_version(void);

/*
 * Writes the sizes of the structs above as compiled, in the order of their declaration: vr_error, vr_device,
 * vr_capacity, vr_allocation, vr_evidence, vr_digest_report, vr_wipe_report, vr_open_options, vr_ingest_options,
 * vr_digest_options, vr_progress, vr_event.
 *
 * sizes_out  receives at most `count` sizes
 * count      room in sizes_out
 *
 * Returns how many there are, whatever the room.
 */
VR_API uint32_t vr_struct_sizes(uint32_t *sizes_out, uint32_t count);

/*
 * Describes the build as a JSON object: version, abi, compiler, standard, architecture, sanitizer, kernels (a list of
 * targets, empty when built without), cpu (what the CPU digests use on this machine).
 *
 * text_out, room  where the text goes and how much fits
 * bytes_out       length of the whole text, written also when VR_EBOUNDS is returned
 *
 * Returns VR_OK, VR_EINVAL, VR_EBOUNDS (nothing but bytes_out was written).
 */
VR_API int32_t vr_build_info(uint8_t *text_out, uint64_t room, uint64_t *bytes_out);

/*
 * Tells about the calling thread's last call that failed. Calls that succeed do not change it.
 *
 * Returns VR_OK; error_out->status is VR_OK when none has failed.
 */
VR_API int32_t vr_last_error(vr_error *error_out);

/* ---- Contexts --------------------------------------------------------------------------------------------------- */

/*
 * Makes a context. Touches no driver: vr_submit_start() does.
 *
 * options           see the struct; its flags and sizes are checked
 * cuda, cuda_bytes  absolute path of the driver library, or length 0 for the system's own search for libcuda.so.1
 * nvml, nvml_bytes  the same for libnvidia-ml.so.1
 * context_out       receives the context; release it with vr_close()
 * wake_out          receives the read end of the wake-up pipe, non-blocking and close-on-exec. It belongs to the caller,
 *                   who closes it after vr_close(); it is at its end from then on. What the bytes are does not matter.
 *
 * Returns VR_OK, VR_EINVAL, VR_EHOST.
 */
VR_API int32_t vr_open(const vr_open_options *options, const uint8_t *cuda, uint64_t cuda_bytes, const uint8_t *nvml,
                       uint64_t nvml_bytes, uint64_t *context_out, int32_t *wake_out);

/*
 * Loads the driver, initialises it, and reads what there is to know of every device. The first work of a context; work
 * for a device is refused with VR_ENODEVICE until it has ended.
 *
 * The work ends with VR_OK, also when there are no devices and vr_device_count() says 0; with VR_EUNAVAILABLE when
 * there is no driver, it is a fake and VR_OPEN_TEST is not set, or it is too old; or with the driver's own failure.
 *
 * Returns VR_OK, VR_EINVAL, VR_ECLOSED, VR_EBUSY (it was started before).
 */
VR_API int32_t vr_submit_start(uint64_t context, uint64_t *ticket_out);

/*
 * Ends all work, zeroes and frees every allocation, wipes and releases the rings, releases the devices. Everything
 * submitted before ends first, with VR_ECANCELLED unless it was done; everything submitted later is refused.
 *
 * Returns VR_OK, VR_EINVAL, VR_ECLOSED (also when this was submitted before).
 */
VR_API int32_t vr_submit_close(uint64_t context, uint64_t *ticket_out);

/*
 * Releases the context and its tickets. Does the work of vr_submit_close() when that has not been done, and waits for
 * it: call it after that ticket has ended, when waiting is not allowed.
 *
 * Returns VR_OK, VR_ECLOSED.
 */
VR_API int32_t vr_close(uint64_t context);

/*
 * Describes the context as a JSON object: test (VR_OPEN_TEST was given), fake (the driver says it is one), cuda and
 * nvml (path each was loaded from, null when not), cudaVersion, driverVersion, missing (driver functions it has not).
 *
 * Arguments as in vr_build_info(). Returns VR_OK, VR_EINVAL, VR_ECLOSED, VR_EBOUNDS.
 */
VR_API int32_t vr_context_info(uint64_t context, uint8_t *text_out, uint64_t room, uint64_t *bytes_out);

/* Number of devices, once vr_submit_start() has ended. Returns VR_OK, VR_EINVAL, VR_ECLOSED, VR_EAGAIN. */
VR_API int32_t vr_device_count(uint64_t context, uint32_t *count_out);

/*
 * What was last read of a device, at the start or by vr_submit_facts(). `lost` is always up to date.
 *
 * Returns VR_OK, VR_EINVAL, VR_ECLOSED, VR_ENODEVICE.
 */
VR_API int32_t vr_device_facts(uint64_t context, uint32_t device, vr_device *facts_out);

/* ---- Tickets ---------------------------------------------------------------------------------------------------- */

/*
 * Takes the events of every ticket that has any, oldest first. After it returned fewer than `room`, the next event
 * writes to the wake-up pipe again.
 *
 * events_out, room  where they go and how many fit, at least 1
 * count_out         how many there were
 *
 * Returns VR_OK, VR_EINVAL, VR_ECLOSED.
 */
VR_API int32_t vr_events(uint64_t context, vr_event *events_out, uint32_t room, uint32_t *count_out);

/* Where a piece of work stands. Returns VR_OK, VR_EINVAL, VR_ECLOSED, VR_ESTALE. */
VR_API int32_t vr_poll(uint64_t context, uint64_t ticket, vr_progress *progress_out);

/*
 * Ends work with VR_ECANCELLED as soon as it comes to the end of its chunk. Work that has ended stays as it is, and
 * vr_submit_free() cannot be taken back: neither this nor a deadline nor closing keeps it from being done.
 *
 * Returns VR_OK, VR_ECLOSED, VR_ESTALE.
 */
VR_API int32_t vr_cancel(uint64_t context, uint64_t ticket);

/*
 * Ends work with VR_EDEADLINE when it has not ended this many milliseconds from now. 0 takes the deadline away.
 *
 * Returns VR_OK, VR_ECLOSED, VR_ESTALE.
 */
VR_API int32_t vr_deadline(uint64_t context, uint64_t ticket, uint64_t milliseconds);

/*
 * Tells how work ended. error_out->status is its status; the function's own is VR_OK also for work that failed.
 *
 * Returns VR_OK, VR_EINVAL, VR_ECLOSED, VR_ESTALE, VR_EAGAIN (it has not ended).
 */
VR_API int32_t vr_outcome(uint64_t context, uint64_t ticket, vr_error *error_out);

/*
 * Copies the report of work that ended with VR_OK: the struct that its vr_submit_*() names.
 *
 * report_out  receives the struct
 * bytes       its size, exactly
 *
 * Returns VR_OK, VR_EINVAL (another size, or work without a report), VR_ECLOSED, VR_ESTALE, VR_EAGAIN.
 */
VR_API int32_t vr_report(uint64_t context, uint64_t ticket, uint8_t *report_out, uint64_t bytes);

/*
 * Copies some of a part of the result of work that ended with VR_OK.
 *
 * part        VR_PART_*; a part the work does not have is empty
 * offset      where to begin
 * data_out    receives the bytes
 * room        how many fit; may be 0, to learn the length
 * bytes_out   length of the whole part
 *
 * Copies min(room, length - offset) bytes. Returns VR_OK, VR_EINVAL, VR_ECLOSED, VR_ESTALE, VR_EAGAIN, VR_EBOUNDS
 * (offset lies past the end).
 */
VR_API int32_t vr_result_part(uint64_t context, uint64_t ticket, uint32_t part, uint64_t offset, uint8_t *data_out,
                              uint64_t room, uint64_t *bytes_out);

/*
 * Forgets a ticket and its result, with its events. Work that has not ended is cancelled, and what it would have
 * allocated or exported is given back.
 *
 * Returns VR_OK, VR_ECLOSED, VR_ESTALE.
 */
VR_API int32_t vr_ticket_free(uint64_t context, uint64_t ticket);

/* ---- Work ------------------------------------------------------------------------------------------------------- */
/*
 * Every function below returns, beside what it names: VR_OK, VR_EINVAL, VR_ECLOSED, VR_ENODEVICE, VR_EDEVICE_LOST,
 * VR_EBUSY, VR_EHOST, and with a handle VR_ESTALE. The work may end with any of VR_EDEVICE_LOST, VR_ECANCELLED,
 * VR_EDEADLINE, VR_ECOPY, VR_EHOST and VR_EBUG, and with what is named under "ends with".
 */

/* Reads the facts of a device again. Report: vr_device; part VR_PART_OBSERVATIONS: what else driver and NVML say. */
VR_API int32_t vr_submit_facts(uint64_t context, uint32_t device, uint64_t *ticket_out);

/* Asks how full a device is. Report: vr_capacity. */
VR_API int32_t vr_submit_capacity(uint64_t context, uint32_t device, uint64_t *ticket_out);

/*
 * Allocates zeroed device memory, readable and writable. Report: vr_allocation.
 *
 * bytes            at least 1
 * align_boundary   a power of two up to 4096: byte `align_offset` of the allocation lies on a multiple of it. Ranges
 *                  begin at multiples of the granularity, so this moves the start by (boundary - offset % boundary) %
 *                  boundary bytes, which count as part of the range. 1 and 0 for no wish
 * flags            VR_ALLOCATE_*
 *
 * Ends with VR_EVRAM, VR_EALLOCATION, VR_EUNSUPPORTED (not exportable here).
 */
VR_API int32_t vr_submit_allocate(uint64_t context, uint32_t device, uint64_t bytes, uint32_t align_boundary,
                                  uint64_t align_offset, uint32_t flags, uint64_t *ticket_out);

#define VR_ALLOCATE_EXPORTABLE 1u

/* Gives memory back. The handle is stale at once. Does not wipe: that is vr_submit_wipe(). No report. */
VR_API int32_t vr_submit_free(uint64_t context, uint32_t device, uint64_t handle, uint64_t *ticket_out);

/*
 * Changes who may write. No report.
 *
 * access  VR_ACCESS_READ or VR_ACCESS_READ_WRITE. Succeeds also where the driver enforces nothing: writes through this
 *         library are then refused, and the evidence says VR_ACCESS_UNENFORCED.
 */
VR_API int32_t vr_submit_protect(uint64_t context, uint32_t device, uint64_t handle, uint32_t access,
                                 uint64_t *ticket_out);

/* Asks the driver everything about one allocation. Report: vr_evidence; part VR_PART_OBSERVATIONS. */
VR_API int32_t vr_submit_evidence(uint64_t context, uint32_t device, uint64_t handle, uint64_t *ticket_out);

/*
 * Reads bytes of an allocation, as part VR_PART_DATA.
 *
 * bytes  at most VR_SLOT_BYTES
 *
 * Returns VR_EBOUNDS besides.
 */
VR_API int32_t vr_submit_read(uint64_t context, uint32_t device, uint64_t handle, uint64_t offset, uint64_t bytes,
                              uint64_t *ticket_out);

/*
 * Writes bytes into an allocation. They are copied before the function returns. No report.
 *
 * bytes  at most VR_SLOT_BYTES
 *
 * Returns VR_EBOUNDS besides. Ends with VR_EPROTECTED.
 */
VR_API int32_t vr_submit_write(uint64_t context, uint32_t device, uint64_t handle, uint64_t offset,
                               const uint8_t *data, uint64_t bytes, uint64_t *ticket_out);

/* Zeroes all of an allocation, waits, and looks at all of it: by a kernel, or by reading it back. Report: vr_wipe_report. Ends with VR_EPROTECTED. */
VR_API int32_t vr_submit_wipe(uint64_t context, uint32_t device, uint64_t handle, uint64_t *ticket_out);

/*
 * Exports an allocation that was made with VR_ALLOCATE_EXPORTABLE. Report: one int32_t, a descriptor that belongs to
 * the caller once the report has been taken. An importer may map it writable: read-only binds this process alone.
 *
 * Ends with VR_EUNSUPPORTED, VR_EALLOCATION.
 */
VR_API int32_t vr_submit_export(uint64_t context, uint32_t device, uint64_t handle, uint64_t *ticket_out);

/*
 * Fills the whole allocation from a source through the staging ring, and hashes the very bytes that are copied.
 * Report: vr_digest_report; part VR_PART_LEVEL1 for fs-verity.
 *
 * options           see the struct. The leaves allocation must hold 32 bytes for every 4096 of the shard, rounded up to
 *                   4096: what is left of it up to there is zeroed
 * path, path_bytes  the file, when options->source is VR_SOURCE_PATH; otherwise length 0
 *
 * Returns VR_ESTALE also for the leaves, VR_EBOUNDS when they have no room. Ends with VR_ESOURCE, VR_EPROTECTED (of either).
 * What was copied before it failed stays in the allocation.
 */
VR_API int32_t vr_submit_ingest(uint64_t context, uint32_t device, uint64_t handle, const vr_ingest_options *options,
                                const uint8_t *path, uint64_t path_bytes, uint64_t *ticket_out);

/*
 * Gives an ingest with VR_SOURCE_PUSH its next bytes. They are copied into the ring before the function returns; takes
 * fewer than `bytes` when the ring is full, and an event with VR_EVENT_ROOM follows when there is room again.
 *
 * taken_out  how many bytes were taken: at most `bytes` and VR_SLOT_BYTES
 *
 * Returns VR_OK, VR_EINVAL (not such an ingest), VR_ECLOSED, VR_ESTALE, VR_EAGAIN (nothing was taken: no room, or not
 * begun yet), VR_ESOURCE (the ingest ends with it too: more bytes than the allocation has, or after vr_push_end()),
 * or the status the ingest has ended with.
 */
VR_API int32_t vr_push(uint64_t context, uint64_t ticket, const uint8_t *data, uint64_t bytes, uint64_t *taken_out);

/*
 * Says that the source has ended. The ingest ends with VR_ESOURCE, truncated, when bytes are missing; it does not end
 * before this was called.
 *
 * Returns VR_OK, VR_EINVAL, VR_ECLOSED, VR_ESTALE.
 */
VR_API int32_t vr_push_end(uint64_t context, uint64_t ticket);

/*
 * Hashes what lies in device memory: nothing that was read before the call counts. Report: vr_digest_report, with
 * VR_HAS_RESIDENCY and, under a salt, VR_HAS_SALTED from the same pass; parts VR_PART_LEVEL1, VR_PART_LEAVES as asked.
 *
 * fs-verity and BLAKE3 run as kernels where the device takes one, slice by slice (256 MiB); only digests come back.
 * Elsewhere, and for SHA-256, everything is read back and hashed on the host. The report's engine says which it was, and
 * part VR_PART_OBSERVATIONS why: kernels (the target that was loaded, or null) and kernelsProblem. An output that a
 * launch did not write ends the work with VR_ECOPY: it never becomes a digest.
 *
 * Returns VR_EBOUNDS besides, and VR_EINVAL for an offset that is no multiple of 4096, a salt or a level with another
 * algorithm than fs-verity, and leaves of a range longer than VR_LEAVES_RANGE_MAX.
 */
VR_API int32_t vr_submit_digest(uint64_t context, uint32_t device, uint64_t handle, const vr_digest_options *options,
                                uint64_t *ticket_out);

/* ---- Digests on the CPU ----------------------------------------------------------------------------------------- */
/*
 * Need no context, no driver and no device. What hashes is chosen from what the processor has: vr_build_info(), "cpu".
 *
 * A digest is a handle, non-zero and never used again in one process; give each back with vr_digest_free(). It is of
 * one of two kinds: a stream, whose bytes the caller brings and whose hashing happens inside vr_digest_update(); or a
 * file, which threads of the library read and hash. Calls on one handle take turns.
 *
 * Every function of a handle returns VR_ESTALE when it is not live.
 */

/*
 * Begins a stream.
 *
 * algorithm         VR_SHA256, VR_FSVERITY_SHA256 or VR_BLAKE3
 * flags             VR_DIGEST_LEAVES to keep the fs-verity leaves (0.78 % of the data), or 0. Level 1 is always kept
 * salt, salt_bytes  0 to 32 bytes, 0 unless the algorithm is fs-verity; the digest is then the one under the salt
 *
 * Returns VR_OK, VR_EINVAL, VR_EHOST.
 */
VR_API int32_t vr_digest_begin(uint32_t algorithm, uint32_t flags, const uint8_t *salt, uint32_t salt_bytes,
                               uint64_t *digest_out);

/*
 * Adds bytes to a stream, cut anywhere. Takes as long as hashing them takes: bound what you give.
 *
 * Returns VR_OK, VR_EINVAL (a file, or finished before), VR_ESTALE, VR_EHOST.
 */
VR_API int32_t vr_digest_update(uint64_t digest, const uint8_t *data, uint64_t bytes);

/*
 * Begins to hash a file on threads of the library. Symbolic links are followed; what is no regular file is refused.
 *
 * path, path_bytes  the file
 * threads           that read and hash: 1 to 64. More than one help fs-verity and BLAKE3, not SHA-256
 * others            as in vr_digest_begin()
 * wake_out          receives the read end of a pipe, close-on-exec, that is at its end when the work has ended; nothing
 *                   is ever written to it. It belongs to the caller
 *
 * Returns VR_OK, VR_EINVAL, VR_EHOST.
 */
VR_API int32_t vr_digest_file(const uint8_t *path, uint64_t path_bytes, uint32_t algorithm, uint32_t flags,
                              uint32_t threads, const uint8_t *salt, uint32_t salt_bytes, uint64_t *digest_out,
                              int32_t *wake_out);

/* Where a digest stands. A stream counts what it was given. Returns VR_OK, VR_EINVAL, VR_ESTALE. */
VR_API int32_t vr_digest_progress(uint64_t digest, vr_progress *progress_out);

/* Ends the work on a file with VR_ECANCELLED, at the latest after a megabyte. Returns VR_OK, VR_ESTALE. */
VR_API int32_t vr_digest_cancel(uint64_t digest);

/*
 * Finishes a stream, or asks for the result of a file. May be called again, with the same answer.
 *
 * digest_out  receives 32 bytes
 * bytes_out   how many bytes were hashed
 *
 * Returns VR_OK, VR_EINVAL, VR_ESTALE, VR_EHOST, VR_EAGAIN (the file is still being hashed), VR_ECANCELLED, VR_ESOURCE
 * (the file cannot be read, or changed meanwhile).
 */
VR_API int32_t vr_digest_finish(uint64_t digest, uint8_t *digest_out, uint64_t *bytes_out);

/*
 * Copies some of a level of the tree of a digest that vr_digest_finish() has given.
 *
 * part       VR_PART_LEVEL1 or VR_PART_LEAVES; empty where there is no such level
 * others     as in vr_result_part()
 *
 * Returns VR_OK, VR_EINVAL, VR_ESTALE, VR_EAGAIN (not finished), VR_EBOUNDS.
 */
VR_API int32_t vr_digest_part(uint64_t digest, uint32_t part, uint64_t offset, uint8_t *data_out, uint64_t room,
                              uint64_t *bytes_out);

/* Forgets a digest. Work on a file is cancelled and not waited for. Returns VR_OK, VR_ESTALE. */
VR_API int32_t vr_digest_free(uint64_t digest);

/*
 * Hashes each block of 4096 bytes as SHA-256(prefix || block).
 *
 * data, blocks          blocks x 4096 bytes
 * prefix, prefix_bytes  0 or 64 bytes
 * out                   receives blocks x 32 bytes
 *
 * Returns VR_OK, VR_EINVAL.
 */
VR_API int32_t vr_digest_blocks(const uint8_t *data, uint64_t blocks, const uint8_t *prefix, uint32_t prefix_bytes,
                                uint8_t *out);

#ifdef __cplusplus
}
#endif

#endif /* VRAM_RESIDENCY_H */
