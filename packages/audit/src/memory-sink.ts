import { reading } from "@vram-residency/crypto";
import {
  type AuditEvent,
  type AuditReceipt,
  type AuditSink,
  byteCount,
  type Clock,
  type Random,
} from "@vram-residency/types";
import { auditEvent, checkedEvent } from "./event.ts";
import { type AuditRecord, Recorder } from "./record.ts";
import { unavailable } from "./unavailable.ts";

/** Parts and limits of a {@link MemorySink}. */
export interface MemorySinkOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Most records kept; older ones are forgotten and counted. Default 100,000. */
  readonly recordsMax?: number;
}

/** A log that lasts as long as the process: for the mock, for tests, and where a caller asks for it by name. */
export class MemorySink implements AuditSink {
  readonly #recorder: Recorder;
  readonly #recordsMax: number;
  #records: AuditRecord[] = [];
  #forgotten = 0;
  #closed = false;

  /** @throws `ERR_INPUT_INVALID` for parts or limits that are none. */
  constructor(options: MemorySinkOptions) {
    const { clock, random, recordsMax = 100_000 } = reading("options", () => ({ ...options }));
    this.#recorder = new Recorder(clock, random);
    this.#recordsMax = byteCount(recordsMax, "recordsMax");
    this.#keep(auditEvent("LogOpened", { sink: "memory", tamperEvident: false }));
  }

  get state(): "ready" | "closed" {
    return this.#closed ? "closed" : "ready";
  }

  /** How many of the oldest records are no longer kept. */
  get forgotten(): number {
    return this.#forgotten;
  }

  /** The records that are kept, oldest first. */
  records(): readonly AuditRecord[] {
    return [...this.#records];
  }

  async append(event: AuditEvent): Promise<AuditReceipt> {
    if (this.#closed) throw unavailable("closed");
    return this.#keep(checkedEvent(event));
  }

  [Symbol.asyncDispose](): Promise<void> {
    if (!this.#closed) {
      this.#keep(auditEvent("LogClosed", { records: this.#recorder.count + 1 }));
      this.#closed = true;
    }
    return Promise.resolve();
  }

  #keep(event: AuditEvent): AuditReceipt {
    const record = this.#recorder.number(event);
    this.#records.push(record);
    // Drop half at a time, so that forgetting costs O(1) a record.
    if (this.#records.length > this.#recordsMax) {
      const drop = Math.max(1, this.#recordsMax >> 1);
      this.#records = this.#records.slice(drop);
      this.#forgotten += drop;
    }
    return { log: record.log, seq: record.seq };
  }
}
