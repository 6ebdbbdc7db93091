import {
  type AuditEvent,
  type AuditReceipt,
  type AuditSink,
  isVramError,
  type Timers,
  type VramError,
} from "@vram-residency/types";
import { auditEvent, checkedEvent } from "../event.ts";
import { unavailable } from "../unavailable.ts";
import { AnchorKeeper } from "./anchor.ts";
import { Coalescer } from "./coalesce.ts";
import type { Draft } from "./encode.ts";
import { Gate } from "./guard.ts";
import { type OpenedLog, openDirectory } from "./open.ts";
import { type AuditLogOptions, checkedOptions } from "./options.ts";
import { explained } from "./refusal.ts";
import type { OpenedReport } from "./report.ts";
import { BATCH_MAX, type Writer } from "./writer.ts";

/** Longest that a record stays without a checkpoint. Unit: ms. */
const UNSIGNED_MS = 1000;
/** Longest between two checkpoints. Unit: ms. */
const IDLE_MS = 60_000;
const DEADLINE_MS = 2000;
const QUEUE_MAX = 4096;

interface Waiting<Result> {
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

interface WaitingRecord extends Waiting<AuditReceipt> {
  readonly draft: Draft;
  readonly critical: boolean;
}

/**
 * The durable, tamper-evident log of one directory (docs/spec/audit-v1.md). The only writer there.
 *
 * A record is acknowledged when it is on the disk; what arrives meanwhile is the next batch. A write or sync that fails is
 * made good once, in a new segment. Everything else ends the log: it is `failed`, and has to be opened again. Close it: its
 * timers keep a process alive.
 */
export class AuditLog implements AuditSink {
  /** Shape: 32 hexadecimal digits. */
  readonly log: string;
  /** This writer. Shape: 32 hexadecimal digits. */
  readonly epoch: string;
  /** The verifier key, as in `log.pub`. */
  readonly publicKey: string;
  /** What opening found. */
  readonly opened: OpenedReport;
  readonly #writer: Writer;
  readonly #lock: AsyncDisposable;
  readonly #gate: Gate;
  readonly #timers: Timers;
  readonly #deadlineMs: number;
  readonly #queueMax: number;
  readonly #coalescer: Coalescer;
  readonly #anchor: AnchorKeeper | undefined;
  readonly #queue: WaitingRecord[] = [];
  #signing: Waiting<Uint8Array>[] = [];
  #signDue = false;
  /** The newest checkpoint that the timers and the anchor know of. */
  #note: Uint8Array | undefined;
  #state: "ready" | "failed" | "closed" = "ready";
  #running: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #cancelUnsigned: (() => void) | undefined;
  #cancelIdle: (() => void) | undefined;

