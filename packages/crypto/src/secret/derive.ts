/**
 * From a root to its keys: the derivation that seals and logs share (docs/spec/seal-v1.md, section 3).
 *
 * @module
 */
import { VramError } from "@vram-residency/types";
import { isBytes } from "../arguments.ts";
import { concatBytes, isWellFormed, toHex } from "../bytes.ts";
import { sha256 } from "../digester.ts";
import { lp } from "../encoding.ts";
import { hkdfExpand, hkdfExtract } from "../hmac.ts";
import { lend, type Secret } from "./secret.ts";

/** Least length of a root. Unit: bytes. */
export const ROOT_BYTES_MIN = 32;

/** The deployment that is meant when none is named. */
export const DEFAULT_DEPLOYMENT = "default";

const DOMAIN = "vram-seal/v1";

/**
 * Checks bytes that are to be a root.
 *
 * @param name - Which root, for the error.
 * @throws {@link VramError} `ERR_CONFIG_INVALID` for less than 32 bytes, or for bytes that are all equal: those come
 * from a buffer that was never filled.
 */
export function checkRoot(bytes: Uint8Array, name: string): void {
  if (!isBytes(bytes) || bytes.length < ROOT_BYTES_MIN) {
    refuseRoot(name, `expected at least ${ROOT_BYTES_MIN} random bytes`);
  }
  if (bytes.every((byte) => byte === bytes[0])) refuseRoot(name, "expected random bytes, got all equal ones");
}

/**
 * Lends a root's pseudorandom key in one deployment, and wipes it afterwards.
 *
 * @throws {@link VramError} `ERR_CONFIG_INVALID` for a deployment that is empty or not well formed, `ERR_STATE` for a
 * wiped root.
 */
export function withPrk<Result>(root: Secret, deployment: string, body: (prk: Uint8Array) => Result): Result {
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

/** Encodes a purpose and its context, for `hkdfExpand`: `lp("vram-seal/v1") || lp(purpose) || lp(context)…`. */
export function purposeInfo(purpose: string, ...context: readonly (string | Uint8Array)[]): Uint8Array {
  return concatBytes(lp(DOMAIN), lp(purpose), ...context.map(lp));
}

/** Names the root of a pseudorandom key without telling it. @returns Shape: "k" and 16 hexadecimal digits. */
export function keyIdOf(prk: Uint8Array): string {
  return `k${toHex(hkdfExpand(prk, purposeInfo("key-id"), 8))}`;
}

function refuseRoot(name: string, reason: string): never {
  throw new VramError("ERR_CONFIG_INVALID", `${name}: ${reason}`, { field: "root", reason });
}
