/**
 * The ports to the world outside: time, chance, files, keys. The simulator replaces every one of them.
 *
 * @module
 */

/** What time it is. */
export interface Clock {
  /** Wall clock. Unit: ms since 1970-01-01T00:00:00Z. May jump either way. */
  wall(): number;
  /** Monotonic clock. Unit: ns since an arbitrary start. Never goes back. */
  mono(): bigint;
}

/** Waiting. */
export interface Timers {
  /**
   * Calls `callback` once after `delayMs`.
   *
   * @returns A function that cancels it; calling it late or twice is harmless.
   */
  after(delayMs: number, callback: () => void): () => void;
  /** Gives every other task of the event loop a turn. */
  yield(): Promise<void>;
}

/** Cryptographically strong randomness. */
export interface Random {
  /** @returns A fresh array. Shape: `length` bytes. */
  bytes(length: number): Uint8Array;
}

/** What `fstat` says of a file. */
export interface FileStat {
  readonly kind: "file" | "directory" | "other";
  readonly bytes: number;
  /** Device and inode, as one opaque text. */
  readonly identity: string;
  /** Change time. Unit: ns, as decimal text. */
  readonly changedNs: string;
  /** Permission bits, for example 0o600. */
  readonly mode: number;
  readonly ownerId: number;
  /** Hard links. 0: the file was removed underneath us. */
  readonly links: number;
}

/** An open file. */
export interface FileHandle extends AsyncDisposable {
  /** The descriptor, for native readers and locks. -1 where there is none. */
  readonly fd: number;
  /** Reads up to `into.length` bytes at `position`. @returns how many; 0 at the end. */
  read(into: Uint8Array, position: number): Promise<number>;
  /** Writes some of `bytes`, at `position` or, for a file opened to append, at the end. @returns how many: a short write is real. */
  write(bytes: Uint8Array, position?: number): Promise<number>;
  /** `fdatasync`. Rejects on a failed sync; never retry on the same handle. */
  dataSync(): Promise<void>;
  truncate(bytes: number): Promise<void>;
  stat(): Promise<FileStat>;
}

/** How a file is opened. */
export interface OpenOptions {
  /** "create" makes a new file and fails if there is one; "append" makes it when missing. */
  readonly mode: "read" | "create" | "append" | "read-write";
  /** Refuse a symbolic link. */
  readonly noFollow?: boolean;
  /** Permission bits of a new file. Default 0o600. */
  readonly permissions?: number;
}

/** Files. Errors are the runtime's own, with a `code` such as "ENOENT". */
export interface FileSystem {
  open(path: string, options: OpenOptions): Promise<FileHandle>;
  stat(path: string): Promise<FileStat>;
  /** Names in a directory, sorted by code unit. */
  list(path: string): Promise<readonly string[]>;
  /** Makes a directory and its parents. */
  makeDirectory(path: string, permissions?: number): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Makes directory entries durable. */
  syncDirectory(path: string): Promise<void>;
  /** Resolves symbolic links. */
  realPath(path: string): Promise<string>;
}

/** One writer per directory. */
export interface DirLock {
  /** @throws `ERR_STATE` when another process holds it. */
  acquire(directory: string): Promise<AsyncDisposable>;
}

/** How a key may be used: for new seals, only to check old ones, or not at all. */
export type KeyState = "active" | "verify-only" | "revoked";

/** One generation of the seal root. */
export interface SealRoot {
  /** At least 32 bytes, not all equal. Whoever receives it copies it, and changes nothing. */
  readonly secret: Uint8Array;
  readonly state: KeyState;
}

/** Where seal roots come from: random per process, a file, a credential, a KMS. */
export interface KeyProvider {
  /** What kind of source this is, for the log: "random", "file". Never a path or a key. */
  readonly kind: string;
  /** @returns Every generation; exactly one is active. */
  sealRoots(): Promise<readonly SealRoot[]>;
}
