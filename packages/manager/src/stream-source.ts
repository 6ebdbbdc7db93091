import { isBytes } from "@vram-residency/crypto";
import { type ByteCount, byteCount, type OpenedSource, type SizedStream } from "@vram-residency/types";
import { sourceError } from "./source-error.ts";

/** Most empty chunks in a row. They take no time, so a stream of nothing else would leave none for anybody else. */
const EMPTY_RUNS_MAX = 1024;

/** A stream of known length: read once, cancelled when it is done with. */
export class StreamSource implements OpenedSource {
  readonly kind = "stream";
  readonly bytes: ByteCount;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;

  constructor(source: SizedStream) {
    this.bytes = byteCount(source.bytes, "source.bytes");
    try {
      this.#reader = source.stream.getReader();
    } catch (cause) {
      throw sourceError("unreadable", "the stream is locked: hand over one that nobody reads", cause);
    }
  }

  async *chunks(chunkBytes: number): AsyncGenerator<Uint8Array> {
    let total = 0;
    let empty = 0;
    for (;;) {
      const { done, value } = await this.#read();
      if (done) break;
      const run = plainView(value);
      total += run.length;
      if (total > this.bytes) throw sourceError("changed", "the stream is longer than announced");
      empty = run.length === 0 ? empty + 1 : 0;
      if (empty > EMPTY_RUNS_MAX)
        throw sourceError("unreadable", "the stream gives no bytes and does not end");
      for (let offset = 0; offset < run.length; offset += chunkBytes) {
        yield run.slice(offset, offset + chunkBytes);
      }
    }
    if (total < this.bytes)
      throw sourceError("truncated", `the stream ended ${this.bytes - total} bytes early`);
  }

  /** The next run, inside an object: a promise would ask a bare one whether it is a promise itself. */
  async #read(): Promise<{ readonly done: boolean; readonly value: unknown }> {
    try {
      const { done, value } = await this.#reader.read();
      return { done, value };
    } catch (cause) {
      throw sourceError("unreadable", "the stream failed", cause);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Not awaited: the stream's owner may never answer. What it says has no bearing on what was read.
    void Promise.resolve()
      .then(() => this.#reader.cancel())
      .catch(() => {});
  }
}

/** The bytes of a chunk as the runtime sees them: what a subclass says of its length does not count. */
function plainView(chunk: unknown): Uint8Array {
  try {
    if (isBytes(chunk)) return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  } catch {
    // Said below.
  }
  throw sourceError("unreadable", "the stream gave something other than bytes: give it Uint8Arrays");
}
