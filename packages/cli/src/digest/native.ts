/**
 * Hashing by the native library, where there is one and the file is worth loading it for.
 *
 * @module
 */
import { stat } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { type DigestAlgorithm, hasCode } from "@vram-residency/types";
import type { NativeDigests } from "vram-residency/cuda";
import type { Terminal } from "../terminal.ts";
import type { Progress } from "./progress.ts";
import type { HashTask } from "./tasks.ts";

/**
 * From this size on, hashing a file takes less processor time with the library than without, loading it included (about
 * 25 ms). SHA-256 is as fast in the runtime. Unit: bytes.
 */
export const NATIVE_BYTES_MIN: { readonly [Algorithm in DigestAlgorithm]: number } = {
  sha256: Number.POSITIVE_INFINITY,
  "fsverity-sha256": 64 << 20,
  blake3: 1 << 20,
};

const REFUSALS = ["ERR_SOURCE", "ERR_INPUT_INVALID", "ERR_DRIVER_UNAVAILABLE"] as const;

/** What a library hashed. */
export interface NativeHash {
  readonly digest: string;
  readonly bytes: number;
}

/**
 * Hashes a large regular file on threads of the library.
 *
 * @param parallel - Files that are hashed at a time, which share the processors.
 * @param open - Loads the library, once.
 * @returns Undefined when JavaScript is to do it: a small file, a pipe, no library, or a file that the library refuses, for
 * which JavaScript has the words.
 * @throws `ERR_CANCELLED`.
 */
export async function hashNatively(
  { name, algorithm }: HashTask,
  { signal }: Pick<Terminal, "signal">,
  progress: Progress,
  parallel: number,
  open: () => Promise<Pick<NativeDigests, "digestFile"> | undefined> = library,
): Promise<NativeHash | undefined> {
  const found = await stat(name).catch(() => undefined);
  if (found?.isFile() !== true || found.size < NATIVE_BYTES_MIN[algorithm]) return undefined;
  const native = await open();
  if (native === undefined) return undefined;
  let told = 0;
  const onProgress = (bytesDone: number): void => {
    progress.add(bytesDone - told);
    told = bytesDone;
  };
  const threads = Math.max(1, Math.floor(availableParallelism() / parallel));
  try {
    const hashed = await native.digestFile(name, algorithm, { signal, onProgress, threads });
    onProgress(hashed.bytes);
    return hashed;
  } catch (error) {
    if (!REFUSALS.some((code) => hasCode(error, code))) throw error;
    // It begins again.
    onProgress(0);
    return undefined;
  }
}

let loading: Promise<NativeDigests | undefined> | undefined;

function library(): Promise<NativeDigests | undefined> {
  loading ??= import("vram-residency/cuda").then(
    async ({ openNativeDigests }) => (await openNativeDigests()).digests,
  );
  return loading;
}
