import { LINE_BYTES_MAX, parseLine } from "@vram-residency/audit/log";
import { type FileHandle, type FileSystem, hasCode, VramError } from "@vram-residency/types";
import { systemCode, systemReason } from "../report.ts";

/** One line of a log as it stands in a file, without its newline. */
export interface TailedLine {
  /** The segment's file name. */
  readonly file: string;
  /** Unit: bytes from the start of the file. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}

const SEGMENT = /^\d{20}\.jsonl$/;
const NEWLINE = 0x0a;
const CHUNK_BYTES = 64 * 1024;

/**
 * Reads a log's lines in order, and later those that were written since, across rotation. Verifies nothing.
 *
 * Holds no file open between two passes. Of a segment that the next one recovers from, what was given up is left out.
 */
export class LogTail {
  readonly #fileSystem: FileSystem;
  readonly #directory: string;
  #file: string | undefined;
  /** Behind the last whole line. Unit: bytes from the start of the file. */
  #offset = 0;
  #tornBytes = 0;

  constructor(fileSystem: FileSystem, directory: string) {
    this.#fileSystem = fileSystem;
    this.#directory = directory;
  }

  /** What is left behind the last newline. Unit: bytes. */
  get tornBytes(): number {
    return this.#tornBytes;
  }

  /** True once a segment was there. */
  get found(): boolean {
    return this.#file !== undefined;
  }

  /** Every line that was not given out yet. @throws {@link VramError} `ERR_SOURCE` when a file cannot be read. */
  async *lines(): AsyncGenerator<TailedLine, void> {
    for (;;) {
      // Listed before the file is read: with a next one there, this one is whole.
      const next = await this.#next();
      if (this.#file !== undefined) yield* this.#rest(this.#file, next);
      if (next === undefined) return;
      [this.#file, this.#offset, this.#tornBytes] = [next, 0, 0];
    }
  }

  async #next(): Promise<string | undefined> {
    const names = await this.#attempt(this.#fileSystem.list(this.#directory));
    const segments = names.filter((name) => SEGMENT.test(name)).sort();
    return segments.find((name) => this.#file === undefined || name > this.#file);
  }

  async *#rest(file: string, next: string | undefined): AsyncGenerator<TailedLine, void> {
    await using handle = await this.#open(file);
    // Deleted after it was listed: an old segment that its owner did not keep.
    if (handle === undefined) return;
    const { bytes: length } = await this.#attempt(handle.stat());
    const end = Math.min(length, next === undefined ? length : await this.#keptBytes(file, next));
    // A writer that opened the log again has cut off what was torn.
    if (end < this.#offset) this.#offset = end;
    let held = new Uint8Array(0);
    for (let at = this.#offset; at < end; ) {
      const chunk = new Uint8Array(Math.min(CHUNK_BYTES, end - at));
      const count = await this.#attempt(handle.read(chunk, at));
      if (count === 0) break;
      at += count;
      held = joined(held, chunk.subarray(0, count));
      for (let cut = held.indexOf(NEWLINE); cut >= 0; cut = held.indexOf(NEWLINE)) {
        const line = { file, offset: this.#offset, bytes: held.subarray(0, cut) };
        this.#offset += cut + 1;
        held = held.subarray(cut + 1);
        yield line;
      }
      if (held.length > LINE_BYTES_MAX) {
        // No record: given out in pieces, so that memory does not grow with what somebody wrote here.
        const line = { file, offset: this.#offset, bytes: held };
        this.#offset += held.length;
        held = new Uint8Array(0);
        yield line;
      }
    }
    this.#tornBytes = held.length;
  }

  /** Where the next segment's first record, if it is there yet, says that this one ends. Unit: bytes. */
  async #keptBytes(file: string, next: string): Promise<number> {
    await using handle = await this.#open(next);
    if (handle === undefined) return Number.POSITIVE_INFINITY;
    const bytes = new Uint8Array(LINE_BYTES_MAX + 1);
    const count = await this.#attempt(handle.read(bytes, 0));
    const end = bytes.subarray(0, count).indexOf(NEWLINE);
    if (end < 0) return Number.POSITIVE_INFINITY;
    try {
      const { type, data } = parseLine(bytes.subarray(0, end));
      const { prevSegment, keepBytes } = data;
      const recovers = type === "AuditRecovered" && prevSegment === file.slice(0, -".jsonl".length);
      return recovers && typeof keepBytes === "number" ? keepBytes : Number.POSITIVE_INFINITY;
    } catch (error) {
      // Shown as unreadable when its turn comes.
      if (hasCode(error, "ERR_FORMAT_INVALID")) return Number.POSITIVE_INFINITY;
      throw error;
    }
  }

  async #open(file: string): Promise<FileHandle | undefined> {
    try {
      return await this.#fileSystem.open(`${this.#directory}/${file}`, { mode: "read", noFollow: true });
    } catch (error) {
      if (systemCode(error) === "ENOENT") return undefined;
      return refuse(error);
    }
  }

  async #attempt<Result>(call: Promise<Result>): Promise<Result> {
    try {
      return await call;
    } catch (error) {
      return refuse(error);
    }
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}

function refuse(cause: unknown): never {
  const message = `the log cannot be read: ${systemReason(cause)}`;
  throw new VramError("ERR_SOURCE", message, { reason: "unreadable" }, { cause });
}
