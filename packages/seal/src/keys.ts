/**
 * The seal root and the keys derived from it (docs/spec/seal-v1.md, section 3).
 *
 * @module
 */
import {
  concatBytes,
  hkdfExpand,
  hkdfExtract,
  isBytes,
  isWellFormed,
  lp,
  reading,
  refuseArgument,
  sha256,
  toHex,
} from "@vram-residency/crypto";
import { VramError } from "@vram-residency/types";
import { lend, Secret } from "./secret.ts";

/** Least length of a root. Unit: bytes. */
export const ROOT_BYTES_MIN = 32;

/** Length of an epoch. Unit: bytes. */
export const EPOCH_BYTES = 16;

/** The deployment that is meant when none is named. */
export const DEFAULT_DEPLOYMENT = "default";

const DOMAIN = "vram-seal/v1";
const SEAL_KEY_BYTES = 32;

/** The secret from which seal keys are derived. Prints as its name, refuses JSON, is wiped on dispose. */
export class RootSecret extends Secret {
  /**
   * @param bytes - Copied. Shape: 32 bytes or more, not all equal.
   * @throws {@link VramError} `ERR_CONFIG_INVALID` for less, or for bytes that are all equal: those come from a buffer
   * that was never filled.
   */
  constructor(bytes: Uint8Array) {
    if (!isBytes(bytes) || bytes.length < ROOT_BYTES_MIN) {
      refuseRoot(`expected at least ${ROOT_BYTES_MIN} random bytes`);
    }
    if (bytes.every((byte) => byte === bytes[0])) refuseRoot("expected random bytes, got all equal ones");
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
 * @throws {@link VramError} `ERR_CONFIG_INVALID` for a deployment that is empty or not well formed, `ERR_STATE` for a
 * wiped root.
 */
export function keyId(root: RootSecret, deployment: string = DEFAULT_DEPLOYMENT): string {
  return withPrk(root, deployment, keyIdOf);
}

/**
 * Derives the key that seals of one process are made with.
 *
 * @throws {@link VramError} `ERR_INPUT_INVALID` for an epoch that has not 16 bytes; else as {@link keyId}.
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
    const bytes = hkdfExpand(prk, info("seal-mac", kid, epoch), SEAL_KEY_BYTES);
    const key = new SealKey(bytes, kid, toHex(epoch));
    bytes.fill(0);
    return key;
  });
}

/** Reads what separates the keys of a root, each field once. @throws {@link VramError} `ERR_INPUT_INVALID`. */
export function readContext(context: SealKeyContext): Required<SealKeyContext> {
  const { deployment = DEFAULT_DEPLOYMENT, epoch } = reading("context", () => ({ ...context }));
  if (!isBytes(epoch) || epoch.length !== EPOCH_BYTES) {
    refuseArgument("epoch", `expected ${EPOCH_BYTES} random bytes`);
  }
  return { deployment, epoch };
}

function keyIdOf(prk: Uint8Array): string {
  return `k${toHex(hkdfExpand(prk, info("key-id"), 8))}`;
}

function info(purpose: string, ...context: readonly (string | Uint8Array)[]): Uint8Array {
  return concatBytes(lp(DOMAIN), lp(purpose), ...context.map(lp));
}

function withPrk<Result>(root: RootSecret, deployment: string, body: (prk: Uint8Array) => Result): Result {
  if (typeof deployment !== "string" || deployment === "" || !isWellFormed(deployment)) {
    const reason = "expected a name in well-formed Unicode";
    throw new VramError("ERR_CONFIG_INVALID", `deployment: ${reason}`, { field: "deployment", reason });
  }
  const salt = sha256(concatBytes(lp(`${DOMAIN}/salt`), lp(deployment)));
  const prk = lend(root, (bytes) => hkdfExtract(salt, bytes));
  try {
    return body(prk);
  } finally {
    prk.fill(0);
  }
}

function refuseRoot(reason: string): never {
  throw new VramError("ERR_CONFIG_INVALID", `seal root: ${reason}`, { field: "root", reason });
}
