/**
 * The two files of checkpoints: all of them, and the newest.
 *
 * @module
 */
import { type Ed25519, equalBytes } from "@vram-residency/crypto";
import { type FileSystem, hasCode } from "@vram-residency/types";
import {
  CHECKPOINT_BYTES_MAX,
  type Checkpoint,
  checkpointHolds,
  parseCheckpoint,
} from "../log/checkpoint.ts";
import { makeUnfinished, openToRead, readFile, readRange, writeAll } from "./files.ts";
import { CHECKPOINT_FILE, CHECKPOINTS_FILE, UNFINISHED } from "./names.ts";
import { inconsistent } from "./refusal.ts";
import { GrowingFile } from "./segment.ts";

/** How much of the end of `checkpoints` is looked at. Unit: bytes. */
const WINDOW_BYTES = 8 * CHECKPOINT_BYTES_MAX;
const NOTE_LINES = 6;
const NEWLINE = 0x0a;

/** What the files of checkpoints say. */
export interface FoundCheckpoints {
  readonly newest?: { readonly bytes: Uint8Array; readonly checkpoint: Checkpoint };
  /** Where the newest ends in `checkpoints`: what follows is torn. Unit: bytes. */
  readonly keepBytes: number;
  /** The file `checkpoint`. */
  readonly head?: Uint8Array;
}

/** Whose checkpoints they must be. */
export interface CheckpointOwner {
  /** Shape: 32 hexadecimal digits. */
  readonly log: string;
  readonly publicKey: Uint8Array;
  readonly ed25519: Ed25519;
}

/** True when a checkpoint is of this log and under this key. */
export function isOwn(checkpoint: Checkpoint, { log, publicKey, ed25519 }: CheckpointOwner): boolean {
  return checkpoint.log === log && checkpointHolds(checkpoint, publicKey, ed25519);
}

/**
 * Reads the newest checkpoint.
 *
 * @throws `ERR_AUDIT_UNAVAILABLE` when the files do not fit together in a way that no crash explains.
 */
export async function readCheckpoints(
  fileSystem: FileSystem,
  directory: string,
  owner: CheckpointOwner,
): Promise<FoundCheckpoints> {
  const head = await readFile(fileSystem, `${directory}/${CHECKPOINT_FILE}`, CHECKPOINT_BYTES_MAX + 1);
  const { bytes, start } = await readWindow(fileSystem, `${directory}/${CHECKPOINTS_FILE}`);
  const notes = notesIn(bytes, start > 0);
  const newest = notes.at(-1);
  if (newest === undefined) {
    // The first one is written in one piece, so at most one is torn.
    if (start > 0 || bytes.length > CHECKPOINT_BYTES_MAX)
      throw inconsistent("checkpoints holds no checkpoint");
    if (head !== undefined) throw inconsistent("checkpoint is not among checkpoints");
  } else {
    if (bytes.length - newest.end > CHECKPOINT_BYTES_MAX)
      throw inconsistent("checkpoints ends in something else");
    if (!isOwn(newest.checkpoint, owner))
      throw inconsistent("the newest checkpoint does not hold under the log's key");
    if (head === undefined && (notes.length > 1 || start > 0)) throw inconsistent("checkpoint was removed");
    if (head !== undefined && !notes.some((note) => equalBytes(note.bytes, head))) {
      throw inconsistent("checkpoint is not among checkpoints");
    }
  }
  return {
    keepBytes: newest === undefined ? 0 : start + newest.end,
    ...(newest === undefined ? {} : { newest }),
    ...(head === undefined ? {} : { head }),
  };
}

async function readWindow(
  fileSystem: FileSystem,
  path: string,
): Promise<{ readonly bytes: Uint8Array; readonly start: number }> {
  const file = await openToRead(fileSystem, path);
  if (file === undefined) return { bytes: new Uint8Array(0), start: 0 };
  try {
    const { bytes } = await file.stat();
    const start = Math.max(0, bytes - WINDOW_BYTES);
    return { bytes: await readRange(file, start, bytes), start };
  } finally {
    await file[Symbol.asyncDispose]();
  }
}

interface Note {
  readonly bytes: Uint8Array;
  readonly checkpoint: Checkpoint;
  /** Where it ends in what was read. */
  readonly end: number;
}

