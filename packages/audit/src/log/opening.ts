/**
 * What the first record of an epoch or of a segment tells a verifier (docs/spec/audit-v1.md, section 5).
 *
 * @module
 */
import { CompactRange, fromHex, type Sha256, toHex } from "@vram-residency/crypto";
import { type AuditEvent, type JsonObject, VramError } from "@vram-residency/types";
import { auditEvent } from "../event.ts";
import type { LogWriterState } from "./writer-state.ts";

/** Under which keys the records of an epoch are written. */
export interface Opening {
  /** The audit root. Shape: "k" and 16 hexadecimal digits. */
  readonly kid: string;
  /** The checkpoint key, from `encodeCheckpointKey`. */
  readonly key: string;
  /** k_0 of the epoch, from `wrapMacKey`. Shape: 64 hexadecimal digits. */
  readonly macKey: string;
}

/** How a segment's first record carries on what lies before it. */
export interface Continuation extends Opening {
  /** How many records of this epoch lie before. */
  readonly inEpoch: number;
  /** The tree over every record before. */
  readonly tree: CompactRange;
}

/** Names a segment: its first sequence number in 20 digits. */
export function segmentName(firstSeq: number): string {
  return String(firstSeq).padStart(20, "0");
}

/** Makes the first record of an epoch. @param more - Further data, for example how the last process ended. */
export function logOpened(opening: Opening, more: JsonObject = {}): AuditEvent {
  const { kid, key, macKey } = opening;
  return auditEvent("LogOpened", { sink: "audit-v1", tamperEvident: true, kid, key, macKey, ...more } as {
    readonly sink: string;
    readonly tamperEvident: boolean;
  });
}

/**
 * Makes the first record of the segment that `state` goes on with: enough to start or verify from here.
 *
 * @param more - Further data, for example which seals live.
 */
export function segmentOpened(state: LogWriterState, opening: Opening, more: JsonObject = {}): AuditEvent {
  const { kid, key, macKey } = opening;
  const frontier = state.tree.frontier().map(toHex);
  const data = {
    segment: segmentName(state.size),
    inEpoch: state.inEpoch,
    frontier,
    kid,
    key,
    macKey,
    ...more,
  };
  return auditEvent("SegmentOpened", data);
}

/**
 * Reads the keys that a first record names.
 *
 * @throws {@link VramError} `ERR_FORMAT_INVALID` with rule "opening" when one is missing or misshapen.
 */
export function readOpening(data: JsonObject): Opening {
  const { kid, key, macKey } = data;
  if (typeof kid !== "string" || !/^k[0-9a-f]{16}$/.test(kid) || typeof key !== "string") return refuse();
  if (typeof macKey !== "string" || !/^[0-9a-f]{64}$/.test(macKey)) return refuse();
  return { kid, key, macKey };
}

/** Reads a `SegmentOpened` that stands at `seq`. @throws {@link VramError} as {@link readOpening}. */
export function readContinuation(data: JsonObject, seq: number, sha256: Sha256): Continuation {
  const { segment, inEpoch, frontier } = data;
  if (segment !== segmentName(seq) || typeof inEpoch !== "number" || inEpoch < 1 || inEpoch > seq)
    return refuse();
  if (!Array.isArray(frontier)) return refuse();
  try {
    const tree = CompactRange.restore(seq, frontier.map(hash), sha256);
    return { ...readOpening(data), inEpoch, tree };
  } catch {
    return refuse();
  }
}

function hash(value: unknown): Uint8Array {
  return typeof value === "string" ? fromHex(value) : refuse();
}

function refuse(): never {
  throw new VramError(
    "ERR_FORMAT_INVALID",
    "the record that opens an epoch or a segment names no keys: restore the log from a copy",
    { format: "audit log", rule: "opening", offset: 0 },
  );
}
