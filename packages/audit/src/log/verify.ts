import { type Ed25519, equalBytes } from "@vram-residency/crypto";
import { hasCode } from "@vram-residency/types";
import { Chain } from "./chain.ts";
import {
  CHECKPOINT_BYTES_MAX,
  type Checkpoint,
  checkpointHolds,
  parseCheckpoint,
  parseCheckpointKey,
} from "./checkpoint.ts";
import type { AuditVerifySecret } from "./keys.ts";
import { type AuditLine, LINE_BYTES_MAX, type LogHashes, PORTABLE_HASHES } from "./line.ts";
import { segmentName } from "./opening.ts";
import type { BadPlace, LogReport, Verdict } from "./report.ts";
import { Splitter } from "./split.ts";

/** Bytes, a piece at a time. */
export type Chunks = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** One file of lines. */
export interface LogSegment {
  /** From its name. */
  readonly firstSeq: number;
  readonly chunks: Chunks;
  /** Where the next segment's `AuditRecovered` cuts this one off. Unit: bytes. */
  readonly keepBytes?: number;
}

/** A log to verify. Read `head` before anything else when its writer may be alive. */
export interface LogSource {
  /** In order; each is read once. */
  readonly segments: AsyncIterable<LogSegment> | Iterable<LogSegment>;
  /** Every checkpoint, oldest first: the file `checkpoints`. */
  readonly checkpoints: Chunks;
  /** The newest: the file `checkpoint`. Without it the log is not sealed. */
  readonly head?: Uint8Array;
}

/** By what a log is judged. */
export interface VerifyOptions {
  readonly ed25519: Ed25519;
  readonly hashes?: LogHashes;
  /** The wall clock. Unit: ms since 1970. */
  readonly now: number;
  /** The checkpoint key, from elsewhere. Shape: 32 bytes. Default: the one that the log names. */
  readonly publicKey?: Uint8Array;
  /** A checkpoint that was kept elsewhere. */
  readonly against?: Uint8Array;
  /** One for each root that the log was written under. Default: MACs are not checked. */
  readonly secrets?: readonly AuditVerifySecret[];
  /** How old the newest checkpoint may be when records follow it. Unit: ms. Default 90,000. */
  readonly unsignedMaxMs?: number;
  /** Accept a log whose first segments were deleted. Default false. */
  readonly allowPruned?: boolean;
}

const NOTE_LINES = 6;

/**
 * Verifies a log in one pass and constant memory: chain and tree always, MACs when given a secret.
 *
 * @throws Whatever the source throws; {@link VramError} `ERR_FORMAT_INVALID` when `against` is no checkpoint. What is
 * wrong with the log itself is never thrown, but reported.
 */
export async function verifyLog(source: LogSource, options: VerifyOptions): Promise<LogReport> {
  using run = new Verification(source, options);
  try {
    await run.read();
    return run.report(run.conclude());
  } catch (error) {
    if (error instanceof Fault) return run.report("tampered", error.place);
    throw error;
  }
}

/** How the first wrong thing leaves the loops. Never leaves this module. */
class Fault extends Error {
  readonly place: BadPlace;

  constructor(place: BadPlace) {
    super(place.rule);
    this.place = place;
  }
}

class Verification implements Disposable {
  readonly #source: LogSource;
  readonly #options: VerifyOptions;
  readonly #chain: Chain;
  readonly #notes: AsyncGenerator<Uint8Array, void>;
  readonly #against: Checkpoint | undefined;
  /** Where the next line starts, and where the first does that no checkpoint vouches for. */
  readonly #place = { seq: 0, segment: 0, offset: 0 };
  #unproven: Omit<BadPlace, "rule"> = { ...this.#place };
  #firstSeq = 0;
  #next: { readonly bytes: Uint8Array; readonly checkpoint: Checkpoint } | undefined;
  #newest: Checkpoint | undefined;
  #headSeen = false;
  #anchored = false;
  #pinHeld = false;
  #tornBytes = 0;
  #abandonedBytes = 0;

