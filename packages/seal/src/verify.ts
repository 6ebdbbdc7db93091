/**
 * Checking seals (docs/spec/seal-v1.md, section 6). Every function here throws; none reports a failure as false.
 *
 * @module
 */
import { equalBytes, reading, refuseArgument } from "@vram-residency/crypto";
import { isSecret } from "@vram-residency/crypto/secret";
import { isVramError, type SealBody, type SealedShard } from "@vram-residency/types";
import { parseSealBody } from "./body.ts";
import { isKeyRing, type KeyRing } from "./key-ring.ts";
import type { SealKey } from "./keys.ts";
import { macOf, plainFields, plainText, readShard, refuseSeal, type ShardParts } from "./shard.ts";

/** Options of {@link openSeal}. */
export interface OpenSealOptions {
  /** Also open seals of a revoked key: to release what they name, never to trust it. Default false. */
  readonly allowRevoked?: boolean;
}

/**
 * Checks a seal as far as the seal itself can tell: shape, key, MAC, body, plain copy, epoch, in this order.
 *
 * What lies in memory, and whether this seal is the live one, is for the caller to check, by the body this returns.
 *
 * @param shard - Whatever came from outside. Read once.
 * @returns The authenticated body, frozen, without a prototype.
 * @throws `ERR_NOT_SEALED` for a shard without a seal; `ERR_SEAL_VERIFICATION` with reason "malformed", "unknown-key",
 * "revoked-key", "bad-mac", "stale-epoch" or "fields-differ"; `ERR_STATE` for a wiped ring.
 */
export function openSeal(shard: unknown, ring: KeyRing, options: OpenSealOptions = {}): SealBody {
  if (!isKeyRing(ring)) refuseArgument("ring", "expected a ring of openKeyRing");
  const allowRevoked = reading("options", () => options.allowRevoked === true);
  const parts = readShard(shard);
  const entry = ring.find(parts.kid);
  if (entry === undefined) {
    return refuseSeal(parts.shardId, "unknown-key", "it was made under a root that is not in the key ring");
  }
  if (entry.state === "revoked" && !allowRevoked) {
    refuseSeal(parts.shardId, "revoked-key", "its key was revoked: release the shard and load it again");
  }
  if (!macHolds(parts, entry.key)) {
    if (isOfOtherEpoch(parts, ring)) refuseStale(parts);
    refuseMac(parts);
  }

  const body = readBody(parts);
  if (body.epoch !== ring.epoch) refuseStale(parts);
  return body;
}

/**
 * Checks a seal under one key.
 *
 * @returns The authenticated body, frozen.
 * @throws As {@link openSeal}; a seal of another root is "unknown-key", one of another epoch "bad-mac", since one key
 * cannot tell it from a forgery.
 */
export function verifySignature(shard: SealedShard, key: SealKey): SealBody {
  if (!isSecret(key)) refuseArgument("key", "expected a SealKey of this package");
  const parts = readShard(shard);
  if (parts.kid !== key.kid) {
    refuseSeal(parts.shardId, "unknown-key", "it was made under another root than the key given");
  }
  if (!macHolds(parts, key)) refuseMac(parts);
  const body = readBody(parts);
  if (`${body.kid}.${body.epoch}` !== key.keyid) refuseStale(parts);
  return body;
}

/**
 * Computes the MAC that a shard's envelope should carry. Compare with `equalBytes`, or better, call
 * {@link verifySignature}.
 *
 * @returns Shape: 32 bytes.
 * @throws `ERR_NOT_SEALED`; `ERR_SEAL_VERIFICATION` "malformed"; `ERR_STATE` for a wiped key.
 */
export function computeSignature(shard: SealedShard, key: SealKey): Uint8Array {
  return macOf(readShard(shard).payload, key);
}

function macHolds(parts: ShardParts, key: SealKey): boolean {
  return equalBytes(macOf(parts.payload, key), parts.mac);
}

/** True when the MAC holds under the key of the epoch that the seal names: a seal of a former process, not a forgery. */
function isOfOtherEpoch(parts: ShardParts, ring: KeyRing): boolean {
  if (parts.epoch === ring.epoch) return false;
  const key = ring.deriveForDiagnosis(parts.kid, parts.epoch);
  if (key === undefined) return false;
  try {
    return macHolds(parts, key);
  } finally {
    // By hand: for targets without `using`, compilers add a helper that is longer than this module.
    key[Symbol.dispose]();
  }
}

/** Reads the body, whose MAC holds, and compares everything outside the MAC with it. */
function readBody(parts: ShardParts): SealBody {
  const body = parseBody(parts);
  if (parts.keyid !== `${body.kid}.${body.epoch}`) {
    refuseSeal(parts.shardId, "fields-differ", "the envelope names another key than the body");
  }
  if (parts.plain !== plainText(plainFields(body))) {
    refuseSeal(parts.shardId, "fields-differ", "the plain fields are not what was sealed");
  }
  return body;
}

function parseBody({ payload, shardId }: ShardParts): SealBody {
  try {
    return parseSealBody(payload);
  } catch (error) {
    if (!isVramError(error)) throw error;
    return refuseSeal(shardId, "malformed", "its body is no seal v1", { cause: error });
  }
}

function refuseMac({ shardId }: ShardParts): never {
  return refuseSeal(shardId, "bad-mac", "it was forged or changed: load the shard again");
}

function refuseStale({ shardId }: ShardParts): never {
  return refuseSeal(shardId, "stale-epoch", "it is of another process: load the shard again");
}
