import type { FileHandle, FileSystem } from "@vram-residency/types";

/**
 * Lets file calls through until it is shut. A call that hangs cannot be taken back, but nothing must follow it when it comes
 * back after all: by then the directory may have another writer.
 */
export class Gate {
  /** The file system behind the gate. */
  readonly fileSystem: FileSystem;
  readonly #calls = new Set<Promise<unknown>>();
  #error: Error | undefined;

  constructor(fileSystem: FileSystem) {
    this.fileSystem = this.#guard(fileSystem);
  }

  get isShut(): boolean {
    return this.#error !== undefined;
  }

  /** From now on every call rejects, those under way included. */
  shut(error: Error): void {
    this.#error ??= error;
  }

  /** @throws What it was shut with. */
  assertOpen(): void {
    if (this.#error !== undefined) throw this.#error;
  }

  /** Waits until no call is under way. */
  async settled(): Promise<void> {
    while (this.#calls.size > 0) await Promise.allSettled(this.#calls);
  }

  async #pass<Result>(call: () => Promise<Result>): Promise<Result> {
    this.assertOpen();
    const running = call();
    this.#calls.add(running);
    try {
      const result = await running;
      this.assertOpen();
      return result;
    } finally {
      this.#calls.delete(running);
    }
  }

  #guard(inner: FileSystem): FileSystem {
    return {
      open: (path, options) =>
        this.#pass(async () => {
          const file = await inner.open(path, options);
          if (this.isShut) await file[Symbol.asyncDispose]();
          return this.#guardFile(file);
        }),
      stat: (path) => this.#pass(() => inner.stat(path)),
      list: (path) => this.#pass(() => inner.list(path)),
      makeDirectory: (path, permissions) => this.#pass(() => inner.makeDirectory(path, permissions)),
      rename: (from, to) => this.#pass(() => inner.rename(from, to)),
      remove: (path) => this.#pass(() => inner.remove(path)),
      syncDirectory: (path) => this.#pass(() => inner.syncDirectory(path)),
      realPath: (path) => this.#pass(() => inner.realPath(path)),
    };
  }

  #guardFile(inner: FileHandle): FileHandle {
    return {
      fd: inner.fd,
      read: (into, position) => this.#pass(() => inner.read(into, position)),
      write: (bytes, position) => this.#pass(() => inner.write(bytes, position)),
      dataSync: () => this.#pass(() => inner.dataSync()),
      truncate: (bytes) => this.#pass(() => inner.truncate(bytes)),
      stat: () => this.#pass(() => inner.stat()),
      [Symbol.asyncDispose]: () => Promise.resolve(inner[Symbol.asyncDispose]()),
    };
  }
}
