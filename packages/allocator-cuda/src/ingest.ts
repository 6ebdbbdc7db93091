/**
 * Filling an allocation. The library reads a file itself; anything else is pushed into its ring, as fast as that has room.
 *
 * @module
 */
import { setImmediate as turn } from "node:timers/promises";
import { assertBytes, toHex } from "@vram-residency/crypto";
import {
  byteCount,
  hexDigest,
  type IngestOptions,
  type IngestReport,
  type OpenedSource,
} from "@vram-residency/types";
import type { Allocation } from "./allocations.ts";
import { VR } from "./constants.ts";
import type { Work } from "./context.ts";
import { VR_DIGEST_REPORT, VR_INGEST_OPTIONS } from "./layouts.ts";
import { encode } from "./struct.ts";
import type { Ticket } from "./ticket.ts";

/** How much is asked of a source at once. Copying it takes a fraction of a millisecond. Unit: bytes. */
const RUN_BYTES = 1 << 20;
/** A buffer of no bytes would cross as null. */
const NO_PATH: Uint8Array = new Uint8Array(1);

/** The work of filling `target` from `source`, both of one length. */
export function ingestWork(
  target: Allocation,
  source: OpenedSource,
  options: IngestOptions,
  leaves: Allocation | undefined,
): Omit<Work<IngestReport>, "stage"> {
  const descriptor = source.kind === "file" ? (source.file?.fd ?? -1) : -1;
  const reads = descriptor >= 0;
  const native = encode(VR_INGEST_OPTIONS, {
    leaves_handle: leaves?.handle ?? 0n,
    file: BigInt(descriptor),
    source: reads ? VR.SOURCE_DESCRIPTOR : VR.SOURCE_PUSH,
    algorithm: options.residency === "blake3" ? VR.BLAKE3 : VR.FSVERITY_SHA256,
    flags: (options.identity ? VR.INGEST_IDENTITY : 0) | (reads ? VR.INGEST_WHOLE_FILE : 0),
  });
  return {
    signal: options.signal,
    onProgress: options.onProgress,
    submit: ({ native: library, context }, out) =>
      library.vr_submit_ingest(context, target.device, target.handle, native, NO_PATH, 0, out),
    take: (ticket) => reportOf(ticket, options),
    ...(reads ? {} : { feed: (ticket) => push(ticket, source) }),
  };
}

function reportOf(ticket: Ticket<IngestReport>, { identity, residency }: IngestOptions): IngestReport {
  const found = ticket.report(VR_DIGEST_REPORT);
  return {
    bytes: byteCount(found.bytes, "bytes"),
    ...(identity ? { identity: hexDigest(toHex(found.identity)) } : {}),
    residency: hexDigest(toHex(found.residency)),
    ...(residency === "blake3" ? {} : { level1: ticket.part(VR.PART_LEVEL1) }),
  };
}

/** Pushes everything the source gives, until nothing more is wanted. @throws What the source throws. */
async function push(ticket: Ticket<IngestReport>, source: OpenedSource): Promise<void> {
  const runs = source.chunks(RUN_BYTES)[Symbol.asyncIterator]();
  let stop = (): void => {};
  void ticket.stopped.then(() => stop());
  try {
    for (;;) {
      // A source that hangs must not keep work that was cancelled from ending.
      const next = await new Promise<IteratorResult<Uint8Array> | undefined>((resolve, reject) => {
        stop = () => resolve(undefined);
        runs.next().then(resolve, reject);
      });
      if (next === undefined) return;
      if (next.done === true) return ticket.pushEnd();
      assertBytes(next.value, "source.chunks");
      if (!(await pushRun(ticket, next.value))) return;
      // A source in memory never waits: others get their turn here.
      await turn();
    }
  } finally {
    runs.return?.().catch(() => {});
  }
}

/** @returns False when the work takes no more. */
async function pushRun(ticket: Ticket<IngestReport>, run: Uint8Array): Promise<boolean> {
  for (let at = 0; at < run.length; ) {
    const taken = ticket.push(run.subarray(at));
    if (taken === undefined) return false;
    if (taken === 0) await ticket.room();
    at += taken;
  }
  return true;
}
