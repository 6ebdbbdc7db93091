import { type ByteSource, type OpenedSource, VramError } from "@vram-residency/types";
import { parseByteSource } from "@vram-residency/validation";
import type { Core } from "./core.ts";
import { unlessAborted } from "./limits.ts";
import type { Slot } from "./slots.ts";
import { openWithin } from "./source.ts";

/** Reads one range of the shard's original bytes. */
export type ReadRange = NonNullable<OpenedSource["readRange"]>;

/** A shard's original bytes, readable at any place. */
export interface Original extends AsyncDisposable {
  readonly readRange: ReadRange;
}

/**
 * Opens the bytes a shard was sealed from.
 *
 * @param source - Untrusted. Default: the file the shard was sealed from.
 * @throws {@link VramError} `ERR_SOURCE` when there is none, when it can be read only once, or when it has another length.
 */
export async function openOriginal(
  core: Core,
  slot: Slot,
  source: ByteSource | undefined,
  signal: AbortSignal,
): Promise<Original> {
  const input = source === undefined ? slot.sourcePath : parseByteSource(source);
  if (input === undefined) {
    const message = "the shard was not sealed from a file: hand the original bytes to repair()";
    throw new VramError("ERR_SOURCE", message, { reason: "not-rereadable" });
  }
  const lent = await openWithin(core, input, signal);
  const opened = lent.source;
  try {
    if (opened.readRange === undefined) {
      const message = "a stream can be read only once: hand a file, a blob or an array to repair()";
      throw new VramError("ERR_SOURCE", message, { reason: "not-rereadable" });
    }
    if (opened.bytes !== slot.bytes) {
      const message = `the source has ${opened.bytes} bytes, the shard ${slot.bytes}: give the file it was sealed from`;
      throw new VramError("ERR_SOURCE", message, { reason: "changed" });
    }
    const read = opened.readRange.bind(opened);
    return {
      readRange: (offset, bytes) => unlessAborted(signal, read(offset, bytes)),
      [Symbol.asyncDispose]: async () => await lent[Symbol.asyncDispose](),
    };
  } catch (error) {
    await lent[Symbol.asyncDispose]();
    throw error;
  }
}
