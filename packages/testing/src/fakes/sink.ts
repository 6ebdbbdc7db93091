import { type AuditEvent, type AuditReceipt, type AuditSink, VramError } from "@vram-residency/types";

/** An audit sink that remembers everything and fails on demand. */
export interface RecordingSink extends AuditSink {
  /** Every event that was recorded, in order: the receipt's `seq` is the index. */
  readonly events: readonly AuditEvent[];
  /** How often `append` was called, failures included. */
  calls(): number;
  /** The n-th call from now on (1 is the next) rejects, and the sink is failed from then on. */
  failAt(n: number): void;
  /** The n-th call from now on, and every one after it, never settles until {@link RecordingSink.resume}. */
  hangAt(n: number): void;
  /** The n-th call from now on finds the sink closed. */
  closeAt(n: number): void;
  /** Lets calls that hang go on, in order, and clears a failure. */
  resume(): void;
}

type State = AuditSink["state"];

class MemorySink implements RecordingSink {
  readonly events: AuditEvent[] = [];
  readonly #log: string;
  readonly #faults = new Map<number, "fail" | "hang" | "close">();
  #state: State = "ready";
  #calls = 0;
  #hanging = false;
  #release: () => void = () => {};
  #gate: Promise<void> = Promise.resolve();

  constructor(log: string) {
    this.#log = log;
  }

  get state(): State {
    return this.#state;
  }

  calls(): number {
    return this.#calls;
  }

  failAt(n: number): void {
    this.#faults.set(this.#calls + n, "fail");
  }

  hangAt(n: number): void {
    this.#faults.set(this.#calls + n, "hang");
  }

  closeAt(n: number): void {
    this.#faults.set(this.#calls + n, "close");
  }

  resume(): void {
    if (this.#state === "failed") this.#state = "ready";
    this.#hanging = false;
    this.#release();
  }

  async append(event: AuditEvent): Promise<AuditReceipt> {
    this.#calls += 1;
    const fault = this.#faults.get(this.#calls);
    if (fault === "fail" && this.#state === "ready") this.#state = "failed";
    if (fault === "close") this.#state = "closed";
    if (fault === "hang" && !this.#hanging) {
      this.#hanging = true;
      this.#gate = new Promise((resolve) => {
        this.#release = resolve;
      });
    }
    if (this.#hanging) await this.#gate;
    if (this.#state !== "ready") {
      throw new VramError("ERR_AUDIT_UNAVAILABLE", `the audit sink is ${this.#state}, open a new one`, {
        reason: this.#state,
      });
    }
    this.events.push(structuredClone(event));
    return { log: this.#log, seq: this.events.length - 1 };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#state = "closed";
    this.#hanging = false;
    this.#release();
  }
}

/**
 * Makes an audit sink for tests: in memory, and failing, hanging or closing at a chosen call.
 *
 * @param log - The log's id in the receipts. Shape: 32 hexadecimal digits.
 */
export function recordingSink(log: string = "0".repeat(32)): RecordingSink {
  return new MemorySink(log);
}
