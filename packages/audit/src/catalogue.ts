/**
 * What each event carries (docs/spec/audit-events.md lists them for operators).
 *
 * Never in any of them: keys, device addresses, weight bytes. Text that came from outside goes through `printable` first.
 *
 * @module
 */
import { reading, refuseArgument } from "@vram-residency/crypto";
import type {
  AuditEventType,
  AuditSeverity,
  ErrorCode,
  SealRefusal,
  StableEvidence,
} from "@vram-residency/types";

/** What every event about one shard says of it. */
export interface ShardFacts {
  readonly shardId: string;
  readonly sealId?: string;
  readonly gpuDevice: number;
  readonly deviceUuid: string;
}

/** A damaged run of device memory, as the log names it. */
export interface LoggedMismatch {
  readonly offset: number;
  readonly bytes: number;
  readonly tensors: readonly string[];
}

/** One policy rule that did not hold. */
export interface LoggedReason {
  readonly rule: string;
  readonly reason: string;
}

/** A file that keeps what was cut off a log. */
export interface TornFacts {
  readonly file: string;
  readonly bytes: number;
  /** SHA-256. Shape: 64 hexadecimal digits. */
  readonly digest: string;
}

/** The data of each event, by its type. */
export interface AuditEventData {
  LogOpened: {
    readonly sink: string;
    readonly tamperEvident: boolean;
    /** How the last process left the log; missing in a new one. */
    readonly previous?: { readonly epoch: string; readonly clean: boolean; readonly liveSeals: number };
  };
  LogClosed: { readonly records: number };
  SegmentClosed: { readonly records: number };
  SegmentOpened: { readonly segment: string };
  VramAllocated: {
    readonly shardId: string;
    readonly gpuDevice: number;
    readonly deviceUuid: string;
    readonly requestedBytes: number;
    readonly allocatedBytes: number;
    readonly usedBytes: number;
    readonly availableBytes: number;
    readonly workerId: string;
  };
  VramAllocationFailed: {
    readonly shardId: string;
    readonly gpuDevice: number;
    readonly requestedBytes: number;
    readonly code: string;
    readonly availableBytes?: number;
    readonly largestFreeBytes?: number;
    readonly foreignBytes?: number;
    readonly workerId: string;
  };
  VramSealed: ShardFacts & {
    readonly kid: string;
    readonly epoch: string;
    readonly generation: number;
    readonly bytes: number;
    readonly digest: string;
    readonly residency: { readonly algorithm: string; readonly digest: string };
    readonly modelRef?: string;
    readonly supersedes?: string;
    readonly policy: string;
    readonly evidence: StableEvidence;
    readonly workerId: string;
  };
  SealVerified: ShardFacts & {
    readonly mode: string;
    readonly algorithm: string;
    readonly bytesVerified: number;
    readonly durationMs: number;
    readonly workerId: string;
  };
  SealVerificationFailed: {
    readonly shardId: string;
    /** Why the seal was refused; the error's code when the verification failed for another reason. */
    readonly reason: SealRefusal | ErrorCode;
    /** How many identical failures this record stands for. */
    readonly count: number;
    readonly mismatches?: readonly LoggedMismatch[];
    readonly more?: number;
    readonly changed?: readonly string[];
    readonly workerId: string;
  };
  VramDeallocated: {
    readonly shardId: string;
    readonly gpuDevice: number;
    readonly reason: "released" | "closed" | "undone";
    readonly wiped: boolean | "unknown";
    readonly freedBytes: number;
    readonly usedBytes: number;
    readonly madeWritable: boolean;
    readonly workerId: string;
  };
  PolicyEvaluated: {
    readonly profile: string;
    readonly policy: string;
    readonly gpuDevice?: number;
    readonly effect: "permit" | "refuse";
    readonly warnings: readonly LoggedReason[];
  };
  PolicyChanged: { readonly from: string; readonly to: string };
  PolicyViolation: {
    readonly profile: string;
    readonly policy: string;
    readonly gpuDevice?: number;
    readonly shardId?: string;
    readonly reasons: readonly LoggedReason[];
    readonly workerId: string;
  };
  ShardRepaired: ShardFacts & {
    readonly supersedes: string;
    readonly generation: number;
    readonly blocks: number;
    readonly mismatches: readonly LoggedMismatch[];
    readonly more: number;
    readonly madeWritable: boolean;
    readonly workerId: string;
  };
  ShardQuarantined: ShardFacts & {
    readonly reason: SealRefusal | "repair-failed";
    readonly workerId: string;
  };
  ShardSuspended: ShardFacts;
  ShardResumed: ShardFacts & { readonly supersedes: string };
  ShardReplaced: ShardFacts & { readonly replaced: string };
  LeaseRevoked: ShardFacts & { readonly reason: string };
  DeviceQuarantined: {
    readonly gpuDevice: number;
    readonly state: "degraded" | "quarantined" | "lost";
    readonly reason: string;
    readonly workerId: string;
  };
  VramLost: {
    readonly shardId: string;
    readonly sealId?: string;
    readonly gpuDevice: number;
    readonly reason: "device-lost" | "process-ended";
    readonly wiped: boolean | "unknown";
    readonly workerId: string;
  };
  KeyRotated: { readonly from: string; readonly to: string; readonly count: number };
  AuditKeyRotated: { readonly from: string; readonly to: string };
  NativeLoaded: { readonly digest: string; readonly pinned: boolean };
  ClockSkew: { readonly wallAheadMs: number; readonly workerId: string };
  AuditRecovered: {
    readonly lastSeq: number;
    readonly suspect: boolean;
    /** The segment that was given up after a failed write or sync, what of it counts, and the failure's code. */
    readonly prevSegment?: string;
    readonly keepBytes?: number;
    readonly code?: string;
    /** What was cut off at opening, at most 8 files of it. */
    readonly torn?: readonly TornFacts[];
    readonly tornBytes?: number;
  };
  AuditUnavailable: { readonly reason: string };
  AuditGap: {
    /** Records that could not be written. */
    readonly count: number;
    readonly types: readonly string[];
    /** Monotonic time of the first and the last of them. Unit: ns, decimal. */
    readonly firstMono: string;
    readonly lastMono: string;
    readonly workerId: string;
  };
}