  constructor(source: LogSource, options: VerifyOptions) {
    this.#source = source;
    this.#options = options;
    this.#chain = new Chain(options.hashes ?? PORTABLE_HASHES, options.secrets ?? []);
    this.#notes = notesOf(source.checkpoints);
    this.#against = options.against && parseCheckpoint(options.against);
  }

  [Symbol.dispose](): void {
    this.#chain[Symbol.dispose]();
  }

  async read(): Promise<void> {
    await this.#pull();
    let before: LogSegment | undefined;
    for await (const segment of this.#source.segments) {
      if (this.#tornBytes > 0) this.#fail("torn");
      if (before === undefined) {
        if (segment.firstSeq !== 0 && !this.#options.allowPruned) this.#fail("start");
        this.#firstSeq = segment.firstSeq;
        this.#unproven = { seq: segment.firstSeq, segment: segment.firstSeq, offset: 0 };
      } else if (segment.firstSeq !== this.#chain.size) this.#fail("segment");
      Object.assign(this.#place, { seq: segment.firstSeq, segment: segment.firstSeq, offset: 0 });
      if (this.#unproven.seq === segment.firstSeq) this.#unproven = { ...this.#place };
      await this.#readSegment(segment, before);
      before = segment;
    }
    if (before?.keepBytes !== undefined) this.#fail("recovery");
  }

  async #readSegment(segment: LogSegment, before: LogSegment | undefined): Promise<void> {
    const splitter = new Splitter(1, LINE_BYTES_MAX + 1);
    let left = segment.keepBytes ?? Number.POSITIVE_INFINITY;
    for await (const chunk of segment.chunks) {
      const kept = chunk.subarray(0, Math.min(left, chunk.length));
      left -= kept.length;
      this.#abandonedBytes += chunk.length - kept.length;
      for (const piece of splitter.push(kept)) {
        const line = this.#accept(piece);
        if (this.#place.offset === 0) this.#checkFirst(line, segment, before);
        this.#place.seq += 1;
        this.#place.offset += piece.length;
        if (this.#isDue()) await this.#settle();
      }
    }
    if (segment.keepBytes !== undefined && (left > 0 || splitter.heldBytes > 0)) this.#fail("recovery");
    this.#tornBytes = splitter.heldBytes;
  }

  #accept(piece: Uint8Array): AuditLine {
    try {
      return this.#chain.accept(piece.subarray(0, -1));
    } catch (error) {
      if (hasCode(error, "ERR_FORMAT_INVALID")) this.#fail(error.detail.rule);
      throw error;
    }
  }

  #checkFirst({ type, seq, data }: AuditLine, segment: LogSegment, before: LogSegment | undefined): void {
    if (seq !== segment.firstSeq) this.#fail("segment");
    if (before === undefined) return;
    const recovery = type === "AuditRecovered";
    if (!recovery && type !== "SegmentOpened") this.#fail("segment");
    // Both or neither: a cut that no record tells of would hide records.
    if (before.keepBytes !== (recovery ? data["keepBytes"] : undefined)) this.#fail("recovery");
    if (!recovery) return;
    if (data["prevSegment"] !== segmentName(before.firstSeq) || data["lastSeq"] !== seq - 1) {
      this.#fail("recovery");
    }
  }

  #isDue(): boolean {
    const { size } = this.#chain;
    return (this.#next !== undefined && this.#next.checkpoint.size <= size) || this.#against?.size === size;
  }

  /** Compares every checkpoint over exactly the lines so far. */
  async #settle(): Promise<void> {
    const { size } = this.#chain;
    if (this.#against?.size === size) {
      if (!this.#holds(this.#against) || this.#against.root !== this.#chain.root())
        this.#fail("against", true);
      this.#anchored = true;
    }
    while (this.#next && this.#next.checkpoint.size <= size) {
      const { bytes, checkpoint } = this.#next;
      // Of what was pruned, only the signature can be checked.
      const pruned = checkpoint.size <= this.#firstSeq;
      if (checkpoint.size < size && !pruned) this.#fail("checkpoint-order", true);
      if (!this.#holds(checkpoint)) this.#fail("checkpoint-signature", true);
      if (!pruned) this.#prove(checkpoint);
      this.#headSeen ||= this.#source.head !== undefined && equalBytes(bytes, this.#source.head);
      await this.#pull();
    }
  }

  #prove(checkpoint: Checkpoint): void {
    if (checkpoint.root !== this.#chain.root()) this.#fail("root", true);
    this.#newest = checkpoint;
    this.#unproven = { ...this.#place };
    const { publicKey } = this.#options;
    this.#pinHeld ||= publicKey !== undefined && equalBytes(publicKey, this.#publicKey());
    this.#chain.covered();
  }

  async #pull(): Promise<void> {
    const { done, value } = await this.#notes.next();
    const previous = this.#next?.checkpoint;
    this.#next = done ? undefined : { bytes: value, checkpoint: this.#parse(value) };
    if (previous && this.#next && this.#next.checkpoint.size < previous.size)
      this.#fail("checkpoint-order", true);
  }

  #parse(bytes: Uint8Array): Checkpoint {
    try {
      return parseCheckpoint(bytes);
    } catch (error) {
      if (hasCode(error, "ERR_FORMAT_INVALID")) this.#fail("checkpoint", true);
      throw error;
    }
  }

  #publicKey(): Uint8Array {
    return parseCheckpointKey(this.#chain.key).publicKey;
  }

  #holds(checkpoint: Checkpoint): boolean {
    const { ed25519 } = this.#options;
    return checkpoint.log === this.#chain.log && checkpointHolds(checkpoint, this.#publicKey(), ed25519);
  }

  /** The verdict, once everything was read. */
  conclude(): Verdict {
    const head = this.#source.head && this.#parse(this.#source.head);
    const { publicKey, now, unsignedMaxMs = 90_000 } = this.#options;
    const { size } = this.#chain;
    if (size === 0) return head || this.#next || this.#against ? "truncated" : "not-sealed";
    // With a head, entries behind it may be newer than what was read of the log.
    const known = [head, this.#against, head ? undefined : this.#next?.checkpoint];
    for (const checkpoint of known) {
      if (checkpoint === undefined || checkpoint.size <= size) continue;
      if (!this.#holds(checkpoint)) this.#fail("checkpoint-signature", true);
      return "truncated";
    }
    if (this.#against && !this.#anchored) this.#fail("against", true);
    if (head === undefined || this.#newest === undefined) return "not-sealed";
    if (!this.#headSeen) this.#fail("checkpoints", true);
    if (publicKey !== undefined && !this.#pinHeld) this.#fail("key", true);
    const late = now - this.#newest.time * 1000 > unsignedMaxMs;
    return size > this.#newest.size && late ? "unsigned-tail-old" : "sound";
  }

  report(verdict: Verdict, bad?: BadPlace): LogReport {
    const log = this.#chain.log;
    return {
      verdict,
      trust: this.#anchored ? "anchored" : this.#pinHeld ? "pinned" : "self-asserted",
      ...(log === "" ? {} : { log }),
      firstSeq: this.#firstSeq,
      records: this.#chain.size,
      signed: this.#newest?.size ?? 0,
      macs: this.#options.secrets?.length ? "checked" : "unchecked",
      tornBytes: this.#tornBytes,
      abandonedBytes: this.#abandonedBytes,
      ...(bad ? { bad } : {}),
    };
  }

  /** @param unproven - Blame the first record that no checkpoint vouches for, rather than the one being read. */
  #fail(rule: string, unproven: boolean = false): never {
    throw new Fault({ ...(unproven ? this.#unproven : this.#place), rule });
  }
}

async function* notesOf(chunks: Chunks): AsyncGenerator<Uint8Array, void> {
  const splitter = new Splitter(NOTE_LINES, CHECKPOINT_BYTES_MAX);
  for await (const chunk of chunks) yield* splitter.push(chunk);
}
