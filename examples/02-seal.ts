/** Makes a seal, checks it, and sees every kind of change refused (seal). */
import { computeDigest } from "@vram-residency/crypto";
import { openKeyRing, openSeal, sealShard, staticKeys } from "@vram-residency/seal";
import { hasCode, type SealBody } from "@vram-residency/types";

const epoch = Uint8Array.from({ length: 16 }, (_, index) => index);
const secret = Uint8Array.from({ length: 32 }, (_, index) => 255 - index);
using ring = await openKeyRing(staticKeys([{ secret, state: "active" }]), { epoch });
console.log(String(ring.active), ring.active.keyid);

const content = new TextEncoder().encode("weights");
const body: SealBody = {
  v: 1,
  kid: ring.active.kid,
  sealId: "0".repeat(32),
  epoch: ring.epoch,
  seq: 1,
  allocation: { id: 7, generation: 1, nonce: "1".repeat(32) },
  shard: { id: "layer-0" },
  bytes: content.length,
  identity: { alg: "sha256", digest: computeDigest(content), source: "computed" },
  residency: { alg: "fsverity-sha256", digest: computeDigest(content, "fsverity-sha256"), block: 4096 },
  device: { uuid: "GPU-example", ordinal: 0, backend: "cuda" },
  policy: computeDigest(new Uint8Array(0)),
  evidence: computeDigest(new Uint8Array(1)),
  sealedAt: "2026-01-01T00:00:00.000Z",
  mono: "0",
};
const shard = sealShard(body, ring.active);
console.log("opened:", openSeal(shard, ring).shard.id, "mac", shard.seal.signatures[0].sig);

using otherProcess = await openKeyRing(staticKeys([{ secret, state: "active" }]), {
  epoch: new Uint8Array(16).fill(9),
});
const attempts = {
  "a plain field changed": () => openSeal({ ...shard, gpuDevice: 1 }, ring),
  "another payload": () => openSeal({ ...shard, seal: { ...shard.seal, payload: "e30=" } }, ring),
  "another process": () => openSeal(shard, otherProcess),
  "no seal at all": () => openSeal({ ...shard, seal: undefined }, ring),
};
for (const [what, attempt] of Object.entries(attempts)) {
  try {
    attempt();
  } catch (error) {
    console.log(`${what}: ${hasCode(error, "ERR_SEAL_VERIFICATION") ? error.detail.reason : "not sealed"}`);
  }
}
