import type { FileHandle, FileSystem } from "@vram-residency/types";
import { unavailable } from "../unavailable.ts";
import { isMissing, makeUnfinished, writeAll } from "./files.ts";
import { UNFINISHED } from "./names.ts";

/** A file that grows at its end, and that nobody else may touch meanwhile. */
export class GrowingFile implements AsyncDisposable {
  readonly #fileSystem: FileSystem;
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #identity: string;
  #bytes: number;

  private constructor(
    fileSystem: FileSystem,
    path: string,
    file: FileHandle,
    identity: string,
    bytes: number,
  ) {
    this.#fileSystem = fileSystem;
    this.#path = path;
    this.#file = file;
    this.#identity = identity;
    this.#bytes = bytes;
  }

  /** Makes a file that appears whole, with its first bytes durable, or not at all. The directory is yet to be synced. */
  static async create(fileSystem: FileSystem, path: string, content: Uint8Array): Promise<GrowingFile> {
    const file = await makeUnfinished(fileSystem, path, content);
    try {
      await fileSystem.rename(path + UNFINISHED, path);
      return await GrowingFile.adopt(fileSystem, path, file);
    } finally {
      await file[Symbol.asyncDispose]();
    }
  }

  /** Goes on with a file that is there. @param file - Open; the caller's. */
  static async adopt(fileSystem: FileSystem, path: string, file: FileHandle): Promise<GrowingFile> {
    const { identity, bytes } = await file.stat();
    // To append: behind somebody's cut, a write at a place would fill up with zeros, and the length would be right again.
    const end = await fileSystem.open(path, { mode: "append", noFollow: true });
    try {
      if ((await end.stat()).identity !== identity) throw unavailable("a file of the log was replaced");
      return new GrowingFile(fileSystem, path, end, identity, bytes);
    } catch (error) {
      await end[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** What is in it and synced. Unit: bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Adds bytes, and makes them durable.
   *
   * @param looksFirst - Whether to look at the file before it is written, too.
   * @param meanwhile - Called while the disk is busy.
   * @throws The runtime's error of a write or sync; never call it again then. `ERR_AUDIT_UNAVAILABLE` when the file was
   * removed, replaced or changed underneath: seen while it syncs, so before anybody takes the bytes for durable.
   */
  async append(bytes: Uint8Array, looksFirst: boolean, meanwhile: () => void = () => {}): Promise<void> {
    if (looksFirst) await this.#assertIntact(this.#bytes);
    const end = this.#bytes + bytes.length;
    await writeAll(this.#file, bytes, this.#bytes).catch(async (error: unknown) => {
      await this.#assertIntact(this.#bytes, end);
      throw error;
    });
    // A file that was removed takes every write and keeps none.
    const calls = Promise.allSettled([this.#file.dataSync(), this.#assertIntact(end)]);
    meanwhile();
    const [synced, intact] = await calls;
    // Somebody's hand is the graver finding.
    if (intact.status === "rejected") throw intact.reason;
    if (synced.status === "rejected") throw synced.reason;
    this.#bytes = end;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file[Symbol.asyncDispose]();
  }

  async #assertIntact(leastBytes: number, mostBytes: number = leastBytes): Promise<void> {
    const { identity, bytes } = await this.#fileSystem.stat(this.#path).catch((error: unknown) => {
      if (isMissing(error)) throw unavailable("a file of the log was removed");
      throw error;
    });
    if (identity !== this.#identity) throw unavailable("a file of the log was replaced");
    if (bytes < leastBytes || bytes > mostBytes) {
      throw unavailable("a file of the log was changed by somebody else");
    }
  }
}
