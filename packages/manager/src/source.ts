/**
 * Opening what the caller gave us, so that it can be read in order with a bounded buffer.
 *
 * @module
 */
import { reading } from "@vram-residency/crypto";
import {
  type ByteCount,
  type ByteSource,
  byteCount,
  type FileHandle,
  type FileStat,
  type FileSystem,
  type OpenedSource,
} from "@vram-residency/types";
import type { Core } from "./core.ts";
import { unlessAborted } from "./limits.ts";
import { sourceError } from "./source-error.ts";
import { StreamSource } from "./stream-source.ts";

/**
 * Opens a checked source.
 *
 * @throws {@link VramError} `ERR_SOURCE` when it cannot be opened or is no regular file.
 */
export async function openSource(source: ByteSource, fileSystem: FileSystem): Promise<OpenedSource> {
  if (typeof source === "string") return await openFile(source, fileSystem);
  if (source instanceof Uint8Array) return new MemorySource(source);
  if (source instanceof Blob) return new BlobSource(source);
  return new StreamSource(source);
}

/** An open source whose closing can neither hang nor fail: what was read from it stays as it is. */
export interface LentSource extends AsyncDisposable {
  readonly source: OpenedSource;
}

/**
 * Opens a checked source, unless the signal is aborted first.
 *
 * @throws {@link VramError} as {@link openSource}; the signal's reason.
 */
export async function openWithin(
  core: Pick<Core, "fileSystem" | "patience">,
  source: ByteSource,
  signal: AbortSignal,
): Promise<LentSource> {
  const close = (opened: OpenedSource): Promise<void> => core.patience.close(opened).catch(() => {});
  const opening = openSource(source, core.fileSystem);
  try {
    const opened = await unlessAborted(signal, opening);
    return { source: opened, [Symbol.asyncDispose]: () => close(opened) };
  } catch (error) {
    // It may open after all, and then nobody else closes it.
    void opening.then(close, () => {});
    throw error;
  }
}

class MemorySource implements OpenedSource {
  readonly kind = "memory";
  readonly bytes: ByteCount;
  readonly #data: Uint8Array;

  constructor(data: Uint8Array) {
    this.#data = data;
    this.bytes = byteCount(data.length, "source.length");
  }

  async *chunks(chunkBytes: number): AsyncGenerator<Uint8Array> {
    for (let offset = 0; offset < this.bytes; offset += chunkBytes) {
      // A copy: what is hashed must be what is copied, also when the caller writes into the array meanwhile.
      yield await this.readRange(offset, Math.min(chunkBytes, this.bytes - offset));
    }
  }

  async readRange(offset: number, bytes: number): Promise<Uint8Array> {
    let cause: unknown;
    try {
      const copy = this.#data.slice(offset, offset + bytes);
      if (copy.length === bytes) return copy;
    } catch (error) {
      // A typed array without its memory throws; one that only follows it gives less.
      cause = error;
    }
    throw sourceError(
      "changed",
      "the array was detached or shrunk while it was read: keep it until the call returns",
      cause,
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

class BlobSource implements OpenedSource {
  readonly kind = "blob";
  readonly bytes: ByteCount;
  readonly #blob: Blob;

  constructor(blob: Blob) {
    this.#blob = blob;
    this.bytes = byteCount(
      reading("source.size", () => blob.size),
      "source.size",
    );
  }

  async *chunks(chunkBytes: number): AsyncGenerator<Uint8Array> {
    for (let offset = 0; offset < this.bytes; offset += chunkBytes) {
      yield await this.readRange(offset, Math.min(chunkBytes, this.bytes - offset));
    }
  }

  async readRange(offset: number, bytes: number): Promise<Uint8Array> {
    let read: Uint8Array;
    try {
      read = new Uint8Array(await this.#blob.slice(offset, offset + bytes).arrayBuffer());
    } catch (cause) {
      throw sourceError("unreadable", "the blob cannot be read", cause);
    }
    if (read.length !== bytes) throw sourceError("truncated", "the blob gave fewer bytes than its size");
    return read;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

async function openFile(path: string, fileSystem: FileSystem): Promise<OpenedSource> {
  let file: FileHandle;
  try {
    file = await fileSystem.open(path, { mode: "read" });
  } catch (cause) {
    throw sourceError("unreadable", "the file cannot be opened: check that it exists and may be read", cause);
  }
  try {
    const stat = await statOf(file);
    if (stat.kind !== "file")
      throw sourceError("unreadable", `the path names a ${stat.kind}, not a regular file`);
    return new FileSource(file, stat);
  } catch (error) {
    await Promise.resolve(file[Symbol.asyncDispose]()).catch(() => {});
    throw error;
  }
}

async function statOf(file: FileHandle): Promise<FileStat> {
  try {
    return await file.stat();
  } catch (cause) {
    throw sourceError("unreadable", "the file cannot be looked at", cause);
  }
}

class FileSource implements OpenedSource {
  readonly kind = "file";
  readonly bytes: ByteCount;
  readonly file: FileHandle;
  readonly #opened: FileStat;

  constructor(file: FileHandle, opened: FileStat) {
    this.file = file;
    this.#opened = opened;
    this.bytes = byteCount(opened.bytes, "source.size");
  }

  async *chunks(chunkBytes: number): AsyncGenerator<Uint8Array> {
    // Two buffers: the next run is read while the caller hashes this one.
    const bufferBytes = Math.min(chunkBytes, this.bytes);
    const buffers = [new Uint8Array(bufferBytes), new Uint8Array(bufferBytes)];
    const fill = (offset: number): Promise<Uint8Array> => {
      const buffer = buffers[(offset / chunkBytes) & 1] ?? new Uint8Array(chunkBytes);
      const run = this.#fill(buffer.subarray(0, Math.min(chunkBytes, this.bytes - offset)), offset);
      // It may fail while the caller is busy with the run before: seen when it is awaited, but not unhandled until then.
      run.catch(() => {});
      return run;
    };
    let next = this.bytes > 0 ? fill(0) : undefined;
    try {
      for (let offset = 0; next !== undefined; offset += chunkBytes) {
        const run: Uint8Array = await next;
        next = offset + chunkBytes < this.bytes ? fill(offset + chunkBytes) : undefined;
        yield run;
      }
    } finally {
      // The consumer may stop early; a read in flight must not outlive its buffer unobserved.
      await next?.catch(() => {});
      for (const buffer of buffers) buffer.fill(0);
    }
    await this.#assertUnchanged();
  }

  async readRange(offset: number, bytes: number): Promise<Uint8Array> {
    return await this.#fill(new Uint8Array(bytes), offset);
  }

  async #fill(into: Uint8Array, position: number): Promise<Uint8Array> {
    let filled = 0;
    while (filled < into.length) {
      let count: number;
      try {
        count = await this.file.read(into.subarray(filled), position + filled);
      } catch (cause) {
        throw sourceError("unreadable", "the file cannot be read", cause);
      }
      if (count === 0) throw sourceError("truncated", "the file became shorter while it was read");
      filled += count;
    }
    return into;
  }

  /** The same inode, size and change time as before the first read (formats: "swapped or appended to while loading"). */
  async #assertUnchanged(): Promise<void> {
    const now = await statOf(this.file);
    const { identity, bytes, changedNs } = this.#opened;
    if (now.identity !== identity || now.bytes !== bytes || now.changedNs !== changedNs) {
      throw sourceError("changed", "the file changed while it was read: load a file that nothing writes to");
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.file[Symbol.asyncDispose]();
  }
}
