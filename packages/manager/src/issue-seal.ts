/**
 * Making the record that a seal vouches for, signing it, and putting it into the log.
 *
 * @module
 */
import { canonicalJson, FSVERITY_BLOCK_BYTES, sha256, toHex, utf8 } from "@vram-residency/crypto";
import { sealShard } from "@vram-residency/seal";
import type { JsonValue, ModelClaim, SealBody, StableEvidence } from "@vram-residency/types";
import type { ParsedSealOptions } from "@vram-residency/validation";
import { type Core, type Device, timestamp } from "./core.ts";
import type { Sealed, Slot } from "./slots.ts";

/** What a new seal says of the content, apart from where it lies. */
export interface SealedContent {
  readonly identity: string;
  readonly residency: string;
  readonly level1: Uint8Array;
}

/** Bytes are called identical to a published file only when its digest was given and held; otherwise they are "derived". */
export function modelClaim({ modelRef, expectedDigest }: ParsedSealOptions): ModelClaim | undefined {
  if (modelRef === undefined) return undefined;
  return { ref: modelRef, relation: expectedDigest === undefined ? "derived" : "identical" };
}

/** SHA-256 of the stable evidence as RFC 8785 JSON. */
export function evidenceDigest(stable: StableEvidence): string {
  return toHex(sha256(utf8(canonicalJson(stable as unknown as JsonValue))));
}

/** Builds and signs the next seal of a slot. Nothing is live before it is recorded. */
export function issueSeal(
  core: Core,
  device: Device,
  slot: Slot,
  content: SealedContent,
  stable: StableEvidence,
  model: ModelClaim | undefined,
): Sealed {
  const { uuid, ordinal, backend, pci, mig } = device.facts;
  const previous = slot.sealed?.body;
  const key = core.ring.active;
  const body: SealBody = {
    v: 1,
    kid: key.kid,
    sealId: toHex(core.random.bytes(16)),
    ...(previous === undefined ? {} : { supersedes: previous.sealId }),
    epoch: core.epoch,
    seq: core.seals++,
    allocation: { id: slot.index, generation: core.slots.nextGeneration(slot), nonce: slot.nonce },
    shard: { id: slot.shardId },
    ...(slot.group === undefined ? {} : { group: slot.group }),
    bytes: slot.bytes,
    identity: { alg: "sha256", digest: content.identity, source: "computed" },
    residency: { alg: "fsverity-sha256", digest: content.residency, block: FSVERITY_BLOCK_BYTES },
    device: {
      uuid,
      ordinal,
      ...(pci === undefined ? {} : { pci }),
      ...(mig === undefined ? {} : { mig }),
      backend,
    },
    ...(model === undefined ? {} : { model }),
    policy: core.policyDigest,
    evidence: evidenceDigest(stable),
    sealedAt: timestamp(core.clock.wall()),
    mono: String(core.clock.mono()),
    ...(core.config.maxSealAgeMs === undefined ? {} : { maxAgeMs: core.config.maxSealAgeMs }),
  };
  return { shard: sealShard(body, key), body, evidence: stable, level1: content.level1 };
}

/** Makes a seal durable in the log. @throws {@link VramError} `ERR_AUDIT_UNAVAILABLE`: the seal must then not be returned. */
export async function recordSeal(
  core: Core,
  { body, evidence }: Sealed,
  stable: StableEvidence = evidence,
): Promise<void> {
  await core.journal.record("VramSealed", {
    shardId: body.shard.id,
    sealId: body.sealId,
    gpuDevice: body.device.ordinal,
    deviceUuid: body.device.uuid,
    kid: body.kid,
    epoch: body.epoch,
    generation: body.allocation.generation,
    bytes: body.bytes,
    digest: body.identity.digest,
    residency: { algorithm: body.residency.alg, digest: body.residency.digest },
    ...(body.model === undefined ? {} : { modelRef: body.model.ref }),
    ...(body.supersedes === undefined ? {} : { supersedes: body.supersedes }),
    policy: body.policy,
    evidence: stable,
    workerId: core.journal.workerId,
  });
}