const SEVERITIES: { readonly [Type in AuditEventType]: AuditSeverity } = {
  LogOpened: "info",
  LogClosed: "info",
  SegmentClosed: "info",
  SegmentOpened: "info",
  VramAllocated: "info",
  VramAllocationFailed: "warning",
  VramSealed: "info",
  SealVerified: "info",
  SealVerificationFailed: "warning",
  VramDeallocated: "info",
  PolicyEvaluated: "info",
  PolicyChanged: "warning",
  PolicyViolation: "critical",
  ShardRepaired: "warning",
  ShardQuarantined: "critical",
  ShardSuspended: "info",
  ShardResumed: "info",
  ShardReplaced: "info",
  LeaseRevoked: "warning",
  DeviceQuarantined: "critical",
  VramLost: "critical",
  KeyRotated: "warning",
  AuditKeyRotated: "warning",
  NativeLoaded: "info",
  ClockSkew: "warning",
  AuditRecovered: "warning",
  AuditUnavailable: "critical",
  AuditGap: "critical",
};

/**
 * How much an event matters. Wrong content, wrong evidence, memory that may not be wiped and a log that somebody may have
 * damaged are critical.
 *
 * @throws `ERR_INPUT_INVALID` for a type that is not in the catalogue.
 */
export function severityOf<Type extends AuditEventType>(
  type: Type,
  data: AuditEventData[Type],
): AuditSeverity {
  if (typeof type !== "string" || !Object.hasOwn(SEVERITIES, type))
    refuseArgument("type", "expected an event of the catalogue");
  return reading("data", () => severity(type, data));
}

function severity<Type extends AuditEventType>(type: Type, data: AuditEventData[Type]): AuditSeverity {
  if (type === "SealVerificationFailed") {
    const { reason } = data as AuditEventData["SealVerificationFailed"];
    return reason === "content" || reason === "evidence" ? "critical" : "warning";
  }
  if (type === "VramDeallocated") {
    return (data as AuditEventData["VramDeallocated"]).wiped === true ? "info" : "critical";
  }
  if (type === "AuditRecovered") {
    return (data as AuditEventData["AuditRecovered"]).suspect ? "critical" : "warning";
  }
  return SEVERITIES[type];
}
