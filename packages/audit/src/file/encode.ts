import { concatBytes } from "@vram-residency/crypto";
import { type AuditEvent, type Clock, hasCode, type VramError } from "@vram-residency/types";
import type { LogWriterState } from "../log/writer-state.ts";

/** A record to be made: an event, or one that has to know its own number. */
export type Draft = AuditEvent | ((seq: number) => AuditEvent);

/** Records that were made of drafts, not written yet. */
export interface Batch {
  readonly bytes: Uint8Array;
  readonly events: readonly AuditEvent[];
  /** For each draft the record's number, or why there is none. */
  readonly results: readonly (number | VramError)[];
}

/** Makes records. A draft that cannot be one, for its length, keeps no other from being written. */
export function encodeBatch(state: LogWriterState, drafts: readonly Draft[], clock: Clock): Batch {
  const parts: Uint8Array[] = [];
  const events: AuditEvent[] = [];
  const reading = { wall: clock.wall(), mono: clock.mono() };
  const results = drafts.map((draft) => {
    const event = typeof draft === "function" ? draft(state.size) : draft;
    try {
      const { seq, bytes } = state.append(event, reading);
      parts.push(bytes);
      events.push(event);
      return seq;
    } catch (error) {
      if (hasCode(error, "ERR_INPUT_INVALID")) return error;
      throw error;
    }
  });
  return { bytes: concatBytes(...parts), events, results };
}

/** Two batches, one made behind the other, as one. */
export function joined(first: Batch, second: Batch): Batch {
  if (second.results.length === 0) return first;
  return {
    bytes: concatBytes(first.bytes, second.bytes),
    events: [...first.events, ...second.events],
    results: [...first.results, ...second.results],
  };
}
