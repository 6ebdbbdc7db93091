import type { Digester, Timers } from "@vram-residency/types";
import type { Allocation } from "./device.ts";
import { wrongState } from "./errors.ts";
import type { MockFault } from "./faults.ts";

/**
 * Most bytes hashed, copied or checked before the event loop gets a turn. Unit: bytes.
 *
 * Small, because memory that is touched for the first time can be a hundred times slower than hashing it.
 */
export const CHUNK_BYTES: number = 1 << 18;

/** One operation under way on one allocation. */
export interface Work {
  readonly allocation: Allocation;
  readonly digester: Digester;
  readonly timers: Timers;
  readonly signal: AbortSignal | undefined;
  /** The faults that shape this operation. */
  readonly faults: ReadonlySet<MockFault>;
  /** @throws `ERR_STATE` once the allocator is closed. */
  readonly open: () => void;
}

/**
 * Gives the event loop a turn, then checks that the work may go on.
 *
 * @throws The signal's reason, `ERR_DEVICE_LOST`, or `ERR_STATE` when the allocation was freed meanwhile.
 */
export async function breathe(work: Work): Promise<void> {
  await work.timers.yield();
  mayGoOn(work);
}

/** @throws As {@link breathe}. */
export function mayGoOn({ allocation, open, signal }: Work): void {
  open();
  signal?.throwIfAborted();
  allocation.device.answer();
  if (!allocation.live) throw wrongState("freed", "live until the call returns");
}

/** @throws `ERR_STATE` when the allocation is protected. */
export function mayWrite(allocation: Allocation): void {
  if (allocation.access === "read") throw wrongState("protected", "writable: protect it read-write first");
}
