import { type AuditEventData, auditEvent } from "@vram-residency/audit";
import type { AuditEventType, AuditReceipt, AuditSink, Clock, Timers } from "@vram-residency/types";
import { hasCode, VramError } from "@vram-residency/types";

/** Longest wait for one record. The sink has its own limit; this one holds for a sink that hangs. Unit: ms. */
export const AUDIT_DEADLINE_MS = 5000;
/** Identical warnings within this time become one record. Unit: ms. */
export const COALESCE_MS = 1000;

interface Gap {
  count: number;
  readonly types: Set<string>;
  first: bigint;
  last: bigint;
}

type WarningReason = AuditEventData["SealVerificationFailed"]["reason"];

interface Coalesced {
  count: number;
  shardId: string;
  readonly cancel: () => void;
}

/**
 * The manager's way to the audit log: what must be recorded before an answer, what is owed when it cannot be, and what is
 * counted instead of repeated.
 */
export class Journal {
  readonly #sink: AuditSink;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #workerId: string;
  readonly #warnings = new Map<WarningReason, Coalesced>();
  #gap: Gap | undefined;
  /** Appends that missed their deadline and have not come back. */
  #hanging = 0;

  constructor(sink: AuditSink, clock: Clock, timers: Timers, workerId: string) {
    this.#sink = sink;
    this.#clock = clock;
    this.#timers = timers;
    this.#workerId = workerId;
  }

  get workerId(): string {
    return this.#workerId;
  }

  /** @throws {@link VramError} `ERR_AUDIT_UNAVAILABLE` unless the sink takes records: asked before anything is started. */
  assertReady(): void {
    if (this.#sink.state !== "ready") throw unavailable(this.#sink.state);
    if (this.#hanging > 0) throw unavailable("an earlier record hangs");
  }

  /**
   * Records an event, and what is owed before it.
   *
   * @returns The record's position, once it is durable.
   * @throws {@link VramError} `ERR_AUDIT_UNAVAILABLE`; the caller must then not act.
   */
  async record<Type extends AuditEventType>(type: Type, data: AuditEventData[Type]): Promise<number> {
    await this.#settleGap();
    return (await this.#append(type, data)).seq;
  }

  /** Records an event whose act cannot wait or be undone. Never rejects: what could not be written is owed as `AuditGap`. */
  async note<Type extends AuditEventType>(type: Type, data: AuditEventData[Type]): Promise<void> {
    try {
      await this.record(type, data);
    } catch {
      this.#owe(type);
    }
  }

  /**
   * Records a failed verification that touched no shard. The first of a kind at once, further ones as one counted record a
   * second, so that forged seals cannot flood the log.
   */
  async warn(reason: WarningReason, shardId: string): Promise<void> {
    const running = this.#warnings.get(reason);
    if (running !== undefined) {
      running.count++;
      running.shardId = shardId;
      return;
    }
    this.#openWindow(reason, shardId);
    await this.#warning(reason, shardId, 1);
  }

  /** Writes what is still counted or owed. Never rejects. */
  async flush(): Promise<void> {
    const open = [...this.#warnings.entries()];
    this.#warnings.clear();
    for (const [reason, { count, shardId, cancel }] of open) {
      cancel();
      if (count > 0) await this.#warning(reason, shardId, count);
    }
    await this.#settleGap().catch(() => {});
  }

  #openWindow(reason: WarningReason, shardId: string): void {
    const cancel = this.#timers.after(COALESCE_MS, () => {
      const ended = this.#warnings.get(reason);
      this.#warnings.delete(reason);
      if (ended === undefined || ended.count === 0) return;
      this.#openWindow(reason, ended.shardId);
      void this.#warning(reason, ended.shardId, ended.count);
    });
    this.#warnings.set(reason, { count: 0, shardId, cancel });
  }

  #warning(reason: WarningReason, shardId: string, count: number): Promise<void> {
    return this.note("SealVerificationFailed", { shardId, reason, count, workerId: this.#workerId });
  }

  #owe(type: AuditEventType): void {
    const now = this.#clock.mono();
    this.#gap ??= { count: 0, types: new Set(), first: now, last: now };
    this.#gap.count++;
    this.#gap.types.add(type);
    this.#gap.last = now;
  }

  async #settleGap(): Promise<void> {
    const gap = this.#gap;
    if (gap === undefined) return;
    this.#gap = undefined;
    try {
      await this.#append("AuditGap", {
        count: gap.count,
        types: [...gap.types].sort(),
        firstMono: String(gap.first),
        lastMono: String(gap.last),
        workerId: this.#workerId,
      });
    } catch (error) {
      this.#oweAgain(gap);
      throw error;
    }
  }

  /** Takes back a gap that could not be recorded, together with what was owed since. */
  #oweAgain(gap: Gap): void {
    const since = this.#gap;
    if (since !== undefined) {
      gap.count += since.count;
      for (const type of since.types) gap.types.add(type);
      gap.last = since.last;
    }
    this.#gap = gap;
  }

  #append<Type extends AuditEventType>(type: Type, data: AuditEventData[Type]): Promise<AuditReceipt> {
    const event = auditEvent(type, data);
    // A breaker: while one record hangs, the next ones would only wait in vain.
    if (this.#hanging > 0) return Promise.reject(unavailable("an earlier record hangs"));
    return new Promise((resolve, reject) => {
      let late = false;
      const cancel = this.#timers.after(AUDIT_DEADLINE_MS, () => {
        late = true;
        this.#hanging++;
        reject(unavailable("no answer in time"));
      });
      // A sink may be anybody's: it may throw where it should reject, and reject with anything.
      Promise.resolve()
        .then(() => this.#sink.append(event))
        .then(resolve, (cause: unknown) =>
          reject(hasCode(cause, "ERR_AUDIT_UNAVAILABLE") ? cause : unavailable("the sink failed", cause)),
        )
        .finally(() => {
          cancel();
          if (late) this.#hanging--;
        });
    });
  }
}

function unavailable(reason: string, cause?: unknown): VramError<"ERR_AUDIT_UNAVAILABLE"> {
  return new VramError(
    "ERR_AUDIT_UNAVAILABLE",
    `the audit log cannot record (${reason}): mend or replace the sink, then try again`,
    { reason },
    cause === undefined ? undefined : { cause },
  );
}
