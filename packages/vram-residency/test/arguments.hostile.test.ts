/** Every function of the lower packages, every argument, every wrong type: a coded error or a stated answer. */
import { expect, test } from "bun:test";
import * as audit from "@vram-residency/audit";
import * as crypto from "@vram-residency/crypto";
import { nodeDigester } from "@vram-residency/crypto/node";
import * as formats from "@vram-residency/formats";
import * as policy from "@vram-residency/policy";
import * as seal from "@vram-residency/seal";
import type { SealRoot } from "@vram-residency/types";
import { nodeFileSystem, systemClock, systemRandom, systemTimers } from "@vram-residency/types/node";
import * as validation from "@vram-residency/validation";
import * as paths from "@vram-residency/validation/paths";
import { openVram } from "vram-residency";
import { type Case, complaints, OBJECTS, OPTIONAL, OPTIONS, of } from "./hostile.ts";

const bytes = Uint8Array.from({ length: 64 }, (_, index) => index);
const epoch = bytes.slice(0, 16);
const leaf = bytes.slice(0, 32);
const block = new Uint8Array(4096);
const empty = new Uint8Array(0);
const root = new seal.RootSecret(bytes);
const key = seal.deriveSealKey(root, { epoch });
const ring = await seal.openKeyRing(seal.randomKeys(systemRandom), { epoch });
const ports = { clock: systemClock, random: systemRandom };
const event = audit.auditEvent("LogClosed", { records: 1 });
const memory = new audit.MemorySink(ports);
const files = { ...ports, timers: systemTimers, fileSystem: nodeFileSystem, directory: "/dev/null/none" };
await using vram = await openVram({ backend: "mock", mock: { capacityBytes: 1 << 20 } });
const shard = await vram.sealModel(bytes);

const TEXTS = ["empty text", "lone surrogate", "text with NUL"];
const FORMED = ["empty text", "text with NUL"];

const CRYPTO: Readonly<Record<string, Case>> = {
  computeDigest: of(crypto.computeDigest, [bytes, "sha256", crypto.portableDigester], [], OPTIONAL, OPTIONAL),
  "computeDigest by node": of(
    (one: Uint8Array) => crypto.computeDigest(one, "sha256", nodeDigester),
    [bytes],
  ),
  "computeDigest of blocks": of((one: Uint8Array) => crypto.computeDigest(one, "fsverity-sha256"), [bytes]),
  "computeDigest by BLAKE3": of((one: Uint8Array) => crypto.computeDigest(one, "blake3"), [bytes]),
  digestStream: of((one: never) => crypto.digestStream(one), [new Blob([bytes]).stream()]),
  "digestStream of a chunk": of((one: never) => crypto.digestStream(oneChunk(one)), [bytes]),
  createDigest: of(crypto.createDigest, ["blake3", nodeDigester], [], OPTIONAL),
  decodeBase64: of(crypto.decodeBase64, ["AAAA"], ["empty text"]),
  encodeBase64: of(crypto.encodeBase64, [bytes]),
  concatBytes: of(crypto.concatBytes, [bytes, bytes]),
  equalBytes: of(crypto.equalBytes, [bytes, bytes]),
  fromHex: of(crypto.fromHex, ["00"], ["empty text"]),
  toHex: of(crypto.toHex, [bytes]),
  utf8: of(crypto.utf8, ["a"], FORMED),
  isWellFormed: of(crypto.isWellFormed, ["a"], "any"),
  canonicalJson: of(crypto.canonicalJson, [{}], "any"),
  lp: of(crypto.lp, ["a"], FORMED),
  pae: of(crypto.pae, ["type", bytes], FORMED),
  sha256: of(crypto.sha256, [bytes]),
  createFsVerity: of(crypto.createFsVerity, [{}], OBJECTS),
  "createFsVerity salt": of((salt: Uint8Array) => crypto.createFsVerity({ salt }), [leaf], OPTIONAL),
  "createFsVerity update": of((data: Uint8Array) => crypto.createFsVerity().update(data), [bytes]),
  fsverityLeaves: of(crypto.fsverityLeaves, [bytes, nodeDigester, leaf], [], OPTIONAL, OPTIONAL),
  fsverityGroup: of(crypto.fsverityGroup, [leaf, 1]),
  fsverityFromLevel1: of(crypto.fsverityFromLevel1, [leaf, 5]),
  hmacSha256: of(crypto.hmacSha256, [bytes, bytes]),
  hkdfExtract: of(crypto.hkdfExtract, [bytes, bytes]),
  hkdfExpand: of(crypto.hkdfExpand, [bytes, bytes, 32]),
  differingDigests: of(crypto.differingDigests, [leaf, leaf]),
  checkBlocks: of(crypto.checkBlocks, [block, empty, leaf]),
  isBytes: of(crypto.isBytes, [bytes], "any"),
  assertBytes: of(crypto.assertBytes, [bytes, "field"], [], "any"),
  assertText: of(crypto.assertText, ["a", "field"], TEXTS, "any"),
  assertPort: of((one: object) => crypto.assertPort(one, "field", "toString" as never), [{}], "any"),
  readOptions: of(
    (one: object) => crypto.readOptions(one, "field", []),
    [{}],
    [...OBJECTS.slice(1), "proxy that throws", "revoked proxy"],
  ),
  reading: of((one: object) => crypto.reading("field", () => Object.keys(one)), [{}], "any"),
  parseStrictJson: of(crypto.parseStrictJson, ["{}", { format: "x", maxBytes: 10 }]),
};

