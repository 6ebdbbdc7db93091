/**
 * The names of a log's files (docs/spec/audit-v1.md, section 2).
 *
 * @module
 */
import { segmentName } from "../log/opening.ts";

/** The newest checkpoint. */
export const CHECKPOINT_FILE = "checkpoint";
/** Every checkpoint, oldest first. */
export const CHECKPOINTS_FILE = "checkpoints";
/** The verifier key. */
export const KEY_FILE = "log.pub";
/** Behind the name that a file will have: it is being made, and is no part of the log. */
export const UNFINISHED = ".new";

const SEGMENT = /^([0-9]{20})\.jsonl$/;
const TORN = /^torn-([0-9]{20})-([0-9]{1,16})-([0-9]{1,6})$/;

/** Names the file of a segment. */
export function segmentFile(firstSeq: number): string {
  return `${segmentName(firstSeq)}.jsonl`;
}

/** The first sequence number of each segment in a directory, in order. */
export function segmentsAmong(names: readonly string[]): readonly number[] {
  const found = names.map((name) => SEGMENT.exec(name)?.[1]).filter((digits) => digits !== undefined);
  return found.map(Number).sort((one, other) => one - other);
}

/** Where bytes were cut off a segment. */
export interface TornPlace {
  /** First sequence number of the segment. */
  readonly segment: number;
  /** What of it was kept. Unit: bytes. */
  readonly keepBytes: number;
  /** Counts the cuts at one place, from 0. */
  readonly index: number;
}

/** Names the file that keeps what was cut off. */
export function tornFile({ segment, keepBytes, index }: TornPlace): string {
  return `torn-${segmentName(segment)}-${keepBytes}-${index}`;
}

/** Reads what {@link tornFile} wrote; undefined for any other name. */
export function parseTornFile(name: string): TornPlace | undefined {
  const match = TORN.exec(name);
  if (match === null) return undefined;
  return { segment: Number(match[1]), keepBytes: Number(match[2]), index: Number(match[3]) };
}
