import type { FileHandle } from "./ports.ts";
import type { ByteCount } from "./units.ts";

/** A stream whose length is known before it is read. */
export interface SizedStream {
  readonly stream: ReadableStream<Uint8Array>;
  /** Exact length. Unit: bytes. */
  readonly bytes: number;
}

/** Where a shard's bytes come from: memory, a file's path, a blob, or a stream of known length. */
export type ByteSource = Uint8Array | string | Blob | SizedStream;

/** A {@link ByteSource} that has been opened. Belongs to whoever opened it. */
export interface OpenedSource extends AsyncDisposable {
  readonly kind: "memory" | "file" | "blob" | "stream";
  readonly bytes: ByteCount;
  /** Set when `kind` is "file", so that an allocator may read the descriptor itself. */
  readonly file?: FileHandle;
  /**
   * Yields the bytes from 0 to the end, in order, in runs of at most `chunkBytes`.
   *
   * Each run is only valid until the next one is asked for: the buffer is used again.
   *
   * @throws `ERR_SOURCE` when the source ends early, goes on too long, or changes underneath.
   */
  chunks(chunkBytes: number): AsyncIterable<Uint8Array>;
  /**
   * Reads one range. Absent when the source can be read only once.
   *
   * @throws `ERR_SOURCE`.
   */
  readonly readRange?: (offset: number, bytes: number) => Promise<Uint8Array>;
}
