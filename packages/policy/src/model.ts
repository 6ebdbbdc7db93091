/**
 * The words of the policy: facts, findings, effects, rules.
 *
 * @module
 */
import type { DeviceFacts, ResidencyEvidence } from "@vram-residency/types";

/** How much is forgiven: "development" most, "strict" nothing. */
export type PolicyProfile = "strict" | "default" | "development";

/**
 * When facts are judged: "start", of a device, before anything is allocated on it (at open, on a timer, before each
 * allocation); "allocation", of fresh memory before weights go in; "sealed", of a full and protected one, before its seal is
 * signed; "verify", of a live shard, before it is hashed again.
 */
export type PolicyPhase = "start" | "allocation" | "sealed" | "verify";

/** What is known of one device, one allocation and this process, at one moment. */
export interface PolicyFacts {
  readonly phase: PolicyPhase;
  readonly requestedBackend: "auto" | "cuda" | "mock";
  /** Undefined when no device answered. */
  readonly device: DeviceFacts | undefined;
  /** What the driver says of the memory. Missing after "start", it is unknown. */
  readonly allocation?: {
    readonly evidence: ResidencyEvidence;
    /** Size of the shard. Unit: bytes. */
    readonly bytes: number;
    /** The caller asked for memory that cannot be written after sealing. */
    readonly readOnlyAsked: boolean;
  };
  /** Host memory that holds weights on their way. Missing, it is unknown. */
  readonly staging?: {
    readonly usedBytes: number;
    readonly capBytes: number;
    /** A load, repair, read-back or wipe check is under way. */
    readonly loading: boolean;
  };
  /** Where the identity digest came from. Missing once the shard is full, it is unknown. */
  readonly identitySource?: "computed" | "cached";
}

/** What a rule finds. Unknown is never "ok": what becomes of it is the profile's to say. */
export type Outcome = "holds" | "violated" | "unknown" | "not-applicable";

/** What becomes of a finding, from lax to strict. */
export const EFFECTS = ["accept", "warn", "refuse"] as const;

/** What becomes of a finding. */
export type Effect = (typeof EFFECTS)[number];

/** What becomes of each finding that is not "holds". */
export interface Effects {
  readonly violated: Effect;
  readonly unknown: Effect;
}

/** Version of a device's architecture. */
export interface ComputeCapability {
  readonly major: number;
  readonly minor: number;
}

/** What a policy demands. Frozen plain data: it survives JSON and structured clone. */
export interface Policy {
  readonly version: 1;
  readonly profile: PolicyProfile;
  readonly minimumComputeCapability: ComputeCapability;
  /** Unit: bytes. */
  readonly minimumVramBytes: number;
  /** Oldest driver. Shape: up to four numbers joined by dots. */
  readonly driverFloor: string;
  /** Sealed memory must be read-only, whether or not the caller asked for it. */
  readonly readOnlyAfterSealing: boolean;
  /** Be content with "the driver says device memory" where no mapping pins it. */
  readonly acceptReducedClaim: boolean;
  /** By rule id. Stricter than the profile, never laxer: to forgive more, choose a laxer profile. */
  readonly overrides?: Readonly<Record<string, Partial<Effects>>>;
}

/** What {@link createPolicy} takes: any part of a policy. What is left out comes from the profile. */
export type PolicyOptions = Partial<Policy>;

/** One rule of the policy, as data. */
export interface Rule {
  /** Stable, kebab-case. */
  readonly id: string;
  /** What must be true, as a sentence without a full stop. */
  readonly title: string;
  readonly appliesTo: readonly PolicyPhase[];
  /** Looks at facts only: no I/O, no clock, the same answer each time. May throw; that counts as "unknown". */
  readonly evaluate: (facts: PolicyFacts, policy: Policy) => Outcome;
  /** What to do so that it holds. */
  readonly remedy: string;
  readonly effects: Readonly<Record<PolicyProfile, Effects>>;
}
