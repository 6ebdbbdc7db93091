// The main job, by a user's hand: seal a file, verify, flip a bit, catch and locate it, repair, release, look at what is left.
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";

const BLOCK = 4096;
const TENSORS = [
  { name: "embed", offset: 0, bytes: 1 << 20, dtype: "BF16", shape: [512, 1024] },
  { name: "layer", offset: 1 << 20, bytes: 2 << 20, dtype: "BF16", shape: [1024, 1024] },
  { name: "head", offset: 3 << 20, bytes: (1 << 20) + 1000, dtype: "U8", shape: [(1 << 20) + 1000] },
];
const BYTES = (4 << 20) + 1000;
const FLIP = { byte: (1 << 20) + 123_456, bit: 5 };

/** Bytes that are not all alike, the same in every run (xorshift32). */
function weights(bytes) {
  const data = new Uint8Array(bytes);
  for (let index = 0, state = 0x9e3779b9; index < bytes; index++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    data[index] = state;
  }
  return data;
}

/** The error a promise rejects with. */
async function failure(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("nothing was refused");
}

/**
 * Plays it, and leaves nothing behind but the log.
 *
 * @returns What was done, for the last line of output.
 */
export async function play({ manager, allocator, control, digest, path }) {
  const bytes = weights(BYTES);
  await writeFile(path, bytes);

  const shard = await manager.sealModel(path, {
    shardId: "model-0",
    modelRef: "org/model",
    tensors: TENSORS,
  });
  assert.equal(shard.digest, digest(bytes));
  assert.equal(shard.vramBytes, BYTES);
  assert.equal(shard.backend, "mock");
  const verified = await manager.verifySealed(structuredClone(shard));
  assert.equal(verified.bytesVerified, BYTES);
  assert.equal(verified.digest, shard.residency.digest);

  const evidence = await manager.attestResidency(shard);
  assert.equal(evidence.kind, "mock");
  control.flipBit(control.find(evidence.stable.bufferId), FLIP.byte, FLIP.bit);
  const caught = await failure(manager.verifySealed(shard));
  assert.equal(caught.code, "ERR_INTEGRITY");
  const block = { offset: FLIP.byte - (FLIP.byte % BLOCK), bytes: BLOCK };
  assert.deepEqual(caught.detail, {
    shardId: "model-0",
    mismatches: [{ ...block, tensor: "layer", tensors: ["layer"] }],
    more: 0,
  });
  assert.equal(manager.shards()[0].state, "quarantined");

  const repaired = await manager.repair(shard);
  assert.equal(repaired.digest, shard.digest);
  const stale = await failure(manager.verifySealed(shard));
  assert.equal(stale.code, "ERR_SEAL_VERIFICATION");
  assert.equal(stale.detail.reason, "stale-generation");
  assert.equal((await manager.verifySealed(repaired)).bytesVerified, BYTES);
  assert.deepEqual(manager.current("model-0"), repaired);

  await manager.release(repaired);
  assert.equal(control.isZero(0), true);
  assert.equal(control.live(), 0);
  assert.deepEqual(manager.shards(), []);
  assert.equal((await manager.capacity()).usedBytes, 0);
  assert.equal((await allocator.capacity(0)).oursBytes, 0);
  return {
    bytes: BYTES,
    digest: shard.digest,
    flipped: FLIP,
    located: caught.detail.mismatches,
    wiped: true,
  };
}

/**
 * A log on disk, by the facade: written, gone on with, verified without its root, and one digit of it changed.
 *
 * @returns The verdicts, in that order.
 */
export async function playLog(
  { openVram, openLogSource, verifyLog, nodeFileSystem, nodeEd25519 },
  directory,
) {
  const keys = { kind: "consumer", auditRoot: async () => weights(32) };
  for (const shardId of ["a", "b"]) {
    const manager = await openVram({ backend: "mock", audit: { directory, keys } });
    const taken = await failure(openVram({ backend: "mock", audit: { directory, keys } }));
    assert.equal(taken.code, "ERR_STATE");
    await manager.verifySealed(await manager.sealModel(weights(5000), { shardId }));
    await manager.close();
  }
  const judge = async () => {
    const source = await openLogSource(nodeFileSystem, directory);
    const report = await verifyLog(source, { ed25519: nodeEd25519, now: Date.now() });
    await source[Symbol.asyncDispose]();
    return report;
  };
  const before = await judge();
  const path = `${directory}/00000000000000000000.jsonl`;
  await writeFile(path, (await readFile(path, "utf8")).replace('"shardId":"a"', '"shardId":"c"'));
  const after = await judge();
  assert.deepEqual([before.verdict, after.verdict, after.bad.rule], ["sound", "tampered", "prev"]);
  return [before.verdict, after.verdict];
}

/** What the log must have recorded by then, in this order. */
export const RECORDED = [
  "LogOpened",
  "PolicyEvaluated",
  "VramAllocated",
  "VramSealed",
  "SealVerified",
  "SealVerificationFailed",
  "ShardQuarantined",
  "ShardRepaired",
  "SealVerificationFailed",
  "SealVerified",
  "VramDeallocated",
  "LogClosed",
];
