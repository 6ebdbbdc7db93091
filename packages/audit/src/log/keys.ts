/**
 * The audit root and the keys of one log (docs/spec/audit-v1.md, section 3).
 *
 * @module
 */
import { fromHex, hkdfExpand, toHex } from "@vram-residency/crypto";
import {
  checkRoot,
  DEFAULT_DEPLOYMENT,
  keyIdOf,
  lend,
  purposeInfo,
  Secret,
  withPrk,
} from "@vram-residency/crypto/secret";
import { invariant, VramError } from "@vram-residency/types";

const KEY_BYTES = 32;
const VERIFY_SECRET = /^vram-audit-verify-v1\.(k[0-9a-f]{16})\.([0-9a-f]{32})\.([0-9a-f]{64})$/;

/**
 * The secret from which a log's keys are derived; never the seal root. Prints as its name, refuses JSON, is wiped on dispose.
 *
 * Keep it away from the log: whoever has both can rewrite the past.
 */
export class AuditRoot extends Secret {
  /**
   * @param bytes - Copied. Shape: 32 bytes or more, not all equal.
   * @throws {@link VramError} `ERR_CONFIG_INVALID` for less, or for bytes that are all equal.
   */
  constructor(bytes: Uint8Array) {
    checkRoot(bytes, "audit root");
    super(bytes);
  }

  protected override get name(): string {
    return "AuditRoot";
  }
}

/** Key `index` of the chain that authenticates the lines of one epoch: 256 lines each. */
export class AuditMacKey extends Secret {
  readonly index: number;

  /** For this module only. */
  constructor(bytes: Uint8Array, index: number) {
    super(bytes);
    this.index = index;
  }

  protected override get name(): string {
    return "AuditMacKey";
  }
}

/**
 * What checks every MAC of one log, in all its epochs, and nothing of any other log of the same root.
 *
 * A MAC is symmetric: whoever holds this can also forge lines, though no checkpoint.
 */
export class AuditVerifySecret extends Secret {
  /** The root it is of. */
  readonly kid: string;
  /** The one log that it is for. Shape: 32 hexadecimal digits. */
  readonly log: string;

  /** For this module only. */
  constructor(bytes: Uint8Array, kid: string, log: string) {
    super(bytes);
    this.kid = kid;
    this.log = log;
  }

  protected override get name(): string {
    return "AuditVerifySecret";
  }
}

/** The Ed25519 seed that checkpoints are signed with. */
export class CheckpointSeed extends Secret {
  /** The root it is of. */
  readonly kid: string;

  /** For this module only. */
  constructor(bytes: Uint8Array, kid: string) {
    super(bytes);
    this.kid = kid;
  }

  protected override get name(): string {
    return "CheckpointSeed";
  }
}

/**
 * Names an audit root without telling it.
 *
 * @returns Shape: "k" and 16 hexadecimal digits.
 * @throws {@link VramError} `ERR_CONFIG_INVALID` for a deployment that is empty or not well formed, `ERR_STATE` for a
 * wiped root. So do all derivations below.
 */
export function auditKeyId(root: AuditRoot, deployment: string = DEFAULT_DEPLOYMENT): string {
  return withPrk(root, deployment, keyIdOf);
}

/**
 * Derives k_0, the key of an epoch's first 256 lines.
 *
 * @param epoch - Shape: 32 hexadecimal digits.
 * @throws {@link VramError} `ERR_INPUT_INVALID` for another epoch.
 */
export function deriveMacKey(
  root: AuditRoot,
  epoch: string,
  deployment: string = DEFAULT_DEPLOYMENT,
): AuditMacKey {
  const context = id(epoch, "epoch");
  return derive(
    root,
    deployment,
    (kid) => purposeInfo("audit-mac", kid, context),
    (bytes) => new AuditMacKey(bytes, 0),
  );
}

/**
 * Derives k_(i+1) from k_i. Dispose of k_i, and lines that it authenticated can no longer be forged by whoever takes
 * this process over, as long as the root is kept elsewhere.
 */
export function evolveMacKey(key: AuditMacKey): AuditMacKey {
  const index = key.index + 1;
  const counter = new Uint8Array(4);
  new DataView(counter.buffer).setUint32(0, index);
  const info = purposeInfo("audit-mac-evolve", counter);
  return wiped(
    lend(key, (bytes) => hkdfExpand(bytes, info, KEY_BYTES)),
    (bytes) => new AuditMacKey(bytes, index),
  );
}

/** Copies a key; each copy is wiped on its own. */
export function copyMacKey(key: AuditMacKey): AuditMacKey {
  return lend(key, (bytes) => new AuditMacKey(bytes, key.index));
}

