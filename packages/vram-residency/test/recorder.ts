/** A sink of the caller's own, as a user of the facade would write it. */
import type { AuditEvent, AuditSink, VramError } from "vram-residency";

/** What was recorded so far. */
export interface Recorded {
  readonly sink: AuditSink;
  readonly events: readonly AuditEvent[];
  /** Data of the events of one type. */
  of(type: AuditEvent["type"]): readonly AuditEvent["data"][];
}

/** Makes a sink that keeps everything. */
export function recorder(): Recorded {
  const events: AuditEvent[] = [];
  const sink: AuditSink = {
    state: "ready",
    append: async (event) => ({ log: "0".repeat(32), seq: events.push(event) - 1 }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  return {
    sink,
    events,
    of: (type) => events.filter((event) => event.type === type).map(({ data }) => data),
  };
}

/** The error a promise rejects with; fails the test when it does not. */
export async function failure(promise: Promise<unknown>): Promise<VramError> {
  try {
    await promise;
  } catch (error) {
    return error as VramError;
  }
  throw new Error("expected a rejection");
}
