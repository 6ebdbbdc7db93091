/**
 * The structs of `native/include/vram_residency.h`, field by field, by their names there.
 *
 * @module
 */
import type { Struct } from "./struct.ts";

/** What went wrong. */
export const VR_ERROR = {
  status: "i32",
  driver_code: "i32",
  system_code: "i32",
  reason: "i32",
  needed_bytes: "u64",
  available_bytes: "size",
  largest_bytes: "size",
  foreign_bytes: "size",
  device: "u32",
  restart_needed: "u32",
  driver_name: "text64",
  operation: "text48",
  message: "text256",
} as const;

/** One device. */
export const VR_DEVICE = {
  ordinal: "u32",
  lost: "u32",
  total_bytes: "size",
  uuid: "text48",
  name: "text128",
  pci: "text32",
  mig: "text64",
  driver_version: "text32",
  cuda_version: "i32",
  capability_major: "i32",
  capability_minor: "i32",
  integrated: "i32",
  driver_model: "i32",
  vmm: "i32",
  addressing: "i32",
  numa_node: "i32",
  ecc: "i32",
  row_remap: "i32",
  mig_mode: "i32",
  mps: "i32",
  exportable: "i32",
  reserved: "i32",
} as const;

/** How full a device is. */
export const VR_CAPACITY = {
  total_bytes: "size",
  free_bytes: "size",
  largest_bytes: "size",
  granularity_bytes: "size",
  ours_bytes: "size",
  foreign_bytes: "size",
  staging_bytes: "size",
  pinned_bytes: "size",
} as const;

/** A fresh allocation. */
export const VR_ALLOCATION = { handle: "u64", bytes: "size", rounded_bytes: "size" } as const;

/** What the driver says of one allocation. */
export const VR_EVIDENCE = {
  path: "i32",
  location: "i32",
  location_id: "i32",
  memory_type: "i32",
  managed: "i32",
  host_pointer: "i32",
  mapped: "i32",
  access: "i32",
  range_bytes: "size",
  buffer_id: "u64",
  block_id: "u64",
  handle_types: "u32",
  covers: "i32",
  pool: "i32",
  host_access: "i32",
} as const;

/** Digests of an ingest, or of a pass over device memory. */
export const VR_DIGEST_REPORT = {
  bytes: "size",
  level1_bytes: "size",
  leaves_bytes: "size",
  has: "u32",
  engine: "u32",
  identity: "bytes32",
  residency: "bytes32",
  salted: "bytes32",
} as const;

/** What a wipe found. */
export const VR_WIPE_REPORT = { bytes: "size", checked_bytes: "size", non_zero_bytes: "size" } as const;

/** What a context is opened with. */
export const VR_OPEN_OPTIONS = {
  staging_bytes: "size",
  flags: "u32",
  threads: "u32",
  idle_ms: "size",
} as const;

/** What an ingest is told. */
export const VR_INGEST_OPTIONS = {
  leaves_handle: "u64",
  offset: "size",
  file: "i64",
  source: "u32",
  algorithm: "u32",
  flags: "u32",
  reserved: "u32",
} as const;

/** What a digest is told. */
export const VR_DIGEST_OPTIONS = {
  offset: "size",
  bytes: "size",
  algorithm: "u32",
  flags: "u32",
  salt_bytes: "u32",
  reserved: "u32",
  salt: "bytes32",
} as const;

/** Where a piece of work stands. */
export const VR_PROGRESS = {
  bytes_done: "size",
  bytes_total: "size",
  state: "u32",
  status: "i32",
  room_bytes: "size",
} as const;

/** What happened to a ticket. */
export const VR_EVENT = { ticket: "u64", what: "u32", reserved: "u32" } as const;

/** The report of an export, which is a bare number in C. */
export const DESCRIPTOR = { fd: "i32" } as const;

/** Every struct, in the order of the header and of `vr_struct_sizes`. */
export const LAYOUTS: Readonly<Record<string, Struct>> = {
  vr_error: VR_ERROR,
  vr_device: VR_DEVICE,
  vr_capacity: VR_CAPACITY,
  vr_allocation: VR_ALLOCATION,
  vr_evidence: VR_EVIDENCE,
  vr_digest_report: VR_DIGEST_REPORT,
  vr_wipe_report: VR_WIPE_REPORT,
  vr_open_options: VR_OPEN_OPTIONS,
  vr_ingest_options: VR_INGEST_OPTIONS,
  vr_digest_options: VR_DIGEST_OPTIONS,
  vr_progress: VR_PROGRESS,
  vr_event: VR_EVENT,
};
