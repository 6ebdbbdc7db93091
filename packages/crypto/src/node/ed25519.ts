import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { VramError } from "@vram-residency/types";
import { concatBytes, fromHex } from "../bytes.ts";
import type { Ed25519 } from "../ed25519.ts";

const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;

/** What stands before the 32 bytes in DER (RFC 8410): PKCS #8 for a seed, SPKI for a public key. */
const SEED_HEADER = fromHex("302e020100300506032b657004220420");
const PUBLIC_HEADER = fromHex("302a300506032b6570032100");

/**
 * Ed25519 on the runtime's own implementation.
 *
 * `sign` and `publicKey` throw `ERR_INPUT_INVALID` for a seed that has not 32 bytes.
 */
export const nodeEd25519: Ed25519 = {
  publicKey(seed) {
    const spki = createPublicKey(privateKey(seed)).export({ type: "spki", format: "der" });
    return Uint8Array.from(spki.subarray(-KEY_BYTES));
  },
  sign: (seed, message) => Uint8Array.from(sign(null, message, privateKey(seed))),
  verify(publicKey, message, signature) {
    if (publicKey.length !== KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false;
    try {
      const der = Buffer.from(concatBytes(PUBLIC_HEADER, publicKey));
      return verify(null, message, createPublicKey({ key: der, format: "der", type: "spki" }), signature);
    } catch {
      // Bytes that are no point of the curve.
      return false;
    }
  },
};

function privateKey(seed: Uint8Array): KeyObject {
  if (seed.length !== KEY_BYTES) {
    const reason = `expected ${KEY_BYTES} bytes`;
    throw new VramError("ERR_INPUT_INVALID", `seed: ${reason}`, { field: "seed", reason });
  }
  const der = Buffer.from(concatBytes(SEED_HEADER, seed));
  try {
    return createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  } finally {
    der.fill(0);
  }
}
