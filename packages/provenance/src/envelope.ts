import type { JsonValue } from "@vram-residency/types";
import { base64Of, listOf, type Members, membersOf, objectOf, parseJson, textOf } from "./json.ts";
import { refuse } from "./rules.ts";

/** Longest bundle. Unit: bytes. */
export const BUNDLE_BYTES_MAX: number = 8 * 1024 * 1024;

/** What a bundle says of the key that signed it. None of it is trusted. */
export type Material =
  | { readonly kind: "hint"; readonly hint: string }
  | { readonly kind: "key"; readonly raw: Uint8Array; readonly details: string }
  | { readonly kind: "chain"; readonly certificates: readonly Uint8Array[] };

/** A bundle taken apart. Nothing in it has been verified, and the payload not been looked at. */
export interface Envelope {
  readonly material: Material;
  readonly payloadType: string;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
}

const MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json";

/**
 * Reads a Sigstore bundle v0.3 around a DSSE envelope.
 *
 * @throws `ERR_PROVENANCE`: `bundle-size`, `json…`, `bundle-shape`, `bundle-media-type`, `bundle-material`, `base64`,
 * `signature-count`.
 */
export function readEnvelope(bundle: Uint8Array): Envelope {
  if (bundle.length > BUNDLE_BYTES_MAX) refuse("bundle-size", `longer than ${BUNDLE_BYTES_MAX} bytes`);
  const json = parseJson(bundle, "bundle", BUNDLE_BYTES_MAX);
  const top = membersOf(json, "bundle-shape", "the bundle", [
    "mediaType",
    "verificationMaterial",
    "dsseEnvelope",
  ]);
  if (top["mediaType"] !== MEDIA_TYPE) refuse("bundle-media-type", "expected a Sigstore bundle v0.3");
  const names = ["payload", "payloadType", "signatures"];
  const envelope = membersOf(top["dsseEnvelope"], "bundle-shape", "the envelope", names);
  return {
    material: readMaterial(top["verificationMaterial"]),
    payloadType: textOf(envelope["payloadType"], "bundle-shape", "the payload's type"),
    payload: base64Of(envelope["payload"], "the payload"),
    signature: readSignature(envelope["signatures"]),
  };
}

function readSignature(value: JsonValue | undefined): Uint8Array {
  const signatures = listOf(value, "bundle-shape", "the list of signatures");
  if (signatures.length !== 1) refuse("signature-count", `${signatures.length} signatures instead of one`);
  // `keyid` is a hint that OMS ignores: it may be text, null or missing.
  const members = membersOf(signatures[0], "bundle-shape", "the signature", ["sig"], ["keyid"]);
  return base64Of(members["sig"], "the signature");
}

function readMaterial(value: JsonValue | undefined): Material {
  const kinds = ["publicKey", "x509CertificateChain", "certificate"];
  // Log entries and time stamps are Sigstore's; with a key or a chain nothing rests on them.
  const beside = ["tlogEntries", "timestampVerificationData"];
  const members = membersOf(value, "bundle-shape", "the key material", [], [...kinds, ...beside]);
  const [kind, ...others] = kinds.filter((name) => name in members);
  if (kind === undefined || others.length > 0) refuse("bundle-material", "expected one key or one chain");
  if (kind === "certificate") {
    refuse(
      "bundle-material",
      "a keyless signature: verify it with a Sigstore client, or ask for one by key or chain",
    );
  }
  return kind === "publicKey" ? readKey(members) : readChain(members);
}

function readKey(members: Members): Material {
  const value = members["publicKey"];
  const key = objectOf(value, "bundle-shape", "the key");
  if ("hint" in key) {
    const { hint } = membersOf(value, "bundle-shape", "the key", ["hint"]);
    return { kind: "hint", hint: textOf(hint, "bundle-shape", "the key's hint") };
  }
  const { rawBytes, keyDetails } = membersOf(value, "bundle-shape", "the key", ["rawBytes", "keyDetails"]);
  return {
    kind: "key",
    raw: base64Of(rawBytes, "the key"),
    details: textOf(keyDetails, "bundle-shape", "the key's details"),
  };
}

function readChain(members: Members): Material {
  const chain = membersOf(members["x509CertificateChain"], "bundle-shape", "the chain", ["certificates"]);
  const certificates = listOf(chain["certificates"], "bundle-shape", "the list of certificates");
  return {
    kind: "chain",
    certificates: certificates.map((item) => {
      const { rawBytes } = membersOf(item, "bundle-shape", "a certificate", ["rawBytes"]);
      return base64Of(rawBytes, "a certificate");
    }),
  };
}
