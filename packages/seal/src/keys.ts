/**
 * The seal root and the keys derived from it (docs/spec/seal-v1.md, section 3).
 *
 * @module
 */
import { hkdfExpand, isBytes, reading, refuseArgument, toHex } from "@vram-residency/crypto";
import {
  checkRoot,
  DEFAULT_DEPLOYMENT,
  keyIdOf,
  purposeInfo,
  Secret,
  withPrk,
} from "@vram-residency/crypto/secret";

export { DEFAULT_DEPLOYMENT, ROOT_BYTES_MIN } from "@vram-residency/crypto/secret";

/** Length of an epoch. Unit: bytes. */
export const EPOCH_BYTES = 16;

const SEAL_KEY_BYTES = 32;

/** The secret from which seal keys are derived. Prints as its name, refuses JSON, is wiped on dispose. */
export class RootSecret extends Secret {
  /**
   * @param bytes - Copied. Shape: 32 bytes or more, not all equal.
   * @throws `ERR_CONFIG_INVALID` for less, or for bytes that are all equal: those come from a buffer
   * that was never filled.
   */
  constructor(bytes: Uint8Array) {
    checkRoot(bytes, "seal root");
    super(bytes);
  }

  protected override get name(): string {
    return "RootSecret";
  }
}

/** What separates the keys of one root. */
export interface SealKeyContext {
  /** A name that separates key spaces. Default "default". */
  readonly deployment?: string;
  /** This process's epoch. Shape: 16 bytes. */
  readonly epoch: Uint8Array;
}

/** The key of one root in one epoch. Prints as its name, refuses JSON, is wiped on dispose. */
export class SealKey extends Secret {
  /** Which root it is of, without telling it. Shape: "k" and 16 hexadecimal digits. */
  readonly kid: string;
  /** Which key it is: kid "." epoch in hexadecimal. */
  readonly keyid: string;

  /** For {@link deriveSealKey} only: a key of any other origin opens nothing. */
  constructor(bytes: Uint8Array, kid: string, epoch: string) {
    super(bytes);
    this.kid = kid;
    this.keyid = `${kid}.${epoch}`;
  }

  protected override get name(): string {
    return "SealKey";
  }
}

/**
 * Names a root without telling it.
 *
 * @returns Shape: "k" and 16 hexadecimal digits; another one for every deployment.
 * @throws `ERR_CONFIG_INVALID` for a deployment that is empty or not well formed, `ERR_STATE` for a
 * wiped root.
 */
export function keyId(root: RootSecret, deployment: string = DEFAULT_DEPLOYMENT): string {
  return withPrk(root, deployment, keyIdOf);
}

/**
 * Derives the key that seals of one process are made with.
 *
 * @throws `ERR_INPUT_INVALID` for an epoch that has not 16 bytes; else as {@link keyId}.
 *
 * @example
 * ```ts
 * const key = deriveSealKey(new RootSecret(rootBytes), { epoch: systemRandom.bytes(16) });
 * ```
 */
export function deriveSealKey(root: RootSecret, context: SealKeyContext): SealKey {
  const { deployment, epoch } = readContext(context);
  return withPrk(root, deployment, (prk) => {
    const kid = keyIdOf(prk);
    const bytes = hkdfExpand(prk, purposeInfo("seal-mac", kid, epoch), SEAL_KEY_BYTES);
    const key = new SealKey(bytes, kid, toHex(epoch));
    bytes.fill(0);
    return key;
  });
}

/** Reads what separates the keys of a root, each field once. @throws `ERR_INPUT_INVALID`. */
export function readContext(context: SealKeyContext): Required<SealKeyContext> {
  const { deployment = DEFAULT_DEPLOYMENT, epoch } = reading("context", () => ({ ...context }));
  if (!isBytes(epoch) || epoch.length !== EPOCH_BYTES) {
    refuseArgument("epoch", `expected ${EPOCH_BYTES} random bytes`);
  }
  return { deployment, epoch };
}
