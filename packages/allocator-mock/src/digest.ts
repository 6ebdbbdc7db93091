import { createDigest, createFsVerity, FSVERITY_BLOCK_BYTES, toHex } from "@vram-residency/crypto";
import {
  byteCount,
  type DigestOptions,
  type DigestReport,
  type HexDigest,
  hexDigest,
} from "@vram-residency/types";
import { invalid } from "./errors.ts";
import type { DigestRange } from "./pass.ts";
import { breathe, CHUNK_BYTES, mayGoOn, type Work } from "./work.ts";

const LEAF_BYTES = 32;
const SALT_BYTES_MAX = 32;

/** Longest range whose leaves fit into one answer (8 MiB of them). Unit: bytes. */
export const LEAVES_RANGE_BYTES_MAX: number = 2 ** 30;

/** @throws `ERR_INPUT_INVALID` unless the options fit an allocation of `bytes` bytes. @returns The range to digest. */
export function checkDigest(bytes: number, options: DigestOptions): DigestRange {
  const range = options.range ?? { offset: 0, bytes };
  const offset = byteCount(range.offset, "range.offset");
  const length = byteCount(range.bytes, "range.bytes");
  if (offset % FSVERITY_BLOCK_BYTES !== 0) throw invalid("range.offset", "expected a multiple of 4096");
  // Subtracting cannot overflow; adding could.
  if (offset > bytes || length > bytes - offset)
    throw invalid("range", "expected a range inside the allocation");

  if (options.algorithm !== "fsverity-sha256") {
    if (options.salt !== undefined) throw invalid("salt", "only fs-verity takes a salt");
    if (options.tree !== undefined) throw invalid("tree", "only fs-verity has a tree");
  }
  const saltBytes = options.salt?.length ?? 1;
  if (saltBytes < 1 || saltBytes > SALT_BYTES_MAX) throw invalid("salt", "expected 1 to 32 bytes");
  if (options.tree === "leaves" && length > LEAVES_RANGE_BYTES_MAX) {
    throw invalid("range", "expected at most 1 GiB when the leaves are asked for");
  }
  return { offset, bytes: length };
}

/** Hashes a range of device memory as it is now. Nothing is remembered from one pass to the next. */
export async function digest(work: Work, options: DigestOptions, range: DigestRange): Promise<DigestReport> {
  const hashes = hashing(work, options, range.bytes);
  const { memory } = work.allocation.device;
  const start = work.allocation.address + range.offset;
  for (let done = 0; done < range.bytes; ) {
    mayGoOn(work);
    const chunkEnd = Math.min(range.bytes, done + CHUNK_BYTES);
    while (done < chunkEnd) {
      const run = memory.view(start + done, chunkEnd - done);
      hashes.update(run);
      done += run.length;
    }
    options.onProgress?.(done);
    await breathe(work);
    // Others go first: a background pass gives them one turn more for each chunk.
    if (options.priority === "background") await breathe(work);
  }
  return { bytes: byteCount(range.bytes, "bytes"), ...hashes.report() };
}

interface Hashing {
  update(run: Uint8Array): void;
  report(): Omit<DigestReport, "bytes">;
}

function hashing({ digester }: Work, options: DigestOptions, bytes: number): Hashing {
  if (options.algorithm !== "fsverity-sha256") {
    const stream = createDigest(options.algorithm, digester);
    return {
      update: (run) => stream.update(run),
      report: () => ({ digest: text(stream.digest()) }),
    };
  }

  const wantsLeaves = options.tree === "leaves";
  const leaves = new Uint8Array(wantsLeaves ? Math.ceil(bytes / FSVERITY_BLOCK_BYTES) * LEAF_BYTES : 0);
  const plain = createFsVerity({
    digester,
    ...(wantsLeaves ? { onLeaves: (run, firstBlock) => leaves.set(run, firstBlock * LEAF_BYTES) } : {}),
  });
  const salted = options.salt === undefined ? undefined : createFsVerity({ digester, salt: options.salt });
  return {
    update(run) {
      plain.update(run);
      salted?.update(run);
    },
    report() {
      const result = plain.finish();
      return {
        digest: text(result.digest),
        ...(salted === undefined ? {} : { salted: text(salted.finish().digest) }),
        ...(options.tree === "level1" ? { level1: result.level1 } : {}),
        ...(wantsLeaves ? { leaves } : {}),
      };
    },
  };
}

function text(digestBytes: Uint8Array): HexDigest {
  return hexDigest(toHex(digestBytes));
}
