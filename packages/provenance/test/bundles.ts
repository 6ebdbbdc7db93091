/** Bundles with keys of our own, and every way to spoil one. */
import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import type { Trust } from "@vram-residency/provenance";
import { type CertificateOptions, certificate, pem } from "./der.ts";

export type Curve = "P-256" | "P-384" | "P-521";

export interface Pair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

export const HASHES: { readonly [C in Curve]: string } = {
  "P-256": "sha256",
  "P-384": "sha384",
  "P-521": "sha512",
};

export const makeKey = (namedCurve: string): Pair => generateKeyPairSync("ec", { namedCurve });
export const KEYS: { readonly [C in Curve]: Pair } = {
  "P-256": makeKey("P-256"),
  "P-384": makeKey("P-384"),
  "P-521": makeKey("P-521"),
};
export const pemOf = (key: KeyObject): string => key.export({ type: "spki", format: "pem" }) as string;
export const sha256 = (data: string | Uint8Array): string => createHash("sha256").update(data).digest("hex");

export interface RawResource {
  readonly [name: string]: unknown;
  readonly name: string;
  readonly digest: string;
  readonly algorithm: string;
}

/** The model that most bundles are of. */
export const FILES: { readonly [name: string]: string } = { "a.bin": "one", "b/c.bin": "two" };

export function resourcesOf(files: Readonly<Record<string, string>>): RawResource[] {
  return Object.entries(files).map(([name, text]) => ({ name, digest: sha256(text), algorithm: "sha256" }));
}

export const rootOf = (resources: readonly { readonly digest: string }[]): string =>
  sha256(Buffer.from(resources.map(({ digest }) => digest).join(""), "hex"));

/** Any part of a statement, replaced. */
export interface StatementParts {
  readonly resources?: readonly RawResource[];
  readonly serialization?: object;
  readonly predicate?: object;
  readonly root?: string;
  readonly top?: object;
}

export function statement(parts: StatementParts = {}): object {
  const { resources = resourcesOf(FILES), serialization = {}, predicate = {} } = parts;
  return {
    _type: "https://in-toto.io/Statement/v1",
    subject: [{ name: "model", digest: { sha256: parts.root ?? rootOf(resources) } }],
    predicateType: "https://model_signing/signature/v1.0",
    predicate: {
      resources,
      serialization: { method: "files", hash_type: "sha256", allow_symlinks: false, ...serialization },
      ...predicate,
    },
    ...parts.top,
  };
}

/** Ranges of one file, as a statement of method "shards" has them. */
export function shards(size: number, ...ranges: readonly (readonly [number, number])[]): StatementParts {
  const resources = ranges.map(([start, end]) => ({
    name: `m.bin:${start}:${end}`,
    digest: sha256(`${start}`),
    algorithm: "sha256",
  }));
  return { resources, serialization: { method: "shards", shard_size: size } };
}

export interface BundleParts {
  readonly payload?: string;
  readonly key?: Pair;
  readonly hash?: string;
  readonly payloadType?: string;
  readonly material?: object;
  readonly signatures?: (signature: string) => readonly object[];
  readonly top?: object;
  readonly envelope?: object;
}

const IN_TOTO = "application/vnd.in-toto+json";

/** A bundle whose signature is right, whatever it is over. */
export function bundle(parts: BundleParts = {}): Buffer {
  const {
    payload = JSON.stringify(statement()),
    key = KEYS["P-256"],
    hash = "sha256",
    payloadType = IN_TOTO,
  } = parts;
  const body = Buffer.from(payload);
  const message = Buffer.concat([
    Buffer.from(`DSSEv1 ${payloadType.length} ${payloadType} ${body.length} `),
    body,
  ]);
  const signature = sign(hash, message, key.privateKey).toString("base64");
  return Buffer.from(
    JSON.stringify({
      mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
      verificationMaterial: parts.material ?? {
        publicKey: { hint: sha256(pemOf(key.publicKey)) },
        tlogEntries: [],
      },
      dsseEnvelope: {
        payload: body.toString("base64"),
        payloadType,
        signatures: parts.signatures?.(signature) ?? [{ sig: signature, keyid: "" }],
        ...parts.envelope,
      },
      ...parts.top,
    }),
  );
}

export const keyTrust = (key: Pair = KEYS["P-256"]): Trust => ({
  kind: "key",
  publicKey: pemOf(key.publicKey),
});

export const NOW: number = Date.parse("2026-06-01T00:00:00Z");
const ROOT = makeKey("P-256");
const MIDDLE = makeKey("P-256");

type Change = Partial<CertificateOptions>;

/** A chain of three, any of them changed, and the trust that accepts it unchanged. */
export function chained(
  changes: { readonly leaf?: Change; readonly middle?: Change; readonly root?: Change } = {},
  leafKey: Pair = KEYS["P-384"],
): { readonly chain: readonly Buffer[]; readonly root: Buffer; readonly trust: Trust } {
  const root = certificate({
    subject: "root",
    issuer: "root",
    key: ROOT.publicKey,
    issuerKey: ROOT.privateKey,
    ca: true,
    usage: 0x04,
    ...changes.root,
  });
  const middle = certificate({
    subject: "middle",
    issuer: "root",
    key: MIDDLE.publicKey,
    issuerKey: ROOT.privateKey,
    ca: true,
    usage: 0x04,
    ...changes.middle,
  });
  const leaf = certificate({
    subject: "publisher",
    issuer: "middle",
    key: leafKey.publicKey,
    issuerKey: MIDDLE.privateKey,
    usage: 0x80,
    codeSigning: true,
    ...changes.leaf,
  });
  const trust: Trust = {
    kind: "certificates",
    anchors: pem("CERTIFICATE", root),
    time: { kind: "at", wall: NOW },
  };
  return { chain: [leaf, middle], root, trust };
}

export function chainBundle(
  chain: readonly Uint8Array[],
  key: Pair = KEYS["P-384"],
  hash = "sha384",
): Buffer {
  const certificates = chain.map((bytes) => ({ rawBytes: Buffer.from(bytes).toString("base64") }));
  return bundle({ key, hash, material: { x509CertificateChain: { certificates } } });
}
