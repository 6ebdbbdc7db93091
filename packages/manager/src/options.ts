/**
 * What callers hand to a {@link VramManager}, and what they get back.
 *
 * @module
 */
import type { Policy, PolicyProfile } from "@vram-residency/policy";
import type {
  Allocator,
  AuditSink,
  Clock,
  FileSystem,
  KeyProvider,
  Progress,
  Random,
  ResidencyAlgorithm,
  TensorRange,
  Timers,
  VramConfig,
} from "@vram-residency/types";

/** The parts a manager is made of. It constructs none of them, so every one can be replaced. */
export interface ManagerParts {
  readonly allocator: Allocator;
  readonly keys: KeyProvider;
  readonly policy: Policy | PolicyProfile;
  readonly audit: AuditSink;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly fileSystem: FileSystem;
  readonly config?: Partial<VramConfig>;
  /** What the caller asked for; the policy compares it with what is there. Default: the allocator's own kind. */
  readonly requestedBackend?: "auto" | "cuda" | "mock";
  /** Disposed, last first, when the manager closes. What is not listed stays open and the caller's. */
  readonly owned?: readonly AsyncDisposable[];
}

/** A shard's place in a tensor-parallel group. */
export interface GroupPlace {
  /** Random name of one load. Shape: 32 hexadecimal digits. */
  readonly id: string;
  readonly index: number;
  readonly total: number;
}

/** Options of `sealModel`. */
export interface SealOptions {
  /** Default: "shard-" and 32 random hexadecimal digits. */
  readonly shardId?: string;
  /** Default: the configuration's. */
  readonly gpuDevice?: number;
  readonly modelRef?: string;
  readonly group?: GroupPlace;
  readonly shardIndex?: number;
  readonly totalShards?: number;
  /** SHA-256 the bytes must have. Shape: 64 lowercase hexadecimal digits. */
  readonly expectedDigest?: string;
  /** Where the tensors lie, so that damage can be named. */
  readonly tensors?: readonly TensorRange[];
  readonly exportable?: boolean;
  /** Byte of the shard that is placed on a 256-byte boundary: where a model file's tensors begin. */
  readonly payloadOffset?: number;
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

/** Options of `verifySealed`. */
export interface VerifyOptions {
  /** "full": every byte is hashed where it lies. */
  readonly mode?: "full";
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

/** What a verification established. There is no report of a failed one: that throws. */
export interface VerifyReport {
  readonly shardId: string;
  readonly mode: "full";
  readonly algorithm: ResidencyAlgorithm;
  /** The residency digest of what lay in device memory. Shape: 64 lowercase hexadecimal digits. */
  readonly digest: string;
  readonly bytesVerified: number;
  /** Part of the shard that was hashed, 0 to 1. */
  readonly coverage: number;
  /** Start of the pass. RFC 3339, ms. */
  readonly verifiedAt: string;
  readonly durationMs: number;
  /** Position of `SealVerified` in the audit log. */
  readonly auditSeq: number;
}

/** How full one device is, as this manager may use it. Unit: bytes. */
export interface Capacity {
  readonly totalBytes: number;
  /** Charged to this manager's shards, loading ones included, rounded to the device's granularity. */
  readonly usedBytes: number;
  /** What a new shard may take: without foreign use, headroom and reservations. */
  readonly availableBytes: number;
  readonly largestFreeBytes: number;
  readonly foreignBytes: number;
}

/** Where a shard is in its life (ARCHITECTURE.md, "The life of a shard"). */
export type ShardState =
  | "reserved"
  | "loading"
  | "sealed"
  | "verifying"
  | "quarantined"
  | "repairing"
  | "releasing"
  | "unwiped"
  | "lost";

/** One line of the manager's table. */
export interface ShardStatus {
  readonly id: string;
  readonly state: ShardState;
  readonly device: number;
  readonly bytes: number;
  /** Start of the last successful pass. RFC 3339, ms. */
  readonly verifiedAt?: string;
  /** Time since then, by the monotonic clock. Unit: ms. */
  readonly ageMs?: number;
  readonly group?: GroupPlace;
}

/** How a device is. */
export type DeviceState = "healthy" | "degraded" | "lost";

/** One device of the manager. */
export interface DeviceStatus {
  readonly device: number;
  readonly uuid: string;
  readonly name: string;
  readonly backend: "cuda" | "mock";
  readonly state: DeviceState;
}
