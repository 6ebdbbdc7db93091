import { type Ed25519, toHex } from "@vram-residency/crypto";
import { lend } from "@vram-residency/crypto/secret";
import type { Random } from "@vram-residency/types";
import { encodeCheckpointKey } from "../log/checkpoint.ts";
import {
  type AuditMacKey,
  type AuditRoot,
  type AuditVerifySecret,
  type CheckpointSeed,
  deriveCheckpointSeed,
  deriveMacKey,
  deriveVerifySecret,
  wrapMacKey,
} from "../log/keys.ts";
import type { Opening } from "../log/opening.ts";

/** The keys of one log, while it is opened. */
export interface LogKeys {
  /** Shape: 32 hexadecimal digits. */
  readonly log: string;
  readonly seed: CheckpointSeed;
  readonly publicKey: Uint8Array;
  /** The verifier key. */
  readonly key: string;
  readonly secret: AuditVerifySecret;
}

/** Derives the keys of a log. */
export function keysOf(root: AuditRoot, log: string, ed25519: Ed25519, deployment?: string): LogKeys {
  const seed = deriveCheckpointSeed(root, deployment);
  const publicKey = lend(seed, (bytes) => ed25519.publicKey(bytes));
  const secret = deriveVerifySecret(root, log, deployment);
  return { log, seed, publicKey, key: encodeCheckpointKey({ log, publicKey }), secret };
}

/** What a writer begins an epoch with. */
export interface Epoch {
  /** Shape: 32 hexadecimal digits. */
  readonly epoch: string;
  readonly macKey: AuditMacKey;
  readonly opening: Opening;
}

/** Draws an epoch, and derives its first key. */
export function newEpoch(root: AuditRoot, keys: LogKeys, random: Random, deployment?: string): Epoch {
  const epoch = toHex(random.bytes(16));
  const macKey = deriveMacKey(root, epoch, deployment);
  const opening = { kid: keys.secret.kid, key: keys.key, macKey: wrapMacKey(keys.secret, epoch, macKey) };
  return { epoch, macKey, opening };
}
