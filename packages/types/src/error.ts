/**
 * The one error class of this project, and the closed table of its codes.
 *
 * @module
 */

/** What a caller can do about an error: try again, stop, or mend the call. */
export type ErrorClass = "retriable" | "fatal" | "caller";

/** Why a seal was refused. One reason each, in the order in which they are checked (docs/spec/seal-v1.md, section 6). */
export type SealRefusal =
  | "malformed"
  | "unknown-key"
  | "revoked-key"
  | "bad-mac"
  | "stale-epoch"
  | "fields-differ"
  | "stale-generation"
  | "wrong-device"
  | "not-issued"
  | "evidence"
  | "policy"
  | "age"
  | "content";

/** One damaged run of device memory. */
export interface Mismatch {
  /** Unit: bytes from the start of the shard. */
  readonly offset: number;
  /** Unit: bytes; 4096 when located to a block, up to 512 KiB when only to a group of 128. */
  readonly bytes: number;
  /** The one tensor that overlaps the run, when there is exactly one. */
  readonly tensor?: string;
  /** Every tensor that overlaps the run, at most eight, by offset. */
  readonly tensors?: readonly string[];
}

/** One policy rule that did not hold, and what would make it hold. */
export interface PolicyReason {
  readonly rule: string;
  readonly reason: string;
  readonly remedy: string;
}

/** What each code carries. Never key bytes, device addresses, weight bytes, or a whole untrusted value. */
export interface ErrorDetails {
  ERR_INPUT_INVALID: { readonly field: string; readonly reason: string };
  ERR_CONFIG_INVALID: { readonly field: string; readonly reason: string };
  ERR_SOURCE: {
    readonly reason:
      | "unreadable"
      | "changed"
      | "truncated"
      | "too-large"
      | "digest-differs"
      | "not-rereadable";
  };
  ERR_FORMAT_INVALID: { readonly format: string; readonly rule: string; readonly offset: number };
  ERR_STATE: { readonly state: string; readonly expected: string };
  ERR_CANCELLED: { readonly stage: string };
  ERR_VRAM_INSUFFICIENT: {
    readonly device: number;
    readonly neededBytes: number;
    readonly availableBytes: number;
    readonly largestFreeBytes: number;
    readonly foreignBytes: number;
  };
  ERR_DRIVER_ALLOCATION: DriverDetail;
  ERR_BUSY: { readonly queue: string; readonly limit: number };
  ERR_DEADLINE: { readonly stage: string; readonly limit: number };
  ERR_DRIVER_COPY: DriverDetail;
  ERR_DEVICE_LOST: { readonly device: number; readonly driverCode: number; readonly restartNeeded: boolean };
  ERR_DRIVER_UNAVAILABLE: { readonly missing: string; readonly remedy: string };
  ERR_SEAL_VERIFICATION: { readonly shardId: string; readonly reason: SealRefusal };
  ERR_NOT_SEALED: { readonly shardId: string };
  ERR_INTEGRITY: {
    readonly shardId: string;
    /** At most 64, by offset. */
    readonly mismatches: readonly Mismatch[];
    /** How many further mismatches were found and left out. */
    readonly more: number;
  };
  ERR_POLICY_VIOLATION: { readonly reasons: readonly PolicyReason[] };
  ERR_PROVENANCE: { readonly rule: string; readonly resource?: string };
  ERR_AUDIT_UNAVAILABLE: { readonly reason: string };
  ERR_BUG: { readonly invariant: string };
}

interface DriverDetail {
  readonly device: number;
  readonly driverCode: number;
  readonly driverName: string;
}

/** Every code, closed: a `switch` over it needs no `default`. Covered by semver; messages are not. */
export type ErrorCode = keyof ErrorDetails;

const CLASSES: { readonly [Code in ErrorCode]: ErrorClass } = {
  ERR_INPUT_INVALID: "caller",
  ERR_CONFIG_INVALID: "caller",
  ERR_SOURCE: "caller",
  ERR_FORMAT_INVALID: "caller",
  ERR_STATE: "caller",
  ERR_CANCELLED: "caller",
  ERR_VRAM_INSUFFICIENT: "retriable",
  ERR_DRIVER_ALLOCATION: "retriable",
  ERR_BUSY: "retriable",
  ERR_DEADLINE: "retriable",
  ERR_DRIVER_COPY: "fatal",
  ERR_DEVICE_LOST: "fatal",
  ERR_DRIVER_UNAVAILABLE: "fatal",
  ERR_SEAL_VERIFICATION: "fatal",
  ERR_NOT_SEALED: "fatal",
  ERR_INTEGRITY: "fatal",
  ERR_POLICY_VIOLATION: "fatal",
  ERR_PROVENANCE: "fatal",
  ERR_AUDIT_UNAVAILABLE: "fatal",
  ERR_BUG: "fatal",
};

/** Every error code, in the order of the table. */
export const ERROR_CODES: readonly ErrorCode[] = Object.keys(CLASSES) as ErrorCode[];

const MARK: symbol = Symbol.for("@vram-residency/error/v1");

/**
 * Everything this project throws on purpose.
 *
 * Match on {@link VramError.code}; `AnyVramError` narrows `detail` with it.
 */
export class VramError<Code extends ErrorCode = ErrorCode> extends Error {
  /** Stable identifier. */
  readonly code: Code;
  /** Whether trying again, stopping, or mending the call is the answer. */
  readonly class: ErrorClass;
  /** Facts about the failure, typed by the code. */
  readonly detail: ErrorDetails[Code];

  /**
   * @param message - Lower case, one line, no full stop: what failed, by how much, what to do next.
   */
  constructor(code: Code, message: string, detail: ErrorDetails[Code], options?: ErrorOptions) {
    super(`${code}: ${message}`, options);
    this.name = "VramError";
    this.code = code;
    this.class = CLASSES[code];
    this.detail = detail;
    Object.defineProperty(this, MARK, { value: true });
  }
}

/** A {@link VramError} as a union, so that `switch (error.code)` narrows `error.detail`. */
export type AnyVramError = { [Code in ErrorCode]: VramError<Code> }[ErrorCode];

/** True for errors thrown by any copy of these packages, even duplicated ones. Never throws. */
export function isVramError(error: unknown): error is AnyVramError {
  try {
    return error instanceof Error && MARK in error;
  } catch {
    // A proxy, whose traps are somebody else's code.
    return false;
  }
}

/** True when `error` is a {@link VramError} with exactly this code. Never throws. */
export function hasCode<Code extends ErrorCode>(error: unknown, code: Code): error is VramError<Code> {
  try {
    return isVramError(error) && error.code === code;
  } catch {
    return false;
  }
}

/**
 * Throws `ERR_BUG` unless `condition` holds. Stays on in production.
 *
 * @param invariant - What must be true, as a short sentence.
 */
export function invariant(condition: boolean, invariant: string): asserts condition {
  if (!condition) {
    throw new VramError("ERR_BUG", `${invariant} does not hold: report this with the steps that led here`, {
      invariant,
    });
  }
}
