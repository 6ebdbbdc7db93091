import { describe, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { PROVENANCE_RULES, type ProvenanceRule, type Trust, verifyBundle } from "@vram-residency/provenance";
import { nodeSignatureVerifier } from "@vram-residency/provenance/node";
import {
  type BundleParts,
  bundle,
  type Curve,
  chainBundle,
  chained,
  FILES,
  HASHES,
  KEYS,
  keyTrust,
  makeKey,
  NOW,
  pemOf,
  resourcesOf,
  rootOf,
  type StatementParts,
  sha256,
  shards,
  statement,
} from "./bundles.ts";
import { der, ECDSA_SHA1, hex, NAME_CONSTRAINTS, pem, sequence, UNKNOWN_CRITICAL } from "./der.ts";
import { ruleOf } from "./refused.ts";

type Case = readonly [rule: ProvenanceRule | "accepted", name: string, bundle: Uint8Array, trust?: Trust];

const CURVES = Object.keys(KEYS) as readonly Curve[];
const [KEY] = [KEYS["P-256"]];
const of = (parts: StatementParts): Buffer => bundle({ payload: JSON.stringify(statement(parts)) });
const text = (parts: BundleParts = {}): string => bundle(parts).toString();
const raw = Buffer.from(pemOf(KEY.publicKey)).toString("base64");
const details = "PKIX_ECDSA_P256_SHA_256";
const GOOD = JSON.stringify(statement());
const names = (...list: readonly string[]): StatementParts => ({
  resources: list.map((name) => ({ name, digest: sha256(name), algorithm: "sha256" })),
});
const chainCase = (
  rule: Case[0],
  name: string,
  { chain, trust }: ReturnType<typeof chained>,
  bundled: readonly Uint8Array[] = chain,
): Case => [rule, name, chainBundle(bundled), trust];
const anchored = (...certificates: readonly Uint8Array[]): Trust => ({
  kind: "certificates",
  anchors: certificates.map((bytes) => pem("CERTIFICATE", bytes)).join("some text\n"),
  time: { kind: "at", wall: NOW },
});
const whole = chained();
const [leaf = hex(""), middle = hex("")] = whole.chain;

const ACCEPTED: readonly Case[] = [
  ...CURVES.map((curve): Case => {
    const key = KEYS[curve];
    return ["accepted", `a key on ${curve}`, bundle({ key, hash: HASHES[curve] }), keyTrust(key)];
  }),
  ...CURVES.map((curve): Case => {
    const { chain, trust } = chained({}, KEYS[curve]);
    return ["accepted", `a chain to ${curve}`, chainBundle(chain, KEYS[curve], HASHES[curve]), trust];
  }),
  [
    "accepted",
    "a key file with text before it",
    bundle(),
    { kind: "key", publicKey: `Key:\n${pemOf(KEY.publicKey)}` },
  ],
  [
    "accepted",
    "a bundle that carries the same key",
    bundle({ material: { publicKey: { rawBytes: raw, keyDetails: details } } }),
  ],
  ["accepted", "a chain that carries its root", chainBundle([...whole.chain, whole.root]), whole.trust],
  ["accepted", "a chain to a trusted authority in the middle", chainBundle(whole.chain), anchored(middle)],
  ["accepted", "names sorted by code point", of(names("\uFFFD", "\u{1F600}"))],
  ["accepted", "paths sorted by component", of(names("a/b", "a.b"))],
  ["accepted", "paths sorted as whole names", of(names("a.b", "a/b"))],
  ["accepted", "ranges in order", of(shards(10, [0, 10], [10, 20], [20, 23]))],
  ["accepted", "a member of the predicate that is not known", of({ predicate: { more: 1 } })],
];

const BUNDLES: readonly Case[] = [
  ["bundle-size", "too long", Buffer.alloc(8 * 1024 * 1024 + 1, 0x20)],
  ["json", "no JSON", Buffer.from("sig")],
  ["json", "no UTF-8", Buffer.from([0x22, 0xff, 0x22])],
  ["json-duplicate-name", "a member twice", Buffer.from(text().replace("{", '{"mediaType":"x",'))],
  [
    "json-duplicate-name",
    "a payload twice",
    Buffer.from(text().replace('"payload":', '"payload":"","payload":')),
  ],
  ["json-trailing-data", "a second bundle after it", Buffer.from(text() + text())],
  ["bundle-shape", "no object", Buffer.from("[]")],
  ["bundle-shape", "a member too many", bundle({ top: { more: 1 } })],
  [
    "bundle-shape",
    "a message signature instead",
    Buffer.from(text().replace("dsseEnvelope", "messageSignature")),
  ],
  ["bundle-shape", "a payload that is no text", bundle({ envelope: { payload: 1 } })],
  [
    "bundle-shape",
    "a key with a hint and itself",
    bundle({ material: { publicKey: { hint: sha256(pemOf(KEY.publicKey)), rawBytes: raw } } }),
  ],
  ["bundle-shape", "a key without a hint or itself", bundle({ material: { publicKey: {} } })],
  [
    "bundle-media-type",
    "another version",
    bundle({ top: { mediaType: "application/vnd.dev.sigstore.bundle.v0.2+json" } }),
  ],
  [
    "bundle-material",
    "a keyless certificate",
    bundle({ material: { certificate: { rawBytes: "" }, tlogEntries: [] } }),
  ],
  ["bundle-material", "nothing", bundle({ material: {} })],
  [
    "bundle-material",
    "both kinds",
    bundle({ material: { publicKey: { hint: "" }, x509CertificateChain: { certificates: [] } } }),
  ],
  ["bundle-material", "a chain, where a key is trusted", chainBundle(whole.chain)],
  ["bundle-material", "a key, where a chain is trusted", bundle(), whole.trust],
  ["base64", "a payload in the URL alphabet", bundle({ envelope: { payload: "_-==" } })],
  ["base64", "a signature with bits to spare", bundle({ signatures: () => [{ sig: "AB==" }] })],
  ["payload-type", "another type, signed as such", bundle({ payloadType: "application/json" })],
  ["payload-type", "another type than was signed", bundle({ envelope: { payloadType: "text/plain" } })],
  ["signature-count", "none", bundle({ signatures: () => [] })],
  ["signature-count", "two", bundle({ signatures: (sig) => [{ sig }, { sig }] })],
  [
    "signature-encoding",
    "bytes after it",
    bundle({
      signatures: (sig) => [
        { sig: Buffer.concat([Buffer.from(sig, "base64"), hex("00")]).toString("base64") },
      ],
    }),
  ],
  [
    "signature-encoding",
    "two bare numbers",
    bundle({ signatures: () => [{ sig: Buffer.alloc(64, 1).toString("base64") }] }),
  ],
  ["signature-encoding", "a number with a needless zero", signedBy(hex("0202000102017f"))],
  ["signature-encoding", "a negative number", signedBy(hex("0201ff020101"))],
  ["signature", "zeros", signedBy(hex("020100020100"))],
  ["signature", "another payload", bundle({ envelope: { payload: Buffer.from("{}").toString("base64") } })],
  ["signature", "SHA-384 with P-256", bundle({ hash: "sha384" })],
  ["signature", "SHA-256 with P-384", bundle({ key: KEYS["P-384"] }), keyTrust(KEYS["P-384"])],
  ["signature", "SHA-256 with P-521", bundle({ key: KEYS["P-521"] }), keyTrust(KEYS["P-521"])],
  ["signature", "of another key that names the trusted one", forged()],
];

function signedBy(numbers: Buffer): Buffer {
  return bundle({ signatures: () => [{ sig: sequence(numbers).toString("base64") }] });
}

function forged(): Buffer {
  return bundle({ key: makeKey("P-256"), material: { publicKey: { hint: sha256(pemOf(KEY.publicKey)) } } });
}

const p256 = pemOf(KEY.publicKey);
const ED = generateKeyPairSync("ed25519");
const RSA = generateKeyPairSync("rsa", { modulusLength: 2048 });
/** A point on secp256k1, which not every runtime can make. */
const K1 = sequence(
  sequence(hex("06072a8648ce3d020106052b8104000a")),
  der(3, hex("0004"), Buffer.alloc(64, 1)),
);
const COMPRESSED = sequence(
  sequence(hex("06072a8648ce3d020106082a8648ce3d030107")),
  der(3, hex("0002"), Buffer.alloc(32, 1)),
);
const MATERIALS: readonly Case[] = [
  ["key-format", "no PEM", bundle(), { kind: "key", publicKey: "key" }],
  ["key-format", "two keys", bundle(), { kind: "key", publicKey: p256 + p256 }],
  ["key-format", "no base64", bundle(), { kind: "key", publicKey: p256.replace("M", "*") }],
  ["key-format", "no DER", bundle(), { kind: "key", publicKey: pem("PUBLIC KEY", hex("3003020101ff")) }],
  ["key-type", "secp256k1", bundle(), { kind: "key", publicKey: pem("PUBLIC KEY", K1) }],
  ["key-type", "Ed25519", bundle(), keyTrust(ED)],
  ["key-type", "RSA", bundle(), keyTrust(RSA)],
  ["key-type", "a compressed point", bundle(), { kind: "key", publicKey: pem("PUBLIC KEY", COMPRESSED) }],
  ["key-differs", "another key's hint", bundle(), keyTrust(makeKey("P-256"))],
  [
    "key-differs",
    "another key in it",
    bundle({ key: KEY, material: { publicKey: { rawBytes: raw, keyDetails: details } } }),
    keyTrust(makeKey("P-256")),
  ],
  [
    "key-differs",
    "details of another curve",
    bundle({ material: { publicKey: { rawBytes: raw, keyDetails: "PKIX_ECDSA_P384_SHA_384" } } }),
  ],
  chainCase("certificate-encoding", "bytes after a certificate", whole, [
    Buffer.concat([leaf, hex("00")]),
    middle,
  ]),
  chainCase("certificate-encoding", "a length that is longer than need be", whole, [
    Buffer.concat([hex("308300"), leaf.subarray(2)]),
    middle,
  ]),
  chainCase("certificate-encoding", "version 1", chained({ leaf: { version: 0 } })),
  chainCase(
    "certificate-encoding",
    "the 31st of February",
    chained({ leaf: { from: "2025-02-31T00:00:00" } }),
  ),
  chainCase(
    "certificate-encoding",
    "an extension twice",
    chained({ leaf: { further: [hex("300b0603551d0f040403020080")] } }),
  ),
  chainCase("certificate-algorithm", "SHA-1", chained({ leaf: { algorithm: ECDSA_SHA1 } })),
  chainCase(
    "certificate-algorithm",
    "another algorithm outside",
    chained({ leaf: { outerAlgorithm: sequence(hex("06082a8648ce3d040303")) } }),
  ),
  chainCase(
    "certificate-critical",
    "a critical extension nobody knows",
    chained({ leaf: { further: [UNKNOWN_CRITICAL] } }),
  ),
  chainCase("certificate-critical", "name constraints", chained({ middle: { further: [NAME_CONSTRAINTS] } })),
  chainCase("certificate-usage", "not for signatures", chained({ leaf: { usage: 0x20 } })),
  chainCase("certificate-usage", "without a key usage", chained({ leaf: { usage: undefined } })),
  chainCase("certificate-usage", "not for code", chained({ leaf: { codeSigning: false } })),
  chainCase("chain-length", "empty", whole, []),
  chainCase(
    "chain-length",
    "nine certificates",
    whole,
    Array.from({ length: 9 }, () => leaf),
  ),
  chainCase("chain-name", "in the wrong order", chained(), [leaf, whole.root]),
  chainCase(
    "chain-signature",
    "signed by another key",
    chained({ leaf: { issuerKey: makeKey("P-256").privateKey } }),
  ),
  chainCase(
    "chain-signature",
    "a trusted name with another key",
    chained({ middle: { issuerKey: makeKey("P-256").privateKey } }),
  ),
  chainCase(
    "chain-signature",
    "to a root that did not sign itself",
    chained({ root: { issuerKey: makeKey("P-256").privateKey } }),
  ),
  chainCase("chain-ca", "through a non-CA", chained({ middle: { ca: false } })),
  chainCase("chain-ca", "through a CA that may not sign certificates", chained({ middle: { usage: 0x80 } })),
  chainCase("chain-ca", "through a CA without a key usage", chained({ middle: { usage: undefined } })),
  chainCase("chain-ca", "from a root that is no CA", chained({ root: { ca: false } })),
  chainCase("chain-path-length", "longer than the root allows", chained({ root: { pathLength: 0 } })),
  chainCase("chain-validity", "expired", chained({ leaf: { to: "2026-01-01T00:00:00" } })),
  chainCase("chain-validity", "not yet valid", chained({ leaf: { from: "2027-01-01T00:00:00" } })),
  chainCase(
    "chain-validity",
    "with an expired authority",
    chained({ middle: { to: "2026-01-01T00:00:00" } }),
  ),
  chainCase("chain-validity", "with an expired root", chained({ root: { to: "2026-01-01T00:00:00" } })),
  [
    "chain-anchor",
    "to an unknown root",
    chainBundle(whole.chain),
    anchored(chained({ root: { subject: "other", issuer: "other" } }).root),
  ],
  ["chain-anchor", "nothing trusted", chainBundle(whole.chain), anchored()],
  chainCase("key-type", "a certificate for RSA", chained({ leaf: { key: RSA.publicKey } })),
];

const bad = (list: readonly unknown[]): StatementParts => ({ top: { subject: list } });
const root = rootOf(resourcesOf(FILES));
const STATEMENTS: readonly Case[] = [
  [
    "json-duplicate-name",
    "a member of the statement twice",
    bundle({ payload: GOOD.replace("{", '{"_type":"x",') }),
  ],
  ["json-trailing-data", "two statements", bundle({ payload: GOOD + GOOD })],
  ["statement-shape", "no object", bundle({ payload: "[]" })],
  ["statement-shape", "a member too many", of({ top: { more: 1 } })],
  [
    "statement-shape",
    "a parameter of the serialization that is not known",
    of({ serialization: { more: 1 } }),
  ],
  ["statement-shape", "allow_symlinks as text", of({ serialization: { allow_symlinks: "false" } })],
  ["statement-type", "version 0.1", of({ top: { _type: "https://in-toto.io/Statement/v0.1" } })],
  ["predicate-type", "version 0.1", of({ top: { predicateType: "https://model_signing/Digests/v0.1" } })],
  ["subject", "none", of(bad([]))],
  ["subject", "two", of(bad([{ digest: { sha256: root } }, { digest: { sha256: root } }]))],
  ["subject", "another hash", of(bad([{ digest: { sha512: root } }]))],
  ["subject", "two hashes", of(bad([{ digest: { sha256: root, sha512: root } }]))],
  ["subject", "in capitals", of(bad([{ digest: { sha256: root.toUpperCase() } }]))],
  ["method", "an unknown one", of({ serialization: { method: "tensors" } })],
  ["hash-type", "blake2b", of({ serialization: { hash_type: "blake2b" } })],
  [
    "hash-type",
    "of one resource",
    of({ resources: resourcesOf(FILES).map((item) => ({ ...item, algorithm: "md5" })) }),
  ],
  ["ignore-path", "everything", of({ serialization: { ignore_paths: ["."] } })],
  ["ignore-path", "outside", of({ serialization: { ignore_paths: ["../x"] } })],
  ["ignore-path", "no text", of({ serialization: { ignore_paths: [1] } })],
  ["resource-count", "none", of({ resources: [] })],
  [
    "resource-shape",
    "a member too many",
    of({ resources: resourcesOf(FILES).map((item) => ({ ...item, size: 1 })) }),
  ],
  ["resource-shape", "a short digest", of({ resources: [{ name: "a", digest: "00", algorithm: "sha256" }] })],
  ...["../a", "/a", "a/../b", "a//b", "a/", "./a", "", "a\\b", "a\0b", "..", "x".repeat(5000)].map(
    (name): Case => ["resource-name", JSON.stringify(name).slice(0, 20), of(names(name))],
  ),
  ["resource-name", "a single file beside another", of(names(".", "a"))],
  ["resource-name", "a range that is none", of({ ...shards(10, [0, 10]), ...names("m.bin") })],
  ["resource-name", "a range that ends before it begins", of(shards(10, [5, 5]))],
  ["resource-name", "a number with a needless zero", of({ ...shards(10, [0, 10]), ...names("m.bin:00:10") })],
  ["resource-duplicate", "twice", of(names("a", "a"))],
  ["resource-order", "backwards", of(names("b", "a"))],
  ["resource-order", "by UTF-16", of(names("\u{1F600}", "\uFFFD"))],
  ["shard-size", "none", of({ serialization: { method: "shards" } })],
  ["shard-size", "zero", of({ ...shards(0, [0, 10]) })],
  ["shard-size", "for whole files", of({ serialization: { shard_size: 10 } })],
  ["shard-size", "a short range in the middle", of(shards(10, [0, 10], [10, 15], [15, 20]))],
  ["shard-size", "a long range at the end", of(shards(10, [0, 10], [10, 21]))],
  ["shard-gap", "at the start", of(shards(10, [10, 20]))],
  ["shard-gap", "in the middle", of(shards(10, [0, 10], [20, 30]))],
  ["shard-overlap", "by one byte", of(shards(10, [0, 10], [9, 19]))],
  ["root-digest", "another one", of({ root: sha256("") })],
  [
    "root-digest",
    "a resource more than it covers",
    of({ ...names("a", "b"), root: rootOf([{ digest: sha256("a") }]) }),
  ],
];

const verify = (bytes: Uint8Array, trust: Trust = keyTrust()): ReturnType<typeof verifyBundle> =>
  verifyBundle(bytes, trust, nodeSignatureVerifier);

const CASES = [...ACCEPTED, ...BUNDLES, ...MATERIALS, ...STATEMENTS].map(
  ([rule, name, bytes, trust = keyTrust()]) => [rule, name, bytes, trust] as const,
);

describe("a bundle", () => {
  test.each(CASES)("%s: %s", async (rule, _, bytes, trust) => {
    expect(await ruleOf(() => verify(bytes, trust))).toBe(rule);
  });

  test("breaks every rule of its own in some case above", () => {
    const found = new Set([...BUNDLES, ...MATERIALS, ...STATEMENTS].map(([rule]) => rule));
    const disk = PROVENANCE_RULES.slice(PROVENANCE_RULES.indexOf("symlink"));
    expect(PROVENANCE_RULES.filter((rule) => !found.has(rule))).toEqual(disk);
  });

  test("that expired is accepted only where the user says so, and the answer says so too", () => {
    const { chain, trust } = chained({ leaf: { to: "2026-01-01T00:00:00" } });
    if (trust.kind !== "certificates") throw new Error("a chain's trust");
    const { signer } = verify(chainBundle(chain), { ...trust, time: { kind: "ignore-expiry" } });
    const [first = hex("")] = chain;
    expect(signer).toEqual({
      kind: "certificate",
      certificate: sha256(first),
      time: "ignore-expiry",
    } as never);
    expect(() => verify(chainBundle(chain), { ...trust, time: { kind: "at", wall: Number.NaN } })).toThrow(
      "chain-validity",
    );
  });

  test("gives what was signed, and by whom", () => {
    const { manifest, signer } = verify(bundle());
    expect(signer).toEqual({ kind: "key", key: sha256(p256) } as never);
    expect<unknown>(manifest).toEqual({
      digest: root,
      algorithm: "sha256",
      method: "files",
      allowSymlinks: false,
      ignorePaths: [],
      resources: Object.entries(FILES).map(([name, body]) => ({ name, path: name, digest: sha256(body) })),
    });
  });

  test("is never parsed by a verifier that says no", () => {
    const no = { verify: () => false };
    expect(() => verifyBundle(bundle({ payload: "not JSON" }), keyTrust(), no)).toThrow(
      "ERR_PROVENANCE: signature:",
    );
  });
});
