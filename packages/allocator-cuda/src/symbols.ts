/** The ABI this table was written against; `vr_abi_version` must return it. */
export const ABI_VERSION = 1;

/** The types of arguments and results that cross: checked numbers, and host memory that its owner keeps alive. */
export type NativeType = "i32" | "u32" | "u64" | "buffer";

/**
 * The functions of libvram_residency that are called, one entry per prototype in `native/include/vram_residency.h`.
 *
 * Memory is always "buffer", never a pointer: that refuses null and numbers, and passing the owner keeps it alive for the
 * call. Sizes and handles are "u64" and must be checked before, because `bun:ffi` wraps what does not fit.
 */
export const SYMBOLS = {
  vr_abi_version: { args: [], returns: "u32" },
  vr_struct_sizes: { args: ["buffer", "u32"], returns: "u32" },
  vr_build_info: { args: ["buffer", "u64", "buffer"], returns: "i32" },
  vr_last_error: { args: ["buffer"], returns: "i32" },
  vr_open: { args: ["buffer", "buffer", "u64", "buffer", "u64", "buffer", "buffer"], returns: "i32" },
  vr_submit_start: { args: ["u64", "buffer"], returns: "i32" },
  vr_submit_close: { args: ["u64", "buffer"], returns: "i32" },
  vr_close: { args: ["u64"], returns: "i32" },
  vr_context_info: { args: ["u64", "buffer", "u64", "buffer"], returns: "i32" },
  vr_device_count: { args: ["u64", "buffer"], returns: "i32" },
  vr_device_facts: { args: ["u64", "u32", "buffer"], returns: "i32" },
  vr_events: { args: ["u64", "buffer", "u32", "buffer"], returns: "i32" },
  vr_poll: { args: ["u64", "u64", "buffer"], returns: "i32" },
  vr_cancel: { args: ["u64", "u64"], returns: "i32" },
  vr_deadline: { args: ["u64", "u64", "u64"], returns: "i32" },
  vr_outcome: { args: ["u64", "u64", "buffer"], returns: "i32" },
  vr_report: { args: ["u64", "u64", "buffer", "u64"], returns: "i32" },
  vr_result_part: { args: ["u64", "u64", "u32", "u64", "buffer", "u64", "buffer"], returns: "i32" },
  vr_ticket_free: { args: ["u64", "u64"], returns: "i32" },
  vr_submit_facts: { args: ["u64", "u32", "buffer"], returns: "i32" },
  vr_submit_capacity: { args: ["u64", "u32", "buffer"], returns: "i32" },
  vr_submit_allocate: { args: ["u64", "u32", "u64", "u32", "u64", "u32", "buffer"], returns: "i32" },
  vr_submit_free: { args: ["u64", "u32", "u64", "buffer"], returns: "i32" },
  vr_submit_protect: { args: ["u64", "u32", "u64", "u32", "buffer"], returns: "i32" },
  vr_submit_evidence: { args: ["u64", "u32", "u64", "buffer"], returns: "i32" },
  vr_submit_read: { args: ["u64", "u32", "u64", "u64", "u64", "buffer"], returns: "i32" },
  vr_submit_write: { args: ["u64", "u32", "u64", "u64", "buffer", "u64", "buffer"], returns: "i32" },
  vr_submit_wipe: { args: ["u64", "u32", "u64", "buffer"], returns: "i32" },
  vr_submit_export: { args: ["u64", "u32", "u64", "buffer"], returns: "i32" },
  vr_submit_ingest: { args: ["u64", "u32", "u64", "buffer", "buffer", "u64", "buffer"], returns: "i32" },
  vr_push: { args: ["u64", "u64", "buffer", "u64", "buffer"], returns: "i32" },
  vr_push_end: { args: ["u64", "u64"], returns: "i32" },
  vr_submit_digest: { args: ["u64", "u32", "u64", "buffer", "buffer"], returns: "i32" },
  vr_digest_begin: { args: ["u32", "u32", "buffer", "u32", "buffer"], returns: "i32" },
  vr_digest_update: { args: ["u64", "buffer", "u64"], returns: "i32" },
  vr_digest_file: {
    args: ["buffer", "u64", "u32", "u32", "u32", "buffer", "u32", "buffer", "buffer"],
    returns: "i32",
  },
  vr_digest_progress: { args: ["u64", "buffer"], returns: "i32" },
  vr_digest_cancel: { args: ["u64"], returns: "i32" },
  vr_digest_finish: { args: ["u64", "buffer", "buffer"], returns: "i32" },
  vr_digest_part: { args: ["u64", "u32", "u64", "buffer", "u64", "buffer"], returns: "i32" },
  vr_digest_free: { args: ["u64"], returns: "i32" },
  vr_digest_blocks: { args: ["buffer", "u64", "buffer", "u32", "buffer"], returns: "i32" },
} as const;

/** Host memory that may cross. */
export type NativeBuffer = Uint8Array | Int32Array | Uint32Array | BigUint64Array;

interface Crossing {
  readonly i32: number;
  readonly u32: number;
  readonly u64: number | bigint;
  readonly buffer: NativeBuffer;
}

type Arguments<Types extends readonly NativeType[]> = {
  readonly [Index in keyof Types]: Crossing[Types[Index]];
};

/** The loaded functions, by name. */
export type Native = {
  readonly [Name in keyof typeof SYMBOLS]: (...args: Arguments<(typeof SYMBOLS)[Name]["args"]>) => number;
};
