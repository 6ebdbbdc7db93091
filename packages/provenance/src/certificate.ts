import { toHex } from "@vram-residency/crypto";
import { DerReader, TAG } from "./der.ts";
import type { SignatureHash } from "./public-key.ts";
import { refuse } from "./rules.ts";

/** An X.509 v3 certificate, as far as a chain needs it. @see RFC 5280, section 4. */
export interface Certificate {
  readonly der: Uint8Array;
  /** What its issuer signed. */
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
  readonly algorithm: { readonly key: "RSA" | "EC"; readonly hash: SignatureHash };
  /** Names as DER, compared byte for byte. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  /** Unit: ms since 1970-01-01T00:00:00Z, both inclusive. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly spki: Uint8Array;
  readonly ca: boolean;
  /** How many certificates of authorities may follow; undefined: any number. */
  readonly pathLength: number | undefined;
  /** The bits of KeyUsage, first bit highest; undefined without the extension. */
  readonly keyUsage: number | undefined;
  /** OIDs in hexadecimal. */
  readonly extendedKeyUsage: readonly string[];
}

/** Bits of KeyUsage. */
export const USAGE = { digitalSignature: 0x80, keyCertSign: 0x04 } as const;

/** id-kp-codeSigning, as {@link Certificate.extendedKeyUsage} spells it. */
export const CODE_SIGNING = "2b06010505070303";

/** Signature algorithms by the contents of the AlgorithmIdentifier, in hexadecimal. SHA-1 is not among them. */
const ALGORITHMS: ReadonlyMap<string, Certificate["algorithm"]> = new Map([
  ["06092a864886f70d01010b0500", { key: "RSA", hash: "sha256" }],
  ["06092a864886f70d01010c0500", { key: "RSA", hash: "sha384" }],
  ["06092a864886f70d01010d0500", { key: "RSA", hash: "sha512" }],
  ["06082a8648ce3d040302", { key: "EC", hash: "sha256" }],
  ["06082a8648ce3d040303", { key: "EC", hash: "sha384" }],
  ["06082a8648ce3d040304", { key: "EC", hash: "sha512" }],
]);

const EXTENSIONS = 0xa3;
const VERSION = 0xa0;
const BASIC_CONSTRAINTS = "551d13";
const KEY_USAGE = "551d0f";
const EXTENDED_KEY_USAGE = "551d25";
/** Names another way; no name is compared with anything here. */
const SUBJECT_ALT_NAME = "551d11";
const UNDERSTOOD: ReadonlySet<string> = new Set([
  BASIC_CONSTRAINTS,
  KEY_USAGE,
  EXTENDED_KEY_USAGE,
  SUBJECT_ALT_NAME,
]);

/**
 * Reads a certificate.
 *
 * @throws `ERR_PROVENANCE`: `certificate-encoding`, also for bytes after it; `certificate-algorithm`;
 * `certificate-critical` for a critical extension that is not understood.
 */
export function readCertificate(der: Uint8Array): Certificate {
  const outer = new DerReader(der, "certificate-encoding");
  const parts = outer.inside(TAG.sequence, (reader) => {
    const signed = reader.element(TAG.sequence);
    return { signed, algorithm: reader.read(TAG.sequence), bits: reader.read(TAG.bitString) };
  });
  outer.end();
  const body = readBody(parts.signed.content);
  const id = toHex(parts.algorithm);
  if (parts.bits[0] !== 0) outer.refuse();
  // Said twice, of which only one is signed.
  if (id !== body.algorithmId)
    refuse("certificate-algorithm", "a certificate names two signature algorithms");
  const algorithm =
    ALGORITHMS.get(id) ??
    refuse("certificate-algorithm", "expected RSA or ECDSA with SHA-256, SHA-384 or SHA-512");
  return { der, signed: parts.signed.whole, signature: parts.bits.subarray(1), algorithm, ...body };
}

type Body = Omit<Certificate, "der" | "signed" | "signature" | "algorithm"> & {
  readonly algorithmId: string;
};

