import { createPublicKey, verify } from "node:crypto";
import type { SignatureVerifier } from "../public-key.ts";

/** ECDSA and RSA on the runtime's own implementation. */
export const nodeSignatureVerifier: SignatureVerifier = {
  verify({ spki, hash, message, signature }) {
    try {
      const key = createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
      return verify(hash, message, { key, dsaEncoding: "der" }, signature);
    } catch {
      // Bytes that are no point of the curve, or a signature that does not decode.
      return false;
    }
  },
};
