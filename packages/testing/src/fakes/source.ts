import { byteCount, type OpenedSource, VramError } from "@vram-residency/types";

/** How {@link sourceOf} behaves. */
export interface SourceOfOptions {
  /** Default "memory". A "stream" can be read only once: it has no `readRange`. */
  readonly kind?: OpenedSource["kind"];
  /** Length the source claims. Default: what it has. Unit: bytes. */
  readonly claimedBytes?: number;
  /** Most bytes in one run, to make runs that fit nothing. Default: what the reader asks for. */
  readonly runBytes?: number;
  /** Rejects with `ERR_SOURCE` "unreadable" once this many bytes have been given. */
  readonly failAfter?: number;
  /** Called before each run, with the bytes given so far. */
  readonly onRun?: (bytesGiven: number) => void;
}

/** What is left in the run buffer once a run is no longer valid. */
const SPENT = 0xdb;

/**
 * Opens bytes as a source, for tests.
 *
 * As strict as the port allows: one buffer holds every run in turn and is overwritten in between, so a reader that keeps a
 * run sees it change. Unlike a real source it does not check its own claim, so that a reader's check can be tested.
 */
export function sourceOf(bytes: Uint8Array, options: SourceOfOptions = {}): OpenedSource {
  const kind = options.kind ?? "memory";
  const source: OpenedSource = {
    kind,
    bytes: byteCount(options.claimedBytes ?? bytes.length, "claimedBytes"),
    chunks: (chunkBytes) => runs(bytes, chunkBytes, options),
    async [Symbol.asyncDispose]() {},
  };
  if (kind === "stream") return source;
  return { ...source, readRange: async (offset, count) => bytes.slice(offset, offset + count) };
}

async function* runs(
  bytes: Uint8Array,
  chunkBytes: number,
  options: SourceOfOptions,
): AsyncGenerator<Uint8Array> {
  const runBytes = Math.min(chunkBytes, options.runBytes ?? chunkBytes);
  const failAfter = options.failAfter ?? Number.POSITIVE_INFINITY;
  const buffer = new Uint8Array(runBytes);
  for (let offset = 0; offset < bytes.length; offset += runBytes) {
    options.onRun?.(offset);
    if (offset >= failAfter) {
      throw new VramError("ERR_SOURCE", "the source cannot be read, try it again", { reason: "unreadable" });
    }
    const run = bytes.subarray(offset, offset + runBytes);
    buffer.set(run);
    yield buffer.subarray(0, run.length);
    buffer.fill(SPENT);
  }
}
