/**
 * Hashing a file on threads of the library, while the event loop does something else.
 *
 * @module
 */
import { closeSync } from "node:fs";
import { availableParallelism } from "node:os";
import { assertText, readOptions, toHex, utf8 } from "@vram-residency/crypto";
import {
  type ByteCount,
  byteCount,
  type DigestAlgorithm,
  type HexDigest,
  hexDigest,
  VramError,
} from "@vram-residency/types";
import { ALGORITHMS } from "./digest.ts";
import { invalid } from "./errors.ts";
import { VR_PROGRESS } from "./layouts.ts";
import { checkDigest, finishDigest } from "./native-digester.ts";
import { asNumber, decode, structBytes } from "./struct.ts";
import type { Native } from "./symbols.ts";

/** Options of `digestFile`. */
export interface DigestFileOptions {
  /** Cancels the work, and rejects at once. */
  readonly signal?: AbortSignal;
  /** Called about ten times a second, with a count that only grows. Unit: bytes. */
  readonly onProgress?: (bytesDone: number) => void;
  /** Threads that read and hash. SHA-256 uses one. Default: as many as processors, at most 8. Range: 1 to 64. */
  readonly threads?: number;
}

/** The digest of a whole file. */
export interface FileDigest {
  readonly digest: HexDigest;
  readonly bytes: ByteCount;
}

const THREADS_DEFAULT_MAX = 8;
const THREADS_MAX = 64;
const PATH_BYTES_MAX = 4095;
const PROGRESS_MS = 100;

/**
 * Hashes a regular file, links followed. It must not change meanwhile.
 *
 * @throws {@link VramError} `ERR_SOURCE` for a file that cannot be read, is not regular, or changed; `ERR_CANCELLED`;
 * `ERR_INPUT_INVALID`; `ERR_DRIVER_UNAVAILABLE` when the host is out of memory, threads or descriptors.
 */
export async function digestFile(
  native: Native,
  path: string,
  algorithm: DigestAlgorithm,
  options: DigestFileOptions = {},
): Promise<FileDigest> {
  const { signal, onProgress, threads } = readOptions(options, "options", [
    "signal",
    "onProgress",
    "threads",
  ]);
  const work = begin(native, checkedPath(path), checkedAlgorithm(algorithm), checkedThreads(threads));
  const { id, wake } = work;
  const reader = Bun.file(wake).stream().getReader();
  const progress = onProgress === undefined ? undefined : setInterval(tell, PROGRESS_MS, work, onProgress);
  const interrupt = (): void => void reader.cancel();
  try {
    signal?.addEventListener("abort", interrupt, { once: true });
    if (signal?.aborted !== true) while (!(await reader.read()).done);
    // Aborted, it is not waited for: a disk may not answer, and forgetting a digest cancels it.
    if (signal?.aborted === true) throw cancelled();
    const { digest, bytes } = finishDigest(native, id);
    return { digest: hexDigest(toHex(digest)), bytes: byteCount(asNumber(bytes), "bytes") };
  } finally {
    signal?.removeEventListener("abort", interrupt);
    clearInterval(progress);
    await reader.cancel();
    closeSync(wake);
    native.vr_digest_free(id);
  }
}

interface FileWork {
  readonly native: Native;
  readonly id: bigint;
  /** Descriptor that is at its end when the work has ended. */
  readonly wake: number;
}

function begin(native: Native, path: Uint8Array, algorithm: number, threads: number): FileWork {
  const [id, wake] = [new BigUint64Array(1), new Int32Array(1)];
  const salt = new Uint8Array(0);
  checkDigest(native, native.vr_digest_file(path, path.length, algorithm, 0, threads, salt, 0, id, wake));
  return { native, id: id[0] ?? 0n, wake: wake[0] ?? -1 };
}

function tell({ native, id }: FileWork, onProgress: (bytesDone: number) => void): void {
  const bytes = new Uint8Array(structBytes(VR_PROGRESS));
  checkDigest(native, native.vr_digest_progress(id, bytes));
  onProgress(decode(VR_PROGRESS, bytes).bytes_done);
}

function checkedPath(path: string): Uint8Array {
  assertText(path, "path");
  const bytes = utf8(path);
  if (bytes.length < 1 || bytes.length > PATH_BYTES_MAX || bytes.includes(0)) {
    throw invalid("path", `expected 1 to ${PATH_BYTES_MAX} bytes of UTF-8, none of them zero`);
  }
  return bytes;
}

function checkedAlgorithm(algorithm: DigestAlgorithm): number {
  if (!Object.hasOwn(ALGORITHMS, algorithm)) {
    throw invalid("algorithm", `expected one of ${Object.keys(ALGORITHMS).join(", ")}`);
  }
  return ALGORITHMS[algorithm];
}

function checkedThreads(threads: number | undefined): number {
  const wanted = threads ?? Math.min(THREADS_DEFAULT_MAX, availableParallelism());
  if (!Number.isInteger(wanted) || wanted < 1 || wanted > THREADS_MAX) {
    throw invalid("threads", `expected a whole number from 1 to ${THREADS_MAX}`);
  }
  return wanted;
}

function cancelled(): VramError<"ERR_CANCELLED"> {
  return new VramError("ERR_CANCELLED", "the digest was cancelled, call it again", { stage: "digest" });
}
