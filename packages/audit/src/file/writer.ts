import { type Ed25519, toHex } from "@vram-residency/crypto";
import type { AuditEvent, Clock, FileSystem, VramError } from "@vram-residency/types";
import { auditEvent } from "../event.ts";
import { signCheckpoint } from "../log/checkpoint.ts";
import type { CheckpointSeed } from "../log/keys.ts";
import { LINES_PER_KEY } from "../log/line.ts";
import { type Opening, segmentName, segmentOpened } from "../log/opening.ts";
import type { LogWriterState } from "../log/writer-state.ts";
import type { CheckpointFiles } from "./checkpoints.ts";
import { type Batch, type Draft, encodeBatch, joined } from "./encode.ts";
import { errorCode } from "./files.ts";
import { segmentFile } from "./names.ts";
import { explained, isRecoverable } from "./refusal.ts";
import type { LiveSeals } from "./seals.ts";
import { GrowingFile } from "./segment.ts";

/** Most records in one batch. */
export const BATCH_MAX = 64;
/** Most records that no checkpoint covers, at any moment. */
export const UNSIGNED_MAX: number = LINES_PER_KEY;
const DAY_MS = 86_400_000;

/** What a writer goes on from. */
export interface WriterParts {
  readonly fileSystem: FileSystem;
  readonly directory: string;
  readonly clock: Clock;
  readonly ed25519: Ed25519;
  readonly segmentBytes: number;
  readonly opening: Opening;
  readonly seed: CheckpointSeed;
  readonly state: LogWriterState;
  readonly segment: { readonly firstSeq: number; readonly file: GrowingFile; readonly day: number };
  readonly checkpoints: CheckpointFiles;
  readonly seals: LiveSeals;
  /** The newest checkpoint's size. */
  readonly signed: number;
}

/** A batch, and the state behind it. */
interface Made {
  readonly next: LogWriterState;
  readonly batch: Batch;
  /** Whether it was made while the one before was synced. */
  readonly isAhead?: boolean;
}

/** A batch that was made behind another, before that was durable. */
interface Ahead extends Made {
  readonly base: LogWriterState;
  readonly drafts: readonly Draft[];
}

/** The UTC day of a moment. @param wall - Unit: ms since 1970. */
export function dayOf(wall: number): number {
  return Math.floor(wall / DAY_MS);
}

/** Writes records, segments and checkpoints, one call at a time. After a call that rejects, nothing more can be written. */
export class Writer implements AsyncDisposable {
  readonly #parts: WriterParts;
  readonly #given: Promise<void>[] = [];
  #state: LogWriterState;
  #segment: WriterParts["segment"];
  #signed: number;
  #note: Uint8Array | undefined;
  #ahead: Ahead | undefined;

  constructor(parts: WriterParts) {
    this.#parts = parts;
    this.#state = parts.state;
    this.#segment = parts.segment;
    this.#signed = parts.signed;
  }

  /** How many records are durable. */
  get size(): number {
    return this.#state.size;
  }

  /** How many of them no checkpoint covers. */
  get unsigned(): number {
    return this.#state.size - this.#signed;
  }

  /** The newest checkpoint that this writer made. */
  get note(): Uint8Array | undefined {
    return this.#note;
  }

  /** How many records the next batch may have; 0 before the next checkpoint. */
  get room(): number {
    return Math.max(0, Math.min(BATCH_MAX, UNSIGNED_MAX - this.unsigned));
  }

  /** True when the segment is full, or of another day. */
  get isRotationDue(): boolean {
    const { file, day } = this.#segment;
    // A clock that was set back begins no new day.
    return file.bytes >= this.#parts.segmentBytes || dayOf(this.#parts.clock.wall()) > day;
  }

  /**
   * Makes records durable, at most {@link Writer.room}: written and synced, and if that fails, once more in a new segment.
   *
   * @param again - What to write in the new segment instead.
   * @param upcoming - What waits behind them, of which the next batch is made while the disk is busy.
   * @returns For each its number, or why it is none.
   */
  async commit(
    drafts: readonly Draft[],
    again: readonly Draft[] = drafts,
    upcoming: () => readonly Draft[] = () => [],
  ): Promise<readonly (number | VramError)[]> {
    const { next, batch, isAhead = false } = this.#make(drafts);
    let adopted = false;
    try {
      const lookAhead = (): void => this.#lookAhead(next, upcoming());
      // Behind a pause there always is a checkpoint. In a run of batches, the look beside one sync comes before the next write.
      const looksFirst = this.unsigned === 0 && !isAhead;
      if (batch.bytes.length > 0) await this.#segment.file.append(batch.bytes, looksFirst, lookAhead);
      this.#adopt(next, batch.events);
      adopted = true;
      return batch.results;
    } catch (cause) {
      // The first record of an epoch is LogOpened, and no AuditRecovered may come before it: opening again is the recovery.
      if (!isRecoverable(cause) || this.#state.inEpoch === 0) throw explained(cause);
      return await this.#recover(again, cause);
    } finally {
      if (!adopted) next[Symbol.dispose]();
    }
  }

  /** Makes a batch, or takes the one that was made ahead, if nothing came between. */
  #make(drafts: readonly Draft[]): Made {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    if (ahead?.base === this.#state && ahead.drafts.every((draft, index) => draft === drafts[index])) {
      return { ...this.#encode(ahead.next, drafts.slice(ahead.drafts.length), ahead.batch), isAhead: true };
    }
    ahead?.next[Symbol.dispose]();
    return this.#encode(this.#state.fork(), drafts);
  }

