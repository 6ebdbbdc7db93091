import {
  assertBytes,
  assertPort,
  equalBytes,
  pae,
  refuseArgument,
  sha256,
  toHex,
  utf8,
} from "@vram-residency/crypto";
import { type HexDigest, hexDigest } from "@vram-residency/types";
import { type TimePolicy, verifyChain } from "./chain.ts";
import { type Envelope, readEnvelope } from "./envelope.ts";
import type { Manifest } from "./manifest.ts";
import {
  assertEcdsaDer,
  keyHint,
  type PublicKey,
  readPublicKey,
  type SignatureVerifier,
  writePem,
} from "./public-key.ts";
import { refuse } from "./rules.ts";
import { readStatement } from "./statement.ts";

/** Whom the user believes. It never comes from the bundle. */
export type Trust =
  /** One public key, in PEM. */
  | { readonly kind: "key"; readonly publicKey: string }
  /** Certificates of authorities, in PEM. */
  | { readonly kind: "certificates"; readonly anchors: string; readonly time: TimePolicy };

/** Who signed. */
export type Signer =
  /** The SHA-256 of the key's PEM, as `publicKey.hint` has it. */
  | { readonly kind: "key"; readonly key: HexDigest }
  /** The SHA-256 of the signing certificate's DER. */
  | { readonly kind: "certificate"; readonly certificate: HexDigest; readonly time: TimePolicy["kind"] };

/** What a publisher signed, and who that was. */
export interface SignedManifest {
  readonly manifest: Manifest;
  readonly signer: Signer;
}

const PAYLOAD_TYPE = "application/vnd.in-toto+json";

/**
 * Verifies a bundle of OpenSSF Model Signing v1.0, offline: the signature first, and only then is what it is over read.
 *
 * @param bundle - The bytes of the `*.sig` file.
 * @throws {@link VramError} `ERR_PROVENANCE` with a rule of `PROVENANCE_RULES`; `ERR_INPUT_INVALID` for arguments of other types.
 * @see https://github.com/ossf/model-signing-spec
 */
export function verifyBundle(bundle: Uint8Array, trust: Trust, verifier: SignatureVerifier): SignedManifest {
  assertBytes(bundle, "bundle");
  assertPort(verifier, "verifier", "verify");
  const envelope = readEnvelope(bundle);
  const { key, signer } = signerOf(envelope, trust, verifier);
  if (envelope.payloadType !== PAYLOAD_TYPE) refuse("payload-type", "expected an in-toto statement");
  assertEcdsaDer(envelope.signature);
  const message = pae(envelope.payloadType, envelope.payload);
  const { spki, hash } = key;
  if (!verifier.verify({ spki, hash, message, signature: envelope.signature })) {
    refuse("signature", "the signature is not of this key over these bytes: do not use this model");
  }
  return { manifest: readStatement(envelope.payload), signer };
}

function signerOf(
  { material }: Envelope,
  trust: Trust,
  verifier: SignatureVerifier,
): { readonly key: PublicKey; readonly signer: Signer } {
  switch (trust.kind) {
    case "key": {
      const key = readPublicKey(trust.publicKey);
      const hint = keyHint(key);
      if (material.kind === "chain")
        refuse("bundle-material", "signed with a certificate: name a chain, not a key");
      // The user's key is the one that verifies; the bundle's is only held against it.
      const same = material.kind === "hint" ? material.hint === hint : isSameKey(material, key);
      if (!same) refuse("key-differs", "the bundle names another key: name the publisher's");
      return { key, signer: { kind: "key", key: hexDigest(hint) } };
    }
    case "certificates": {
      if (material.kind !== "chain") refuse("bundle-material", "signed with a key: name a key, not a chain");
      const { leaf, key } = verifyChain(material.certificates, trust.anchors, trust.time, verifier);
      const certificate = hexDigest(toHex(sha256(leaf.der)));
      return { key, signer: { kind: "certificate", certificate, time: trust.time.kind } };
    }
    default:
      return refuseArgument("trust", "expected a key or certificates");
  }
}

/** Older bundles carry the key: as PEM, written again, or as DER. */
function isSameKey(
  { raw, details }: { readonly raw: Uint8Array; readonly details: string },
  key: PublicKey,
): boolean {
  return details === key.details && (equalBytes(raw, utf8(writePem(key))) || equalBytes(raw, key.spki));
}
