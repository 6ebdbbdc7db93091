// A page that checks seals where no Node is. `outcome` settles to what was done, or rejects.
import { computeDigest, decodeBase64, encodeBase64, utf8 } from "@vram-residency/crypto";
import { createPolicy, evaluatePolicy, policyDigest } from "@vram-residency/policy";
import { openKeyRing, openSeal, randomKeys, sealShard } from "@vram-residency/seal";
import { parseConfig } from "@vram-residency/validation";

const random = { bytes: (length) => crypto.getRandomValues(new Uint8Array(length)) };

function equal(actual, expected, what) {
  if (actual !== expected) throw new Error(`${what}: expected ${expected}, got ${actual}`);
}

/** The error that `action` throws. */
function failure(action) {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was refused");
}

/** Published answers, so that a wrong hash cannot agree with itself. */
function digests() {
  const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  const noBlake3 = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
  const noFsverity = "3d248ca542a24fc62d1c43b916eae5016878e2533c88238480b26128a1f1af95";
  equal(computeDigest(utf8("abc")), abc, "sha256");
  equal(computeDigest(new Uint8Array(0), "blake3"), noBlake3, "blake3");
  equal(computeDigest(new Uint8Array(0), "fsverity-sha256"), noFsverity, "fsverity");
  return 3;
}

async function seals() {
  const ring = await openKeyRing(randomKeys(random), { deployment: "page", epoch: random.bytes(16) });
  const bytes = random.bytes(10_000);
  const body = {
    v: 1,
    kid: ring.active.kid,
    sealId: "0123456789abcdef0123456789abcdef",
    epoch: ring.epoch,
    seq: 0,
    allocation: { id: 3, generation: 1, nonce: "fedcba9876543210fedcba9876543210" },
    shard: { id: "layer-0" },
    bytes: bytes.length,
    identity: { alg: "sha256", digest: computeDigest(bytes), source: "computed" },
    residency: { alg: "fsverity-sha256", digest: computeDigest(bytes, "fsverity-sha256"), block: 4096 },
    device: { uuid: "MOCK-0", ordinal: 0, backend: "mock" },
    policy: policyDigest(createPolicy("strict")),
    evidence: computeDigest(utf8("{}")),
    sealedAt: "2026-01-01T00:00:00.000Z",
    mono: "1",
  };
  const shard = JSON.parse(JSON.stringify(sealShard(body, ring.active)));
  equal(JSON.stringify(openSeal(shard, ring)), JSON.stringify(body), "the body that was sealed");

  const flipped = structuredClone(shard);
  const payload = decodeBase64(flipped.seal.payload);
  payload[100] ^= 1;
  flipped.seal.payload = encodeBase64(payload);
  equal(failure(() => openSeal(flipped, ring)).detail.reason, "bad-mac", "a flipped bit");
  const renamed = { ...shard, shardId: "layer-1" };
  equal(failure(() => openSeal(renamed, ring)).detail.reason, "fields-differ", "another id");

  ring[Symbol.dispose]();
  equal(failure(() => openSeal(shard, ring)).code, "ERR_STATE", "a wiped ring");
  return shard.seal.signatures.length;
}

function config() {
  equal(parseConfig({ gpuDevice: 1, workerId: "page" }).gpuDevice, 1, "gpuDevice");
  const error = failure(() => parseConfig({ stagingBytes: -1 }));
  equal(error.code, "ERR_CONFIG_INVALID", "a negative size");
  return error.detail.field;
}

/** A mock is refused by the strict profile, and accepted by the one for development. */
function policy() {
  const device = {
    backend: "mock",
    ordinal: 0,
    uuid: "MOCK-0",
    name: "Mock device 0",
    totalBytes: 2 ** 30,
    computeCapability: "unknown",
    integrated: "unknown",
    driverModel: "unknown",
    driverVersion: "unknown",
    vmm: "unknown",
    addressingMode: "unknown",
    numaNode: "unknown",
    ecc: "unknown",
    rowRemap: "unknown",
    migMode: "unknown",
    mps: "unknown",
    native: "none",
  };
  const facts = { phase: "start", requestedBackend: "mock", device };
  const strict = evaluatePolicy(createPolicy("strict"), facts);
  equal(strict.effect, "refuse", "strict");
  equal(evaluatePolicy(createPolicy("development"), facts).effect, "permit", "development");
  return strict.reasons.length;
}

async function main() {
  return { ok: true, digests: digests(), seals: await seals(), refused: config(), reasons: policy() };
}

globalThis.outcome = main();