const SEAL: Readonly<Record<string, Case>> = {
  RootSecret: of((one: Uint8Array) => new seal.RootSecret(one), [bytes]),
  keyId: of(seal.keyId, [root, "d"], [], ["undefined", "text with NUL"]),
  deriveSealKey: of(seal.deriveSealKey, [root, { epoch }]),
  computeSignature: of(seal.computeSignature, [shard, key]),
  verifySignature: of(seal.verifySignature, [shard, key]),
  openSeal: of(seal.openSeal, [shard, ring, {}]),
  encodeSealBody: of(seal.encodeSealBody, [{}]),
  parseSealBody: of(seal.parseSealBody, [bytes]),
  sealShard: of(seal.sealShard, [{}, key]),
  fileKeys: of(
    (...args: Parameters<typeof seal.fileKeys>) => seal.fileKeys(...args).sealRoots(),
    [nodeFileSystem, "/none", {}],
  ),
  readKeyFile: of(seal.readKeyFile, [nodeFileSystem, "/none", {}]),
  formatKeyFile: of(seal.formatKeyFile, [{}]),
  parseKeyFile: of(seal.parseKeyFile, ["text"]),
  randomKeys: of(seal.randomKeys, [systemRandom]),
  staticKeys: of(seal.staticKeys, [[]], ["empty array"]),
  tokenKeys: of(seal.tokenKeys, ["0123456789012345678901234567890123456789"]),
  openKeyRing: of(seal.openKeyRing, [seal.randomKeys(systemRandom), { epoch }]),
  "openKeyRing of roots": of(
    (roots: readonly SealRoot[]) => seal.openKeyRing({ kind: "x", sealRoots: async () => roots }, { epoch }),
    [[]],
  ),
  "KeyRing.find": of(ring.find.bind(ring), ["k"], "any"),
  "KeyRing.deriveForDiagnosis": of(
    ring.deriveForDiagnosis.bind(ring),
    [ring.kids()[0], "00".repeat(16)],
    "any",
  ),
};

