import { CompactRange, merkleLeaf, toHex } from "@vram-residency/crypto";
import { type AuditEvent, invariant, VramError } from "@vram-residency/types";
import { checkedEvent } from "../event.ts";
import { type AuditMacKey, copyMacKey, evolveMacKey } from "./keys.ts";
import { encodeLine, LINES_PER_KEY, type LogHashes, NO_PREVIOUS, PORTABLE_HASHES } from "./line.ts";

const WALL_MIN: number = Date.parse("0000-01-01T00:00:00Z");
const WALL_END = 253402300800000;
const MONO_END: bigint = 10n ** 20n;

/** Where the writing of a log starts or goes on. */
export interface WriterStart {
  /** The log's id. Shape: 32 hexadecimal digits. */
  readonly log: string;
  /** The writing process. Shape: 32 hexadecimal digits. */
  readonly epoch: string;
  /** k_0 of this epoch. The state owns it from now on. */
  readonly macKey: AuditMacKey;
  /** What the log holds already; its size is the next `seq`. Default: nothing. */
  readonly tree?: CompactRange;
  /** Leaf hash of the last line; needed if and only if there is one. Shape: 64 hexadecimal digits. */
  readonly prev?: string;
  readonly hashes?: LogHashes;
}

/** What the clocks say when a line is made. */
export interface ClockReading {
  /** Unit: ms since 1970. Range: the years 0 to 9999. */
  readonly wall: number;
  /** Unit: ns. */
  readonly mono: bigint;
}

/** A line that is ready to be written. */
export interface WrittenLine {
  readonly seq: number;
  /** The line and its newline. */
  readonly bytes: Uint8Array;
}

/**
 * Turns events into lines: numbers, chains and authenticates them, and grows the tree. Does no input or output.
 *
 * Write a batch on a {@link LogWriterState.fork}: when it is durable, dispose of the old state; when it failed, of the fork.
 */
export class LogWriterState implements Disposable {
  readonly log: string;
  readonly epoch: string;
  readonly #hashes: LogHashes;
  readonly #tree: CompactRange;
  #key: AuditMacKey;
  #prev: string;
  #inEpoch: number;
  /** Of the last line: those of one batch have one. */
  #stamp: Stamp | undefined;

  constructor(start: WriterStart, inEpoch: number = 0) {
    const { tree, hashes = PORTABLE_HASHES } = start;
    invariant(
      ((tree?.size ?? 0) === 0) === (start.prev === undefined),
      "a hash of the last line comes with lines",
    );
    this.log = start.log;
    this.epoch = start.epoch;
    this.#hashes = hashes;
    this.#tree = tree?.fork() ?? new CompactRange(hashes.sha256);
    this.#key = start.macKey;
    this.#prev = start.prev ?? NO_PREVIOUS;
    this.#inEpoch = inEpoch;
  }

  /** The next line's `seq`; how many lines there are. */
  get size(): number {
    return this.#tree.size;
  }

  /** How many lines of this epoch there are. */
  get inEpoch(): number {
    return this.#inEpoch;
  }

  /** The tree over every line so far, for a checkpoint or a frontier. Do not append to it. */
  get tree(): CompactRange {
    return this.#tree;
  }

  /**
   * Makes the next line. When it throws, nothing has changed.
   *
   * @throws {@link VramError} `ERR_INPUT_INVALID` for an event that `auditEvent` would refuse, a line of more than 16 KiB,
   * or a clock outside of its range.
   */
  append(event: AuditEvent, clock: ClockReading): WrittenLine {
    // Whoever calls may have made the event by hand.
    const { type, severity, data } = checkedEvent(event);
    const [seq, prev] = [this.#tree.size, this.#prev];
    const { log, epoch } = this;
    if (clock.wall !== this.#stamp?.wall || clock.mono !== this.#stamp.mono) this.#stamp = stampOf(clock);
    const { time, ticks: mono } = this.#stamp;
    this.#evolve();
    const line = { log, seq, epoch, time, mono, type, severity, data, prev };
    const written = encodeLine(line, this.#key, this.#hashes);
    const leaf = merkleLeaf(written.subarray(0, -1), this.#hashes.sha256);
    this.#tree.append(leaf);
    this.#prev = toHex(leaf);
    this.#inEpoch += 1;
    return { seq, bytes: written.slice() };
  }

  /** Copies the state, key included. */
  fork(): LogWriterState {
    const start = {
      log: this.log,
      epoch: this.epoch,
      macKey: copyMacKey(this.#key),
      tree: this.#tree,
      hashes: this.#hashes,
    };
    const prev = this.#tree.size === 0 ? {} : { prev: this.#prev };
    return new LogWriterState({ ...start, ...prev }, this.#inEpoch);
  }

  /** Wipes the key. */
  [Symbol.dispose](): void {
    this.#key[Symbol.dispose]();
  }

  #evolve(): void {
    if (this.#key.index === Math.floor(this.#inEpoch / LINES_PER_KEY)) return;
    const next = evolveMacKey(this.#key);
    this.#key[Symbol.dispose]();
    this.#key = next;
  }
}

/** What the clocks said, and how a line says it. */
interface Stamp extends ClockReading {
  readonly time: string;
  readonly ticks: string;
}

function stampOf({ wall, mono }: ClockReading): Stamp {
  const valid = Number.isSafeInteger(wall) && wall >= WALL_MIN && wall < WALL_END;
  if (!valid || mono < 0n || mono >= MONO_END) {
    const reason = "expected a wall clock in the years 0 to 9999, and a monotonic one of at most 20 digits";
    throw new VramError("ERR_INPUT_INVALID", `clock: ${reason}; set the clock`, { field: "clock", reason });
  }
  return { wall, mono, time: new Date(wall).toISOString(), ticks: String(mono) };
}