  private constructor(options: AuditLogOptions, opened: OpenedLog, lock: AsyncDisposable, gate: Gate) {
    this.log = opened.log;
    this.epoch = opened.epoch;
    this.publicKey = opened.key;
    this.opened = Object.freeze(opened.report);
    this.#writer = opened.writer;
    this.#lock = lock;
    this.#gate = gate;
    this.#timers = options.timers;
    this.#deadlineMs = options.deadlineMs ?? DEADLINE_MS;
    this.#queueMax = options.queueMax ?? QUEUE_MAX;
    this.#coalescer = new Coalescer(options.timers, (event) => this.#record(event));
    const within = <Result>(work: Promise<Result>): Promise<Result> => this.#within(work);
    this.#anchor =
      options.anchor && new AnchorKeeper(options.anchor, opened.log, within, () => this.#noteAnchor());
    this.#noteSigned();
  }

  /**
   * Opens the log of a directory, or makes one where there is none.
   *
   * Nothing is changed when it refuses. How long it takes is the disk's matter: there is no deadline.
   *
   * @throws {@link VramError} `ERR_AUDIT_UNAVAILABLE` when it was tampered with or rolled back (naming the record and the
   * byte), or when a file call fails; `ERR_STATE` when another process has it open; `ERR_CONFIG_INVALID` when it is another
   * root's; `ERR_INPUT_INVALID` for options that are none.
   */
  static async open(from: AuditLogOptions): Promise<AuditLog> {
    const options = checkedOptions(from);
    const gate = new Gate(options.fileSystem);
    const { fileSystem } = gate;
    let lock: AsyncDisposable | undefined;
    try {
      await fileSystem.makeDirectory(options.directory, 0o700);
      lock = await options.lock.acquire(options.directory);
      return new AuditLog(options, await openDirectory({ ...options, fileSystem }), lock, gate);
    } catch (cause) {
      await lock?.[Symbol.asyncDispose]();
      throw isVramError(cause) ? cause : explained(cause);
    }
  }

  get state(): "ready" | "failed" | "closed" {
    return this.#state;
  }

  /**
   * Records one event.
   *
   * Of identical refusals of seals, the first is written at once and those of each further second as one counted record;
   * each is answered when the record that counts it is durable.
   *
   * @returns When the record is durable.
   * @throws {@link VramError} `ERR_AUDIT_UNAVAILABLE` when it is not, and may never be; `ERR_INPUT_INVALID` for an event that
   * is none or too long.
   */
  append(event: AuditEvent): Promise<AuditReceipt> {
    if (this.#state !== "ready") return Promise.reject(unavailable(this.#state));
    // Not async: that would be two more promises for each record.
    try {
      return this.#coalescer.append(checkedEvent(event));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Signs everything that is acknowledged, now. @returns The checkpoint, to be kept elsewhere. */
  async checkpoint(): Promise<Uint8Array> {
    if (this.#state !== "ready") throw unavailable(this.#state);
    return await this.#sign();
  }

  /** Records `LogClosed`, signs, and gives the directory free. Never rejects; a disk that hangs is not waited for. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const wasReady = this.#state === "ready";
    // First of all, so that nothing is recorded behind LogClosed.
    this.#state = "closed";
    if (wasReady) {
      this.#coalescer.flush();
      const closed: Draft = (seq) => auditEvent("LogClosed", { records: seq + 1 });
      await this.#enqueue(closed, false).catch(() => {});
      await this.#sign().catch(() => {});
    }
    await this.#running;
    this.#cancelUnsigned?.();
    this.#cancelIdle?.();
    await this.#anchor?.settle();
    await this.#within(this.#release()).catch(() => {});
  }

  /** Frees the directory, once no call on it is left that could still write. */
  async #release(): Promise<void> {
    await this.#writer[Symbol.asyncDispose]();
    await this.#gate.settled();
    await this.#lock[Symbol.asyncDispose]();
  }

  #record(event: AuditEvent): Promise<AuditReceipt> {
    if (this.#queue.length >= this.#queueMax) return Promise.reject(unavailable("queue full"));
    return this.#enqueue(event, event.severity === "critical");
  }

  #enqueue(draft: Draft, critical: boolean): Promise<AuditReceipt> {
    return new Promise((resolve, reject) => {
      if (this.#gate.isShut) return reject(unavailable("failed"));
      this.#queue.push({ draft, critical, resolve, reject });
      this.#start();
    });
  }

  #sign(): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (this.#gate.isShut) return reject(unavailable("failed"));
      this.#signing.push({ resolve, reject });
      this.#start();
    });
  }

  #start(): void {
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    while (!this.#gate.isShut) {
      if (this.#signDue || this.#signing.length > 0) await this.#step(this.#writeCheckpoint());
      else if (this.#queue.length > 0) await this.#step(this.#writeBatch());
      else break;
    }
    this.#running = undefined;
  }

  async #step(work: Promise<void>): Promise<void> {
    try {
      await this.#within(work);
    } catch (cause) {
      this.#fail(explained(cause));
    }
  }

  async #writeBatch(): Promise<void> {
    if (this.#writer.isRotationDue) {
      await this.#writer.rotate();
      this.#noteSigned();
    }
    const draftsFrom = (from: number, count: number): readonly Draft[] =>
      this.#queue.slice(from, from + count).map(({ draft }) => draft);
    const drafts = draftsFrom(0, this.#writer.room);
    const results = await this.#writer.commit(drafts, drafts, () => draftsFrom(drafts.length, BATCH_MAX));
    this.#gate.assertOpen();
    const batch = this.#queue.splice(0, drafts.length);
    for (const [index, { resolve, reject }] of batch.entries()) {
      const result = results[index];
      if (typeof result === "number") resolve({ log: this.log, seq: result });
      else reject(result);
    }
    this.#signDue ||= this.#writer.room === 0 || batch.some(({ critical }) => critical);
    if (this.#writer.unsigned > 0)
      this.#cancelUnsigned ??= this.#timers.after(UNSIGNED_MS, () => this.#signSoon());
  }

  async #writeCheckpoint(): Promise<void> {
    const waiting = this.#signing;
    this.#signing = [];
    try {
      const { note, replaced } = await this.#writer.signFirst();
      if (waiting.length === 0) void this.#step(replaced);
      else await replaced;
      this.#gate.assertOpen();
      this.#noteSigned();
      for (const { resolve } of waiting) resolve(note.slice());
    } catch (error) {
      this.#signing = [...waiting, ...this.#signing];
      throw error;
    }
  }

  /** Winds the timers again, and tells the anchor. */
  #noteSigned(): void {
    const { note, unsigned } = this.#writer;
    if (note === undefined || note === this.#note) return;
    this.#note = note;
    this.#signDue = false;
    this.#cancelUnsigned?.();
    this.#cancelUnsigned = unsigned > 0 ? this.#timers.after(UNSIGNED_MS, () => this.#signSoon()) : undefined;
    this.#cancelIdle?.();
    this.#cancelIdle = this.#timers.after(IDLE_MS, () => this.#signSoon());
    this.#anchor?.offer(note);
  }

  #signSoon(): void {
    if (this.#state !== "ready") return;
    this.#signDue = true;
    this.#start();
  }

  /** An anchor that takes nothing is on record, and signed; the log goes on. */
  #noteAnchor(): void {
    if (this.#state !== "ready") return;
    const event = auditEvent("AuditUnavailable", { reason: "the anchor takes no checkpoint" });
    void this.#record(event).catch(() => {});
  }

  #fail(error: VramError): void {
    this.#gate.shut(error);
    if (this.#state === "ready") this.#state = "failed";
    this.#cancelUnsigned?.();
    this.#cancelIdle?.();
    this.#coalescer.fail(error);
    for (const { reject } of [...this.#queue.splice(0), ...this.#signing.splice(0)]) reject(error);
  }

  #within<Result>(work: Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      const cancel = this.#timers.after(this.#deadlineMs, () =>
        reject(unavailable("the disk did not answer in time; mend it, then open the log again")),
      );
      work.then(resolve, reject).finally(cancel);
    });
  }
}
