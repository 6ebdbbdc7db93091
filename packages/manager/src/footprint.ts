/**
 * What a shard takes of a device: the one arithmetic behind reservations and plans.
 *
 * @module
 */
import { FSVERITY_BLOCK_BYTES } from "@vram-residency/crypto";
import type { AllocateOptions } from "@vram-residency/types";

/** Alignment of a shard's payload, so that engines can use tensors in place. Unit: bytes. */
const PAYLOAD_ALIGNMENT = 256;

const LEAF_BYTES = 32;

/** Where a shard is placed: its payload on a 256-byte boundary. */
export function placement(payloadOffset = 0): NonNullable<AllocateOptions["align"]> {
  return { boundary: PAYLOAD_ALIGNMENT, offset: payloadOffset };
}

/** Room for a shard's leaves: 32 bytes a block, in whole level-1 inputs of 4096 bytes. A single block is its own leaf. */
export function leavesRoom(bytes: number): number {
  const blocks = Math.ceil(bytes / FSVERITY_BLOCK_BYTES);
  if (blocks <= 1) return 0;
  return Math.ceil((blocks * LEAF_BYTES) / FSVERITY_BLOCK_BYTES) * FSVERITY_BLOCK_BYTES;
}

/** What an allocation takes of the device: its size and what alignment moves its start by, in whole granules. Unit: bytes. */
export function footprint(bytes: number, granularityBytes: number, align?: AllocateOptions["align"]): number {
  const shift = align === undefined ? 0 : (align.boundary - (align.offset % align.boundary)) % align.boundary;
  return Math.ceil((shift + bytes) / granularityBytes) * granularityBytes;
}
