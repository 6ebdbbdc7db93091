/**
 * Public keys as SPKI, and the signatures they check.
 *
 * @module
 */
import { decodeBase64, encodeBase64, sha256, toHex, utf8 } from "@vram-residency/crypto";
import { DerReader, TAG } from "./der.ts";
import { type ProvenanceRule, refuse } from "./rules.ts";

/** A hash that goes under a signature. */
export type SignatureHash = "sha256" | "sha384" | "sha512";

/** ECDSA and RSA as a port: portable code has neither, `@vram-residency/provenance/node` has the runtime's. */
export interface SignatureVerifier {
  /**
   * Checks one signature: ECDSA in DER, or RSA PKCS #1 v1.5, by what the key is.
   *
   * False for anything but a valid one. Never throws.
   */
  verify(request: SignatureRequest): boolean;
}

/** What {@link SignatureVerifier.verify} is asked. */
export interface SignatureRequest {
  /** Shape: SubjectPublicKeyInfo in DER. */
  readonly spki: Uint8Array;
  readonly hash: SignatureHash;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

/** A public key whose kind is known. */
export interface PublicKey {
  readonly kind: "P-256" | "P-384" | "P-521" | "RSA";
  /** The one hash that a signature over a model uses with it. Without meaning for RSA, which signs certificates only. */
  readonly hash: SignatureHash;
  /** How a bundle spells the kind and the hash. */
  readonly details: string;
  readonly spki: Uint8Array;
}

interface Kind extends Pick<PublicKey, "kind" | "hash" | "details"> {
  /** Of one coordinate. 0: RSA. Unit: bytes. */
  readonly bytes: number;
}

const EC = "06072a8648ce3d0201";
/** By the contents of the AlgorithmIdentifier, in hexadecimal. */
const KINDS: ReadonlyMap<string, Kind> = new Map([
  [
    `${EC}06082a8648ce3d030107`,
    { kind: "P-256", hash: "sha256", details: "PKIX_ECDSA_P256_SHA_256", bytes: 32 },
  ],
  [`${EC}06052b81040022`, { kind: "P-384", hash: "sha384", details: "PKIX_ECDSA_P384_SHA_384", bytes: 48 }],
  [`${EC}06052b81040023`, { kind: "P-521", hash: "sha512", details: "PKIX_ECDSA_P521_SHA_512", bytes: 66 }],
  ["06092a864886f70d0101010500", { kind: "RSA", hash: "sha256", details: "", bytes: 0 }],
]);

const UNCOMPRESSED = 0x04;
const RSA_BYTES_MIN = 256;

/**
 * Reads a SubjectPublicKeyInfo: P-256, P-384 or P-521 with an uncompressed point, or RSA of at least 2048 bits.
 *
 * @throws `ERR_PROVENANCE`: `rule` for bytes that are no DER; `key-type` for any other key.
 */
export function readSpki(spki: Uint8Array, rule: ProvenanceRule): PublicKey {
  const outer = new DerReader(spki, rule);
  const [algorithm, bits] = outer.inside(
    TAG.sequence,
    (reader) => [reader.read(TAG.sequence), reader.read(TAG.bitString)] as const,
  );
  outer.end();
  const found = KINDS.get(toHex(algorithm)) ?? refuse("key-type", "expected a key on P-256, P-384 or P-521");
  const { kind, hash, details, bytes } = found;
  // The first byte of a bit string counts bits that are not used.
  const key = bits.subarray(1);
  const right =
    bits[0] === 0 &&
    (bytes === 0
      ? rsaBytes(key, rule) >= RSA_BYTES_MIN
      : key[0] === UNCOMPRESSED && key.length === 1 + 2 * bytes);
  if (!right) refuse("key-type", "expected an uncompressed point, or RSA of at least 2048 bits");
  return { kind, hash, details, spki };
}

function rsaBytes(key: Uint8Array, rule: ProvenanceRule): number {
  const outer = new DerReader(key, rule);
  const modulus = outer.inside(TAG.sequence, (reader) => {
    const first = reader.positive();
    reader.positive();
    return first;
  });
  outer.end();
  return modulus.length;
}

/**
 * Reads the one public key of a PEM file; there may be text around it.
 *
 * @throws `ERR_PROVENANCE`: `key-format`, or `key-type` for a key that signs no models.
 */
export function readPublicKey(pem: string): PublicKey {
  const [first, ...others] = readPem(pem, "PUBLIC KEY", "key-format");
  if (first === undefined || others.length > 0) refuse("key-format", "expected one public key in PEM");
  const key = readSpki(first, "key-format");
  if (key.kind === "RSA") refuse("key-type", "expected a key on P-256, P-384 or P-521");
  return key;
}

/** The contents of every block with this label. @throws `ERR_PROVENANCE`: `rule` for a block that is no base64. */
export function readPem(text: string, label: string, rule: ProvenanceRule): readonly Uint8Array[] {
  const blocks = text.matchAll(new RegExp(`-----BEGIN ${label}-----\r?\n([^-]*)-----END ${label}-----`, "g"));
  return [...blocks].map(([, body = ""]) => {
    try {
      return decodeBase64(body.replaceAll(/\r?\n/g, ""));
    } catch (cause) {
      return refuse(rule, "a PEM block is no base64: export it again", undefined, cause);
    }
  });
}

/** Writes a key as PEM, as OpenSSL does: lines of 64 characters. */
export function writePem({ spki }: PublicKey): string {
  const lines = encodeBase64(spki).replaceAll(/(.{64})(?=.)/g, "$1\n");
  return `-----BEGIN PUBLIC KEY-----\n${lines}\n-----END PUBLIC KEY-----\n`;
}

/** What a bundle calls a key: the SHA-256 of its PEM, written again. @returns Shape: 64 lowercase hexadecimal digits. */
export function keyHint(key: PublicKey): string {
  return toHex(sha256(utf8(writePem(key))));
}

/** Demands the one DER of an ECDSA signature: two positive integers, and nothing after them. */
export function assertEcdsaDer(signature: Uint8Array): void {
  const outer = new DerReader(signature, "signature-encoding");
  outer.inside(TAG.sequence, (reader) => {
    reader.positive();
    reader.positive();
  });
  outer.end();
}