/** Finds the whole checkpoints, oldest first. @param cut - The first one may have been cut into. */
function notesIn(bytes: Uint8Array, cut: boolean): readonly Note[] {
  const starts = lineStarts(bytes);
  const notes: Note[] = [];
  let next = cut ? starts.findIndex((_, line) => line > 0 && noteAt(bytes, starts, line) !== undefined) : 0;
  for (let note = noteAt(bytes, starts, next); note !== undefined; note = noteAt(bytes, starts, next)) {
    notes.push(note);
    next += NOTE_LINES;
  }
  return notes;
}

function noteAt(bytes: Uint8Array, starts: readonly number[], line: number): Note | undefined {
  const [start, end] = [starts[line], starts[line + NOTE_LINES]];
  if (start === undefined || end === undefined) return undefined;
  const note = bytes.slice(start, end);
  try {
    return { bytes: note, checkpoint: parseCheckpoint(note), end };
  } catch (error) {
    if (hasCode(error, "ERR_FORMAT_INVALID")) return undefined;
    throw error;
  }
}

/** Where each line starts, and where the last whole one ends. */
function lineStarts(bytes: Uint8Array): readonly number[] {
  const starts = [0];
  for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) starts.push(at + 1);
  return starts;
}

/** Writes checkpoints: first behind all others, then in the place of the newest. */
export class CheckpointFiles implements AsyncDisposable {
  readonly #fileSystem: FileSystem;
  readonly #directory: string;
  readonly #all: GrowingFile;
  #replaced: Promise<void> | undefined;

  private constructor(fileSystem: FileSystem, directory: string, all: GrowingFile) {
    this.#fileSystem = fileSystem;
    this.#directory = directory;
    this.#all = all;
  }

  /** Goes on with what {@link readCheckpoints} found: cuts off what is torn, and mends what a crash left half done. */
  static async open(
    fileSystem: FileSystem,
    directory: string,
    { newest, keepBytes, head }: FoundCheckpoints,
  ): Promise<CheckpointFiles> {
    const path = `${directory}/${CHECKPOINTS_FILE}`;
    if (keepBytes === 0) {
      const all = await GrowingFile.create(fileSystem, path, new Uint8Array(0));
      await fileSystem.syncDirectory(directory);
      return new CheckpointFiles(fileSystem, directory, all);
    }
    const file = await fileSystem.open(path, { mode: "read-write", noFollow: true });
    try {
      await file.truncate(keepBytes);
      // Written again: after a failed sync, what can be read may not be on the disk.
      if (newest) await writeAll(file, newest.bytes, keepBytes - newest.bytes.length);
      await file.dataSync();
      if (newest && !(head && equalBytes(newest.bytes, head))) {
        await replaceNewest(fileSystem, directory, newest.bytes);
      }
      return new CheckpointFiles(fileSystem, directory, await GrowingFile.adopt(fileSystem, path, file));
    } finally {
      await file[Symbol.asyncDispose]();
    }
  }

  /**
   * Makes a checkpoint durable among all others. After a failure nothing more can be added.
   *
   * @returns When it is in the place of the newest as well; whoever adds the next one waits for that.
   */
  async add(note: Uint8Array): Promise<{ readonly replaced: Promise<void> }> {
    await this.#replaced;
    const added = this.#all.append(note, false);
    const replaced = replaceNewest(this.#fileSystem, this.#directory, note, added);
    this.#replaced = replaced;
    // Whoever adds the next one hears of it at the latest.
    replaced.catch(() => {});
    await added;
    return { replaced };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#all[Symbol.asyncDispose]();
  }
}

/** Puts a checkpoint in the place of the newest. @param added - When it is among all others, durably. */
async function replaceNewest(
  fileSystem: FileSystem,
  directory: string,
  note: Uint8Array,
  added: Promise<void> = Promise.resolve(),
): Promise<void> {
  const path = `${directory}/${CHECKPOINT_FILE}`;
  const [before, made] = await Promise.allSettled([added, makeUnfinished(fileSystem, path, note)]);
  if (made.status === "fulfilled") await made.value[Symbol.asyncDispose]();
  if (before.status === "rejected") throw before.reason;
  if (made.status === "rejected") throw made.reason;
  await fileSystem.rename(path + UNFINISHED, path);
  await fileSystem.syncDirectory(directory);
}
