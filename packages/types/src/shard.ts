/**
 * A sealed shard, and the seal it carries (docs/spec/seal-v1.md).
 *
 * @module
 */
import type { ResidencyAlgorithm } from "./digest.ts";
import type { Backend } from "./facts.ts";

/** A DSSE envelope with exactly one signature. */
export interface SealEnvelope {
  readonly payloadType: string;
  /** The seal body, base64. */
  readonly payload: string;
  readonly signatures: readonly [{ readonly keyid: string; readonly sig: string }];
}

/**
 * A model shard that was loaded, hashed where it lies, and sealed.
 *
 * Frozen and plain: it survives JSON and structured clone. It holds no address and no handle. The plain fields are a
 * convenience copy of the seal's body; nothing trusts them before the seal has been checked against them.
 */
export interface SealedShard {
  readonly shardId: string;
  readonly gpuDevice: number;
  readonly deviceUuid: string;
  /** Unit: bytes. */
  readonly vramBytes: number;
  /** Identity digest: SHA-256 of the bytes. Shape: 64 lowercase hexadecimal digits. */
  readonly digest: string;
  readonly residency: { readonly algorithm: ResidencyAlgorithm; readonly digest: string };
  /** RFC 3339, ms. */
  readonly sealedAt: string;
  readonly modelRef?: string;
  readonly shardIndex?: number;
  readonly totalShards?: number;
  readonly sealed: true;
  readonly backend: Backend;
  readonly seal: SealEnvelope;
}

/** Where a shard's bytes come from in a published model. */
export interface ModelClaim {
  readonly ref: string;
  readonly relation: "identical" | "slice" | "derived";
  /** Byte range of the published file; with "slice". */
  readonly range?: { readonly offset: number; readonly bytes: number };
  /** SHA-256 of the manifest that names it. */
  readonly manifest?: string;
}

/** What a seal says: the authenticated record. Field order is the encoding's order. */
export interface SealBody {
  readonly v: 1;
  readonly kid: string;
  readonly sealId: string;
  readonly supersedes?: string;
  readonly epoch: string;
  readonly seq: number;
  readonly allocation: { readonly id: number; readonly generation: number; readonly nonce: string };
  readonly shard: { readonly id: string };
  readonly group?: { readonly id: string; readonly index: number; readonly total: number };
  readonly bytes: number;
  readonly identity: {
    readonly alg: "sha256";
    readonly digest: string;
    readonly source: "computed" | "cached";
  };
  readonly residency: { readonly alg: ResidencyAlgorithm; readonly digest: string; readonly block?: number };
  readonly device: {
    readonly uuid: string;
    readonly ordinal: number;
    readonly pci?: string;
    readonly mig?: string;
    readonly backend: Backend;
  };
  readonly model?: ModelClaim;
  readonly policy: string;
  readonly evidence: string;
  readonly sealedAt: string;
  readonly mono: string;
  readonly maxAgeMs?: number;
}

/** One tensor's place in a shard. */
export interface TensorRange {
  readonly name: string;
  /** Unit: bytes from the start of the shard. */
  readonly offset: number;
  /** Unit: bytes. */
  readonly bytes: number;
  readonly dtype?: string;
  readonly shape?: readonly number[];
}

/** Progress of long work on one shard. */
export interface Progress {
  readonly stage: "allocate" | "copy" | "digest" | "wipe" | "repair";
  readonly bytesDone: number;
  readonly bytesTotal: number;
  readonly shardId: string;
}
