/**
 * Why a log cannot be written or opened, in words that say what to do.
 *
 * @module
 */
import { hasCode, isVramError, type VramError } from "@vram-residency/types";
import { unavailable } from "../unavailable.ts";
import { errorCode } from "./files.ts";
import { segmentFile } from "./names.ts";

/** What is wrong with a log that is opened, and where. */
export interface Damage {
  /** The first record that is wrong or missing. */
  readonly seq: number;
  /** First sequence number of its segment. */
  readonly segment: number;
  /** Where its line starts. Unit: bytes from the start of the segment. */
  readonly offset: number;
  readonly rule: string;
}

/** The error of a log that somebody changed: it is left as it is. */
export function tampered({ seq, segment, offset, rule }: Damage): VramError<"ERR_AUDIT_UNAVAILABLE"> {
  const place = `record ${seq}, byte ${offset} of ${segmentFile(segment)}`;
  return unavailable(`tampered: rule "${rule}" at ${place}; compare the log with a copy kept elsewhere`);
}

/** The error of a log whose files do not fit together. */
export function inconsistent(rule: string): VramError<"ERR_AUDIT_UNAVAILABLE"> {
  return unavailable(`tampered: ${rule}; compare the log with a copy kept elsewhere`);
}

const NO_SPACE = new Set(["ENOSPC", "EDQUOT"]);

/**
 * True for a failure that a new segment may survive: a write or a sync that went wrong on one descriptor. Not when the disk
 * is full, which a new file would only find out again, nor for what this package itself refused.
 */
export function isRecoverable(cause: unknown): boolean {
  return !hasCode(cause, "ERR_AUDIT_UNAVAILABLE") && !NO_SPACE.has(errorCode(cause));
}

/** Makes of anything that went wrong the one error that a sink rejects with. */
export function explained(cause: unknown): VramError<"ERR_AUDIT_UNAVAILABLE"> {
  if (hasCode(cause, "ERR_AUDIT_UNAVAILABLE")) return cause;
  if (isVramError(cause))
    return unavailable("a record or a checkpoint was refused; set the clock right", cause);
  const code = errorCode(cause);
  if (NO_SPACE.has(code)) return unavailable("the disk is full; free space, then open the log again", cause);
  return unavailable(
    `a file call failed${code === "" ? "" : ` with ${code}`}; mend the disk, then open the log again`,
    cause,
  );
}
