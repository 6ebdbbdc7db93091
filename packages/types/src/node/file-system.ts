/**
 * Files through `node:fs`, under Bun and Node alike.
 *
 * The callback interface with bare descriptors, because FileHandle objects of `node:fs/promises` close themselves when
 * collected, and a descriptor that closes on its own is a lock that opens on its own.
 *
 * @module
 */
import * as fs from "node:fs";
import { promisify } from "node:util";
import type { FileHandle, FileStat, FileSystem, OpenOptions } from "../ports.ts";

const open = promisify(fs.open);
const close = promisify(fs.close);
const fstat = promisify(fs.fstat) as unknown as (
  fd: number,
  options: { bigint: true },
) => Promise<fs.BigIntStats>;
const ftruncate = promisify(fs.ftruncate);
const fdatasync = promisify(fs.fdatasync);
const fsync = promisify(fs.fsync);

const FLAGS: { readonly [Mode in OpenOptions["mode"]]: number } = {
  read: fs.constants.O_RDONLY,
  create: fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_EXCL,
  append: fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_APPEND,
  "read-write": fs.constants.O_RDWR,
};

function describe(stat: fs.BigIntStats): FileStat {
  return {
    kind: stat.isFile() ? "file" : stat.isDirectory() ? "directory" : "other",
    bytes: Number(stat.size),
    identity: `${stat.dev}:${stat.ino}`,
    changedNs: String(stat.ctimeNs),
    mode: Number(stat.mode & 0o7777n),
    ownerId: Number(stat.uid),
    links: Number(stat.nlink),
  };
}

class NodeFile implements FileHandle {
  readonly fd: number;
  readonly #calls = new Set<Promise<unknown>>();
  #closing: Promise<void> | undefined;

  constructor(fd: number) {
    this.fd = fd;
  }

  read(into: Uint8Array, position: number): Promise<number> {
    return this.#call(
      () =>
        new Promise((resolve, reject) => {
          fs.read(this.fd, into, 0, into.length, position, (error, count) =>
            error ? reject(error) : resolve(count),
          );
        }),
    );
  }

  write(bytes: Uint8Array, position?: number): Promise<number> {
    return this.#call(
      () =>
        new Promise((resolve, reject) => {
          fs.write(this.fd, bytes, 0, bytes.length, position ?? null, (error, count) =>
            error ? reject(error) : resolve(count),
          );
        }),
    );
  }

  dataSync(): Promise<void> {
    return this.#call(() => fdatasync(this.fd));
  }

  truncate(bytes: number): Promise<void> {
    return this.#call(() => ftruncate(this.fd, bytes));
  }

  stat(): Promise<FileStat> {
    return this.#call(async () => describe(await fstat(this.fd, { bigint: true })));
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** A call under way may not have reached the kernel yet: it must not meet the number's next owner there. */
  async #close(): Promise<void> {
    await Promise.allSettled(this.#calls);
    await close(this.fd);
  }

  /** Makes a call, unless the handle is closed: then its number may be somebody else's file by now. */
  async #call<Result>(make: () => Promise<Result>): Promise<Result> {
    if (this.#closing !== undefined) {
      throw Object.assign(new Error("EBADF: the handle is closed"), { code: "EBADF" });
    }
    const call = make();
    this.#calls.add(call);
    try {
      return await call;
    } finally {
      this.#calls.delete(call);
    }
  }
}

/** The machine's file system. */
export const nodeFileSystem: FileSystem = {
  async open(path, options) {
    const noFollow = options.noFollow === true ? fs.constants.O_NOFOLLOW : 0;
    // O_NONBLOCK: opening a pipe must not hang for a writer that never comes.
    const flags = FLAGS[options.mode] | noFollow | (options.mode === "read" ? fs.constants.O_NONBLOCK : 0);
    return new NodeFile(await open(path, flags, options.permissions ?? 0o600));
  },
  stat: async (path) => describe(await fs.promises.stat(path, { bigint: true })),
  list: async (path) => (await fs.promises.readdir(path)).sort(),
  async makeDirectory(path, permissions) {
    await fs.promises.mkdir(path, { recursive: true, mode: permissions ?? 0o700 });
  },
  rename: (from, to) => fs.promises.rename(from, to),
  remove: (path) => fs.promises.unlink(path),
  async syncDirectory(path) {
    const fd = await open(path, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
    try {
      await fsync(fd);
    } finally {
      await close(fd);
    }
  },
  realPath: (path) => fs.promises.realpath(path),
};