/** Derives the secret to hand to whoever checks MACs of one log. @param log - Shape: 32 hexadecimal digits. */
export function deriveVerifySecret(
  root: AuditRoot,
  log: string,
  deployment: string = DEFAULT_DEPLOYMENT,
): AuditVerifySecret {
  const context = id(log, "log");
  return derive(
    root,
    deployment,
    (kid) => purposeInfo("audit-verify", kid, context),
    (bytes, kid) => new AuditVerifySecret(bytes, kid, log),
  );
}

/** Derives the seed that checkpoints of every log of this root are signed with. */
export function deriveCheckpointSeed(
  root: AuditRoot,
  deployment: string = DEFAULT_DEPLOYMENT,
): CheckpointSeed {
  return derive(
    root,
    deployment,
    (kid) => purposeInfo("audit-checkpoint-ed25519-seed", kid),
    (bytes, kid) => new CheckpointSeed(bytes, kid),
  );
}

/**
 * Wraps k_0 for the log itself: `k_0 XOR HKDF-Expand(verify secret, info("audit-verify-wrap", epoch), 32)`.
 *
 * Every epoch has a key of its own, so the pad is used once. It needs no MAC: the line that carries it has one, under
 * the very key.
 *
 * @returns Shape: 64 hexadecimal digits.
 */
export function wrapMacKey(secret: AuditVerifySecret, epoch: string, key: AuditMacKey): string {
  invariant(key.index === 0, "what is wrapped is the first key of an epoch");
  return wiped(
    lend(key, (bytes) => withPad(secret, epoch, bytes)),
    toHex,
  );
}

/**
 * Unwraps what {@link wrapMacKey} wrapped. With the wrong secret, another key comes out, whose MACs do not hold.
 *
 * @throws {@link VramError} `ERR_INPUT_INVALID` unless `wrapped` has 64 hexadecimal digits.
 */
export function unwrapMacKey(secret: AuditVerifySecret, epoch: string, wrapped: string): AuditMacKey {
  if (!/^[0-9a-f]{64}$/.test(wrapped)) refuse("macKey", "expected 64 lowercase hexadecimal digits");
  return wiped(withPad(secret, epoch, fromHex(wrapped)), (bytes) => new AuditMacKey(bytes, 0));
}

/** Writes the secret as the one line that a verifier is given. Handle the text as the secret it is. */
export function exportVerifySecret(secret: AuditVerifySecret): string {
  return `vram-audit-verify-v1.${secret.kid}.${secret.log}.${lend(secret, toHex)}`;
}

/**
 * Reads what {@link exportVerifySecret} wrote, with at most one newline behind it.
 *
 * @throws {@link VramError} `ERR_CONFIG_INVALID`, without the text, for anything else.
 */
export function importVerifySecret(text: string): AuditVerifySecret {
  const [, kid = "", log = "", hex = ""] = VERIFY_SECRET.exec(text.replace(/\n$/, "")) ?? [];
  if (hex === "") {
    const reason = "expected the one line that the key's export wrote";
    throw new VramError("ERR_CONFIG_INVALID", `audit-verify secret: ${reason}`, { field: "macKey", reason });
  }
  return wiped(fromHex(hex), (bytes) => new AuditVerifySecret(bytes, kid, log));
}

function derive<Key>(
  root: AuditRoot,
  deployment: string,
  info: (kid: string) => Uint8Array,
  make: (bytes: Uint8Array, kid: string) => Key,
): Key {
  return withPrk(root, deployment, (prk) => {
    const kid = keyIdOf(prk);
    return wiped(hkdfExpand(prk, info(kid), KEY_BYTES), (bytes) => make(bytes, kid));
  });
}

function withPad(secret: AuditVerifySecret, epoch: string, bytes: Uint8Array): Uint8Array {
  const info = purposeInfo("audit-verify-wrap", id(epoch, "epoch"));
  const pad = lend(secret, (key) => hkdfExpand(key, info, KEY_BYTES));
  return pad.map((byte, index) => byte ^ (bytes[index] ?? 0));
}

/** Uses bytes once, and wipes them. */
function wiped<Result>(bytes: Uint8Array, use: (bytes: Uint8Array) => Result): Result {
  try {
    return use(bytes);
  } finally {
    bytes.fill(0);
  }
}

function id(text: string, field: string): Uint8Array {
  if (!/^[0-9a-f]{32}$/.test(text)) refuse(field, "expected 32 lowercase hexadecimal digits");
  return fromHex(text);
}

function refuse(field: string, reason: string): never {
  throw new VramError("ERR_INPUT_INVALID", `${field}: ${reason}`, { field, reason });
}