function readBody(content: Uint8Array): Body {
  const reader = new DerReader(content, "certificate-encoding");
  reader.inside(VERSION, (version) => {
    if (toHex(version.positive()) !== "02") version.refuse();
  });
  reader.positive();
  const algorithmId = toHex(reader.read(TAG.sequence));
  const issuer = reader.element(TAG.sequence).whole;
  const [notBefore, notAfter] = reader.inside(
    TAG.sequence,
    (times) => [readTime(times), readTime(times)] as const,
  );
  const subject = reader.element(TAG.sequence).whole;
  const spki = reader.element(TAG.sequence).whole;
  const extensions = readExtensions(new DerReader(reader.read(EXTENSIONS), "certificate-encoding"));
  reader.end();
  return { algorithmId, issuer, subject, notBefore, notAfter, spki, ...extensions };
}

/** UTCTime as RFC 5280 reads its two digits of a year, or GeneralizedTime; to the second, in UTC. */
function readTime(reader: DerReader): number {
  const utc = reader.tag === TAG.utcTime;
  const content = reader.read(utc ? TAG.utcTime : TAG.generalizedTime);
  if (content.length !== (utc ? 13 : 15)) reader.refuse();
  const text = String.fromCharCode(...content);
  const [, year = "", month, day, hour, minute, second] =
    /^(\d{2}|\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/.exec(text) ?? reader.refuse();
  const century = utc ? (year < "50" ? "20" : "19") : "";
  const iso = `${century}${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
  const time = Date.parse(iso);
  // The 31st of February would otherwise be a day in March.
  if (Number.isNaN(time) || new Date(time).toISOString() !== iso) reader.refuse();
  return time;
}

type Extensions = Pick<Certificate, "ca" | "pathLength" | "keyUsage" | "extendedKeyUsage">;

function readExtensions(outer: DerReader): Extensions {
  const found = new Map<string, Uint8Array>();
  outer.inside(TAG.sequence, (list) => {
    while (list.tag !== undefined) {
      const { id, critical, value } = list.inside(TAG.sequence, readExtension);
      if (found.has(id)) list.refuse();
      if (critical && !UNDERSTOOD.has(id)) {
        refuse("certificate-critical", "a certificate has a critical extension that is not understood");
      }
      found.set(id, value);
    }
  });
  outer.end();
  return {
    ...readConstraints(found.get(BASIC_CONSTRAINTS)),
    keyUsage: readUsage(found.get(KEY_USAGE)),
    extendedKeyUsage: readPurposes(found.get(EXTENDED_KEY_USAGE)),
  };
}

function readExtension(reader: DerReader): { id: string; critical: boolean; value: Uint8Array } {
  const id = toHex(reader.read(TAG.oid));
  return { id, critical: readDefaultFalse(reader), value: reader.read(TAG.octetString) };
}

/** A BOOLEAN that is false when it is missing, and therefore only there when it is true. */
function readDefaultFalse(reader: DerReader): boolean {
  if (reader.tag !== TAG.boolean) return false;
  if (toHex(reader.read(TAG.boolean)) !== "ff") reader.refuse();
  return true;
}

function readConstraints(value: Uint8Array | undefined): Pick<Certificate, "ca" | "pathLength"> {
  if (value === undefined) return { ca: false, pathLength: undefined };
  const outer = new DerReader(value, "certificate-encoding");
  const result = outer.inside(TAG.sequence, (reader) => {
    const ca = readDefaultFalse(reader);
    if (reader.tag !== TAG.integer) return { ca, pathLength: undefined };
    const length = reader.positive();
    if (!ca || length.length > 1) reader.refuse();
    return { ca, pathLength: length[0] ?? 0 };
  });
  outer.end();
  return result;
}

function readUsage(value: Uint8Array | undefined): number | undefined {
  if (value === undefined) return undefined;
  const outer = new DerReader(value, "certificate-encoding");
  const [unused = 8, first] = outer.read(TAG.bitString);
  outer.end();
  if (unused > 7 || first === undefined) outer.refuse();
  return first;
}

function readPurposes(value: Uint8Array | undefined): readonly string[] {
  if (value === undefined) return [];
  const outer = new DerReader(value, "certificate-encoding");
  const purposes = outer.inside(TAG.sequence, (reader) => {
    const list: string[] = [];
    while (reader.tag !== undefined) list.push(toHex(reader.read(TAG.oid)));
    return list;
  });
  outer.end();
  return purposes;
}