const AUDIT: Readonly<Record<string, Case>> = {
  auditEvent: of(audit.auditEvent, ["KeyRotated", {}], [], ["empty object", "no prototype"]),
  severityOf: of(audit.severityOf, ["SealVerificationFailed", {}], [], "any"),
  isPrintable: of(audit.isPrintable, ["a"], "any"),
  printable: of(audit.printable, ["a", 5], TEXTS, "any"),
  MemorySink: of((one: never) => new audit.MemorySink(one), [ports]),
  "MemorySink limit": of(
    (recordsMax: number) => new audit.MemorySink({ ...ports, recordsMax }),
    [5],
    ["undefined", "zero"],
  ),
  "MemorySink.append": of(memory.append.bind(memory), [event]),
  "JsonlSink.open": of(audit.JsonlSink.open.bind(audit.JsonlSink), [files]),
  "JsonlSink directory": of(
    (directory: string) => audit.JsonlSink.open({ ...files, directory }),
    ["/dev/null/none"],
  ),
  "JsonlSink limit": of((queueMax: number) => audit.JsonlSink.open({ ...files, queueMax }), [5]),
};

const VALIDATION: Readonly<Record<string, Case>> = Object.fromEntries(
  Object.entries({
    assertUnder: of(paths.assertUnder, ["/tmp", "/tmp/a"]),
    resolveUnder: of(paths.resolveUnder, ["/tmp", "a"]),
    assertTensorsFit: of(validation.assertTensorsFit, [[], 5], ["empty array"], ["zero"]),
    parseByteSource: of(validation.parseByteSource, [bytes]),
    parseConfig: of(validation.parseConfig, [{}], OPTIONS),
    parseGroup: of(validation.parseGroup, [{}]),
    parseMockOptions: of(validation.parseMockOptions, [{}], OPTIONS),
    parseModelRef: of(validation.parseModelRef, ["a", "field"], [], "any"),
    parseModelSize: of(validation.parseModelSize, [5, { maxModelBytes: 9, deviceTotalBytes: 9 }]),
    parseOpenOptions: of(validation.parseOpenOptions, [{}], OPTIONS),
    parseSealOptions: of(validation.parseSealOptions, [{}], OPTIONS),
    parseVerifyOptions: of(validation.parseVerifyOptions, [{}], OPTIONS),
  }),
);

const REST: Readonly<Record<string, Case>> = {
  openModel: of(formats.openModel, ["/none", nodeFileSystem]),
  readGgufHeader: of(formats.readGgufHeader, [{ read: async () => 0 }, 100, {}]),
  readSafetensorsHeader: of(formats.readSafetensorsHeader, [{ read: async () => 0 }, 100, {}]),
  tensorBytes: of(formats.tensorBytes, ["F32", [1]], "any", "any"),
  createPolicy: of(policy.createPolicy, ["default"], OPTIONS),
  evaluatePolicy: of(policy.evaluatePolicy, [policy.createPolicy(), {}], [], "any"),
  assertPermitted: of(policy.assertPermitted, [{ effect: "permit", warnings: [] }]),
  effectsOf: of(
    (one: never) => policy.effectsOf(one, policy.RULES[0] ?? ({} as never)),
    [policy.createPolicy()],
  ),
  policyDigest: of(policy.policyDigest, [policy.createPolicy()]),
};

function oneChunk(chunk: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(chunk);
      controller.close();
    },
  });
}

test.each(Object.entries({ ...CRYPTO, ...SEAL, ...AUDIT, ...VALIDATION, ...REST }))(
  "%s answers every wrong argument with a coded error",
  async (_, one) => {
    expect(await complaints(one)).toEqual([]);
  },
);

/** The tree of the tamper-evident log: used by `@vram-residency/audit/log` only, which checks what it hands over. */
const TREE = [
  "CompactRange",
  "consistencyProof",
  "inclusionProof",
  "merkleLeaf",
  "merkleNode",
  "verifyConsistency",
  "verifyInclusion",
];

test("every exported function of the lower packages is in the table", () => {
  const known = new Set(
    Object.keys({ ...CRYPTO, ...SEAL, ...AUDIT, ...VALIDATION, ...REST }).map(
      (name) => name.split(/[ .]/)[0],
    ),
  );
  const exported = Object.entries({ ...crypto, ...seal, ...audit, ...validation, ...formats, ...policy });
  const missing = exported.filter(
    ([name, value]) =>
      typeof value === "function" && !known.has(name) && name !== "refuseArgument" && !TREE.includes(name),
  );

  expect(missing.map(([name]) => name).sort()).toEqual([]);
});
