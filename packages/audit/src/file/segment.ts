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
      return new GrowingFile(fileSystem, path, file, (await file.stat()).identity, content.length);
    } catch (error) {
      await file[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Goes on with a file that is there. @param file - Opened to read and write; owned from now on. */
  static async adopt(fileSystem: FileSystem, path: string, file: FileHandle): Promise<GrowingFile> {
    const { identity, bytes } = await file.stat();
    return new GrowingFile(fileSystem, path, file, identity, bytes);
  }

  /** What is in it and synced. Unit: bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Adds bytes, and makes them durable.
   *
   * @throws The runtime's error of a write or sync; never call it again then. `ERR_AUDIT_UNAVAILABLE` when the file was
   * removed, replaced or changed underneath.
   */
  async append(bytes: Uint8Array): Promise<void> {
    await this.#assertIntact(this.#bytes);
    await writeAll(this.#file, bytes, this.#bytes);
    // Also while it syncs: a file that was removed takes every write and keeps none.
    const [synced, intact] = await Promise.allSettled([
      this.#file.dataSync(),
      this.#assertIntact(this.#bytes + bytes.length),
    ]);
    // Somebody's hand is the graver finding.
    if (intact.status === "rejected") throw intact.reason;
    if (synced.status === "rejected") throw synced.reason;
    this.#bytes += bytes.length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file[Symbol.asyncDispose]();
  }

  async #assertIntact(expectedBytes: number): Promise<void> {
    const found = await this.#fileSystem.stat(this.#path).catch((error: unknown) => {
      if (isMissing(error)) throw unavailable("a file of the log was removed");
      throw error;
    });
    if (found.identity !== this.#identity) throw unavailable("a file of the log was replaced");
    if (found.bytes !== expectedBytes) throw unavailable("a file of the log was changed by somebody else");
  }
}
