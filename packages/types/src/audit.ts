/**
 * The port to the audit log. The catalogue of what each event carries is in `@vram-residency/audit`.
 *
 * @module
 */
import type { JsonObject } from "./json.ts";

/** How much an event matters. */
export type AuditSeverity = "info" | "warning" | "critical";

/** Every kind of act that is recorded. */
export const AUDIT_EVENT_TYPES = [
  "LogOpened",
  "LogClosed",
  "SegmentClosed",
  "SegmentOpened",
  "VramAllocated",
  "VramAllocationFailed",
  "VramSealed",
  "SealVerified",
  "SealVerificationFailed",
  "VramDeallocated",
  "PolicyEvaluated",
  "PolicyChanged",
  "PolicyViolation",
  "ShardRepaired",
  "ShardQuarantined",
  "ShardSuspended",
  "ShardResumed",
  "ShardReplaced",
  "LeaseRevoked",
  "DeviceQuarantined",
  "VramLost",
  "KeyRotated",
  "AuditKeyRotated",
  "NativeLoaded",
  "ClockSkew",
  "AuditRecovered",
  "AuditUnavailable",
  "AuditGap",
] as const;

/** The name of one kind of event. */
export type AuditEventType = (typeof AUDIT_EVENT_TYPES)[number];

/** One act, ready to be recorded. Build it with `auditEvent` of `@vram-residency/audit`, which checks it. */
export interface AuditEvent {
  readonly type: AuditEventType;
  readonly severity: AuditSeverity;
  readonly data: JsonObject;
}

/** Where an event was recorded. */
export interface AuditReceipt {
  /** The log's id. Shape: 32 hexadecimal digits. */
  readonly log: string;
  /** Position in the log, without gaps, from 0. */
  readonly seq: number;
}

/** Where events go. */
export interface AuditSink extends AsyncDisposable {
  readonly state: "ready" | "failed" | "closed";
  /**
   * Records one event.
   *
   * @returns When the record is durable.
   * @throws `ERR_AUDIT_UNAVAILABLE` when it is not, and may never be.
   */
  append(event: AuditEvent): Promise<AuditReceipt>;
}
