import type { AuditEvent, AuditReceipt, JsonObject, Timers } from "@vram-residency/types";
import type { AuditEventData } from "../catalogue.ts";
import { auditEvent } from "../event.ts";

/** Identical warnings within this time become one record. Unit: ms. */
const WINDOW_MS = 1000;
/** Most kinds of warning that are counted at once; further ones are written one by one. */
const WINDOWS_MAX = 1024;

interface Held {
  readonly promise: Promise<AuditReceipt>;
  readonly resolve: (receipt: AuditReceipt | Promise<AuditReceipt>) => void;
  readonly reject: (error: unknown) => void;
}

interface Window {
  count: number;
  held: Held | undefined;
  cancel: () => void;
}

/**
 * Counts identical refusals of seals instead of repeating them: the first is written at once, those of each second that
 * follows as one record. Whoever waits for one that was counted is answered when the counted record is durable, so that an
 * answer never says more than the disk does; a thousand of them wait for one promise.
 */
export class Coalescer {
  readonly #timers: Timers;
  readonly #write: (event: AuditEvent) => Promise<AuditReceipt>;
  readonly #windows = new Map<string, Window>();

  constructor(timers: Timers, write: (event: AuditEvent) => Promise<AuditReceipt>) {
    this.#timers = timers;
    this.#write = write;
  }

  /** Writes an event, or counts it. */
  append(event: AuditEvent): Promise<AuditReceipt> {
    const { type, severity, data } = event;
    // A warning that somebody counted already is one of few, and somebody waits for it.
    if (type !== "SealVerificationFailed" || severity !== "warning" || data["count"] !== 1) {
      return this.#write(event);
    }
    const kind = JSON.stringify(data);
    const window = this.#windows.get(kind);
    if (window !== undefined) {
      window.count += 1;
      window.held ??= hold();
      return window.held.promise;
    }
    if (this.#windows.size < WINDOWS_MAX) this.#open(kind, data);
    return this.#write(event);
  }

  /** Writes at once what is counted. */
  flush(): void {
    for (const [kind, window] of this.#windows) this.#end(kind, window);
  }

  /** Answers everybody who waits with an error. */
  fail(error: unknown): void {
    for (const { cancel, held } of this.#windows.values()) {
      cancel();
      held?.reject(error);
    }
    this.#windows.clear();
  }

  #open(kind: string, data: JsonObject): void {
    const window: Window = { count: 0, held: undefined, cancel: () => {} };
    window.cancel = this.#timers.after(WINDOW_MS, () => {
      if (this.#end(kind, window)) this.#open(kind, data);
    });
    this.#windows.set(kind, window);
  }

  /** @returns True when there was something to write. */
  #end(kind: string, { count, held, cancel }: Window): boolean {
    cancel();
    this.#windows.delete(kind);
    if (held === undefined) return false;
    const data = JSON.parse(kind) as AuditEventData["SealVerificationFailed"];
    held.resolve(this.#write(auditEvent("SealVerificationFailed", { ...data, count })));
    return true;
  }
}

function hold(): Held {
  let resolve: Held["resolve"] = () => {};
  let reject: Held["reject"] = () => {};
  const promise = new Promise<AuditReceipt>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
