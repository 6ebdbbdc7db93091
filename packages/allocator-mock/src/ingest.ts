import { createDigest, createFsVerity, FSVERITY_BLOCK_BYTES, toHex } from "@vram-residency/crypto";
import {
  byteCount,
  hexDigest,
  type IngestOptions,
  type IngestReport,
  type OpenedSource,
  type ResidencyAlgorithm,
  VramError,
} from "@vram-residency/types";
import type { Allocation } from "./device.ts";
import { invalid, wrongState } from "./errors.ts";
import { untilAborted } from "./waiting.ts";
import { breathe, CHUNK_BYTES, mayGoOn, mayWrite, type Work } from "./work.ts";
import { isZero, zeros } from "./zeros.ts";

const LEAF_BYTES = 32;

function badSource(reason: "truncated" | "changed"): VramError<"ERR_SOURCE"> {
  const what = reason === "truncated" ? "shorter" : "longer";
  return new VramError("ERR_SOURCE", `the source is ${what} than the allocation, open it again`, { reason });
}

/** @throws `ERR_SOURCE` unless the source claims to be exactly as long as the allocation. */
export function checkLength(allocation: Allocation, source: OpenedSource): void {
  if (source.bytes < allocation.bytes) throw badSource("truncated");
  if (source.bytes > allocation.bytes) throw badSource("changed");
}

/** @throws `ERR_INPUT_INVALID`, `ERR_STATE` unless `leaves` can take the leaves of `allocation`. */
export function checkLeaves(allocation: Allocation, leaves: Allocation, algorithm: ResidencyAlgorithm): void {
  if (algorithm !== "fsverity-sha256") throw invalid("leaves", "only fs-verity has leaves");
  if (leaves === allocation) throw invalid("leaves", "expected another allocation");
  if (leaves.device !== allocation.device)
    throw invalid("leaves", "expected an allocation of the same device");
  if (leaves.bytes < leavesRoom(allocation))
    throw invalid("leaves", "expected 32 bytes a block, rounded up to 4096");
  mayWrite(leaves);
}

function leavesRoom({ bytes }: Allocation): number {
  const leafBytes = Math.ceil(bytes / FSVERITY_BLOCK_BYTES) * LEAF_BYTES;
  return Math.ceil(leafBytes / FSVERITY_BLOCK_BYTES) * FSVERITY_BLOCK_BYTES;
}

/**
 * Fills an allocation from a source.
 *
 * One staging buffer: what is copied to the device and what is hashed are the same staged bytes, so a source that changes
 * between two reads cannot make them differ. It is wiped at the end.
 */
export async function ingest(
  work: Work,
  source: OpenedSource,
  options: IngestOptions,
  leaves: Allocation | undefined,
): Promise<IngestReport> {
  const { bytes } = work.allocation;
  const hashes = hashing(work, options, leaves);
  const staging = new Uint8Array(Math.min(CHUNK_BYTES, bytes));
  const runs = source.chunks(CHUNK_BYTES)[Symbol.asyncIterator]();
  let staged = 0;
  let done = 0;
  const { device } = work.allocation;
  device.stagingBytes += staging.length;
  try {
    for (;;) {
      const { done: ended, value: run } = await untilAborted(runs.next(), work.signal);
      mayGoOn(work);
      if (ended === true) break;
      for (let used = 0; used < run.length; ) {
        if (done + staged === bytes) throw badSource("changed");
        const part = run.subarray(used, used + Math.min(staging.length, bytes - done) - staged);
        staging.set(part, staged);
        staged += part.length;
        used += part.length;
        if (staged < staging.length && done + staged < bytes) continue;

        flush(work, staging.subarray(0, staged), done, hashes, leaves);
        done += staged;
        staged = 0;
        options.onProgress?.(done);
        await breathe(work);
      }
    }
    if (done < bytes) throw badSource("truncated");
    // The last leaves are written by the report.
    checkTargets(work.allocation, leaves);
    return hashes.report();
  } catch (error) {
    // Not awaited: a source that hangs would keep an aborted call from rejecting.
    runs.return?.().catch(() => undefined);
    throw error;
  } finally {
    staging.fill(0);
    device.stagingBytes -= staging.length;
  }
}

/** Checked right before every write: the last turn of the event loop may have protected or freed either of them. */
function checkTargets(allocation: Allocation, leaves: Allocation | undefined): void {
  mayWrite(allocation);
  if (leaves === undefined) return;
  if (!leaves.live) throw wrongState("freed", "live until the call returns");
  mayWrite(leaves);
}

/** Copies one staged run to the device and hashes it. Synchronous, so nothing comes in between. */
function flush(
  work: Work,
  staged: Uint8Array,
  done: number,
  hashes: Hashing,
  leaves: Allocation | undefined,
): void {
  const { allocation, faults } = work;
  const { memory } = allocation.device;
  checkTargets(allocation, leaves);
  const arrives = faults.has("short-copy") ? Math.floor(allocation.bytes / 2) : allocation.bytes;
  memory.write(allocation.address + done, staged.subarray(0, Math.max(0, arrives - done)));
  const middle = Math.floor(allocation.bytes / 2);
  if (faults.has("corrupt-copy") && middle >= done && middle < done + staged.length) {
    memory.flip(allocation.address + middle, 0);
  }
  hashes.update(staged);
}

interface Hashing {
  update(staged: Uint8Array): void;
  report(): IngestReport;
}

function hashing(work: Work, options: IngestOptions, leaves: Allocation | undefined): Hashing {
  const bytes = byteCount(work.allocation.bytes, "bytes");
  const identity = options.identity ? work.digester.createSha256() : undefined;
  const identityReport = (): { identity?: IngestReport["residency"] } =>
    identity === undefined ? {} : { identity: hexDigest(toHex(identity.digest())) };

  if (options.residency === "blake3") {
    const stream = createDigest("blake3", work.digester);
    return {
      update(staged) {
        identity?.update(staged);
        stream.update(staged);
      },
      report: () => ({ bytes, ...identityReport(), residency: hexDigest(toHex(stream.digest())) }),
    };
  }

  // The rest of the last block of leaves must be zero: each 4096 bytes of them is the input of one level-1 digest.
  leaves?.device.memory.zero(leaves.address, leavesRoom(work.allocation));
  const stream = createFsVerity({
    digester: work.digester,
    onLeaves(run, firstBlock) {
      leaves?.device.memory.write(leaves.address + firstBlock * LEAF_BYTES, run);
    },
  });
  return {
    update(staged) {
      identity?.update(staged);
      // Zeros are known by their buffer, so that a sparse source is as quick to hash as it is to store.
      stream.update(isZero(staged) ? zeros(staged.length) : staged);
    },
    report() {
      const { digest, level1 } = stream.finish();
      return { bytes, ...identityReport(), residency: hexDigest(toHex(digest)), level1 };
    },
  };
}