  /** Makes the batch behind one that is being written. Thrown away when that fails; made again, and heard, when this does. */
  #lookAhead(base: LogWriterState, upcoming: readonly Draft[]): void {
    const drafts = upcoming.slice(0, BATCH_MAX);
    if (drafts.length === 0) return;
    try {
      this.#ahead = { base, drafts, ...this.#encode(base.fork(), drafts) };
    } catch {
      this.#ahead = undefined;
    }
  }

  /** Makes records behind those of `before`. @param next - Disposed of when this throws. */
  #encode(next: LogWriterState, drafts: readonly Draft[], before?: Batch): Made {
    try {
      const batch = encodeBatch(next, drafts, this.#parts.clock);
      return { next, batch: before === undefined ? batch : joined(before, batch) };
    } catch (error) {
      next[Symbol.dispose]();
      throw error;
    }
  }

  /** Closes the segment and begins the next. */
  async rotate(): Promise<void> {
    const first = this.#segment.firstSeq;
    if (this.room < 2) await this.sign();
    await this.commit([(seq) => auditEvent("SegmentClosed", { records: seq + 1 - first })], []);
    await this.sign();
    // When the record of the end could not be written where it belongs, the next segment has begun already.
    if (this.#segment.firstSeq !== first) return;
    const live = this.#parts.seals.toJson();
    const event = segmentOpened(this.#state, this.#parts.opening, live === undefined ? {} : { live });
    await this.#begin([event]);
  }

  /** Signs what is durable. @returns The checkpoint, once it is in the place of the newest. */
  async sign(): Promise<Uint8Array> {
    const { note, replaced } = await this.signFirst();
    await replaced;
    return note;
  }

  /** Signs what is durable. More may be written once the checkpoint is among all others, before it is `replaced`. */
  async signFirst(): Promise<{ readonly note: Uint8Array; readonly replaced: Promise<void> }> {
    const { seed, clock, ed25519, checkpoints } = this.#parts;
    const { log, size, tree } = this.#state;
    const head = { log, size, root: toHex(tree.root()) };
    const note = signCheckpoint(head, seed, clock.wall(), ed25519);
    const { replaced } = await checkpoints.add(note).catch((cause: unknown) => {
      throw explained(cause);
    });
    this.#signed = size;
    this.#note = note;
    return { note, replaced };
  }

  /** Closes the files and wipes the keys. Waits for calls that hang. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#state[Symbol.dispose]();
    this.#ahead?.next[Symbol.dispose]();
    this.#parts.seed[Symbol.dispose]();
    this.#give(this.#segment.file);
    this.#give(this.#parts.checkpoints);
    await Promise.all(this.#given);
  }

  /** Goes on in a new segment: what the old one says behind its last acknowledged record does not count. */
  async #recover(drafts: readonly Draft[], cause: unknown): Promise<readonly (number | VramError)[]> {
    const { firstSeq, file } = this.#segment;
    const event = auditEvent("AuditRecovered", {
      lastSeq: this.size - 1,
      suspect: false,
      prevSegment: segmentName(firstSeq),
      keepBytes: file.bytes,
      code: errorCode(cause) || "unknown",
    });
    const [, ...results] = await this.#begin([event, ...drafts]);
    return results;
  }

  async #begin(drafts: readonly Draft[]): Promise<readonly (number | VramError)[]> {
    const { fileSystem, directory, clock } = this.#parts;
    const firstSeq = this.size;
    const next = this.#state.fork();
    let adopted = false;
    try {
      const batch = encodeBatch(next, drafts, clock);
      // A segment without its first record would be a damaged one.
      if (batch.results[0] !== firstSeq) throw batch.results[0];
      const file = await GrowingFile.create(fileSystem, `${directory}/${segmentFile(firstSeq)}`, batch.bytes);
      this.#give(this.#segment.file);
      this.#segment = { firstSeq, file, day: dayOf(clock.wall()) };
      await fileSystem.syncDirectory(directory);
      this.#adopt(next, batch.events);
      adopted = true;
      return batch.results;
    } catch (cause) {
      throw explained(cause);
    } finally {
      if (!adopted) next[Symbol.dispose]();
    }
  }

  #adopt(next: LogWriterState, events: readonly AuditEvent[]): void {
    this.#state[Symbol.dispose]();
    this.#state = next;
    for (const { type, data } of events) this.#parts.seals.take(type, data);
  }

  /** Closes a file that is not needed any more. What it answers is of no consequence: all that counts is synced. */
  #give(file: AsyncDisposable): void {
    this.#given.push(Promise.resolve(file[Symbol.asyncDispose]()).catch(() => {}));
  }
}
