/**
 * Reading files and standard input in bounded memory, so that an interrupt ends it at once, even where nothing arrives.
 *
 * @module
 */
import { type FileHandle, open } from "node:fs/promises";
import { VramError } from "@vram-residency/types";

/** Unit: bytes. */
const CHUNK_BYTES = 1024 * 1024;

/**
 * Reads a file, a pipe or a device from where it is to its end, the next chunk while the last is used.
 *
 * A chunk is only valid until the next one is asked for.
 */
export async function* readPath(path: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const opening = open(path, "r");
  const handle = await orAborted(opening, signal).catch((error: unknown) => {
    // Opened after all, when nobody wants it any more.
    opening.then((late) => late.close()).catch(() => {});
    throw error;
  });
  try {
    let [filling, filled] = [new Uint8Array(CHUNK_BYTES), new Uint8Array(CHUNK_BYTES)];
    let next = readInto(handle, filling);
    for (;;) {
      const count = await orAborted(next, signal);
      if (count === 0) return;
      [filling, filled] = [filled, filling];
      next = readInto(handle, filling);
      yield filled.subarray(0, count);
    }
  } finally {
    // Not waited for after an interrupt: a read from a pipe that nobody writes to ends with the process.
    const closing = handle.close();
    if (signal.aborted) closing.catch(() => {});
    else await closing;
  }
}

/** Without a position: pipes have none, and a file's own moves on. */
async function readInto(handle: FileHandle, into: Uint8Array): Promise<number> {
  return (await handle.read(into, 0, into.length, null)).bytesRead;
}

/** Passes a stream on until it ends or the signal aborts. */
export async function* readStream(
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const chunks = source[Symbol.asyncIterator]();
  for (;;) {
    const { done, value } = await orAborted(chunks.next(), signal);
    if (done === true) return;
    yield value;
  }
}

/** Reads a text whole. @throws {@link VramError} `ERR_SOURCE` when it is longer than `bytesMax`; `TypeError` when it is no UTF-8. */
export async function readText(chunks: AsyncIterable<Uint8Array>, bytesMax: number): Promise<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > bytesMax) {
      throw new VramError("ERR_SOURCE", `a text is longer than ${bytesMax} bytes`, { reason: "too-large" });
    }
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

async function orAborted<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  // Observed in any case: what fails after an interrupt is of no interest.
  work.catch(() => {});
  const { promise, resolve } = latch();
  signal.addEventListener("abort", resolve, { once: true });
  if (signal.aborted) resolve();
  try {
    const first = await Promise.race([work.then((value) => ({ value })), promise]);
    if (first !== undefined) return first.value;
  } finally {
    signal.removeEventListener("abort", resolve);
  }
  throw new VramError("ERR_CANCELLED", "interrupted while reading", { stage: "digest" });
}

function latch(): { readonly promise: Promise<undefined>; readonly resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<undefined>((settle) => {
    resolve = () => settle(undefined);
  });
  return { promise, resolve };
}
