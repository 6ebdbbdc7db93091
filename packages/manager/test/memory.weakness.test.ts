/** Ownership, lifetime and memory: what must not be wrong again. */
import { expect, test } from "bun:test";
import type { MockAllocator } from "@vram-residency/allocator-mock";
import { computeDigest } from "@vram-residency/crypto";
import { type Allocator, deviceIndex, hasCode, type Progress, type SealedShard } from "@vram-residency/types";
import { bodyOf } from "./forge.ts";
import { books, failure, NOTHING, openWorld, refusalOf, type World, weights } from "./world.ts";

const MIB = 1 << 20;

/** Every call of the port, in order: the operation, and how many bytes it moved to the host. */
function listening(calls: { name: string; bytes: number }[]): (mock: MockAllocator) => Allocator {
  return (mock) =>
    new Proxy<Allocator>(mock, {
      get(target, property) {
        const value: unknown = Reflect.get(target, property, target);
        if (typeof value !== "function" || typeof property !== "string") return value;
        return (...args: readonly unknown[]) => {
          calls.push({ name: property, bytes: property === "readBlocks" ? Number(args[2]) : 0 });
          return Reflect.apply(value, target, args);
        };
      },
    });
}

async function idOf(world: World, shard: SealedShard): Promise<ReturnType<World["control"]["find"]>> {
  return world.control.find((await world.manager.attestResidency(shard)).stable.bufferId);
}

test("W-01: a sealed shard keeps its memory: it verifies, verifies again, is freed once, and the books come back to nothing", async () => {
  await using world = await openWorld();
  const content = weights(MIB);
  const shard = await world.manager.sealModel(content);
  const before = await books(world);

  const reports = [await world.manager.verifySealed(shard), await world.manager.verifySealed(shard)];

  expect(before.live).toBe(2);
  expect(world.control.peek(await idOf(world, shard), 0, MIB)).toEqual(content);
  expect(reports.map(({ bytesVerified }) => bytesVerified)).toEqual([MIB, MIB]);
  await world.manager.release(shard);
  expect(await books(world)).toEqual(NOTHING);
});

test("W-03: a stale or forged handle frees nothing, and no size of the caller's reaches the books", async () => {
  await using world = await openWorld();
  const first = await world.manager.sealModel(weights(MIB), { shardId: "first" });
  await world.manager.release(first);
  const second = await world.manager.sealModel(weights(2 * MIB), { shardId: "second" });
  const held = await books(world);

  expect(bodyOf(second).allocation.id).toBe(bodyOf(first).allocation.id);
  const refusals = [
    await refusalOf(world.manager.release(first)),
    await refusalOf(world.manager.release({ ...second, vramBytes: 1 })),
    await refusalOf(world.manager.release({ ...second, shardId: "first" })),
  ];
  expect(refusals).toEqual(["stale-generation", "fields-differ", "fields-differ"]);
  expect(await books(world)).toEqual(held);
  expect((await world.manager.verifySealed(structuredClone(second))).coverage).toBe(1);
  await world.manager.release(structuredClone(second));
  expect(await books(world)).toEqual(NOTHING);
});

test("W-05: closing wipes, frees and records each shard, is asynchronous, does nothing the second time, and survives a log that fails", async () => {
  const world = await openWorld();
  for (const shardId of ["a", "b", "c"]) await world.manager.sealModel(weights(5000), { shardId });
  await world.manager.close();
  const recorded = world.events("VramDeallocated");
  await world.manager.close();

  expect(recorded.map(({ shardId, reason, wiped }) => [shardId, reason, wiped])).toEqual(
    ["a", "b", "c"].map((id) => [id, "closed", true]),
  );
  expect(world.events("VramDeallocated")).toEqual(recorded);

  const silent = await openWorld();
  await silent.manager.sealModel(weights(5000));
  silent.sink.failAt(1);
  await silent.manager.close();
  expect([silent.control.live(), silent.control.isZero(deviceIndex(0))]).toEqual([0, true]);
});

test("W-06: memory is wiped and read back before it is freed, and so is that of a load that failed", async () => {
  const calls: { name: string; bytes: number }[] = [];
  await using world = await openWorld({ wrap: listening(calls) });
  const shard = await world.manager.sealModel(weights(MIB));
  calls.length = 0;
  await world.manager.release(shard);
  const order = calls.map(({ name }) => name).filter((name) => name === "wipe" || name === "free");
  await failure(world.manager.sealModel(weights(MIB), { expectedDigest: "0".repeat(64) }));

  expect(order).toEqual(["wipe", "wipe", "free", "free"]);
  expect(world.control.isZero(deviceIndex(0))).toBe(true);
  expect(world.events("VramDeallocated").map(({ wiped }) => wiped)).toEqual([true, true]);
  expect((await world.allocator.capacity(deviceIndex(0))).stagingBytes as number).toBe(0);
});

test("W-07: verification hashes where the bytes lie; to the host come digests, and of a damaged shard a few blocks of them", async () => {
  const calls: { name: string; bytes: number }[] = [];
  await using world = await openWorld({ wrap: listening(calls) });
  const shard = await world.manager.sealModel(weights(16 * MIB));
  calls.length = 0;

  await world.manager.verifySealed(shard);
  const whenSound = calls.map(({ name }) => name);
  await world.flip(shard, 9 * MIB, 0);
  calls.length = 0;
  await failure(world.manager.verifySealed(shard));
  const moved = calls.reduce((sum, { bytes }) => sum + bytes, 0);

  expect(whenSound).toContain("digest");
  expect(whenSound).not.toContain("readBlocks");
  expect(moved).toBeGreaterThan(0);
  expect(moved).toBeLessThanOrEqual(512 * 1024);
});

test("W-08: what is sealed is what lies in device memory: a source that changes on the way, and a copy that arrives wrong", async () => {
  await using world = await openWorld();
  const content = weights(4 * MIB);
  const [before, after] = [computeDigest(content), computeDigest(new Uint8Array(4 * MIB).fill(7))];
  const shard = await world.manager.sealModel(content, {
    onProgress: ({ stage, bytesDone }) => {
      if (stage === "copy" && bytesDone < content.length) content.fill(7);
    },
  });
  const lies = world.control.peek(await idOf(world, shard), 0, 4 * MIB);

  // Partly what it was, partly what it became: nobody's idea of the file, but what is there.
  expect([before, after]).not.toContain(shard.digest);
  expect(shard.digest).toBe(computeDigest(lies));
  expect(shard.residency.digest).toBe(computeDigest(lies, "fsverity-sha256"));
  world.control.script([{ operation: "ingest", at: 1, fault: "corrupt-copy" }]);
  expect((await failure(world.manager.sealModel(weights(MIB)))).code).toBe("ERR_INTEGRITY");
  expect(world.control.fired()).toEqual(["ingest#2: corrupt-copy"]);
  expect(world.events("VramSealed")).toHaveLength(1);
});

test("W-09: an expected digest is checked before anything is sealed, and model and place in the group are in the seal", async () => {
  await using world = await openWorld();
  const content = weights(5000);
  const options = {
    expectedDigest: computeDigest(content),
    modelRef: "org/model",
    shardIndex: 1,
    totalShards: 2,
  };

  const shard = await world.manager.sealModel(content, options);
  const other = await failure(world.manager.sealModel(weights(5000, 8), options));

  expect(bodyOf(shard)).toMatchObject({ model: { ref: "org/model" }, group: { index: 1, total: 2 } });
  expect(other).toMatchObject({ code: "ERR_SOURCE", detail: { reason: "digest-differs" } });
  expect(world.events("VramSealed")).toHaveLength(1);
});

test("W-10: room is taken in one step, headroom is kept, and the limits of the configuration are enforced", async () => {
  const config = { storeLeaves: false, headroomBytes: 2 * MIB, maxModelBytes: 3 * MIB };
  await using world = await openWorld({ capacityBytes: 10 * MIB, parts: { config } });

  const results = await Promise.allSettled(
    Array.from({ length: 20 }, (_, index) => world.manager.sealModel(new Uint8Array(MIB).fill(index))),
  );
  const large = await failure(world.manager.sealModel(new Uint8Array(3 * MIB + 1)));
  const wrong = await failure(openWorld({ parts: { config: { maxModelBytes: 0 } } }));

  expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(8);
  expect(await world.manager.capacity()).toMatchObject({ usedBytes: 8 * MIB, availableBytes: 0 });
  expect(large).toMatchObject({ code: "ERR_SOURCE", detail: { reason: "too-large" } });
  expect(wrong.code).toBe("ERR_CONFIG_INVALID");
});

test("W-27: ids and nonces are the random source's own bytes: nothing of device, memory or time is in them", async () => {
  const drawn: string[] = [];
  const draw = (length: number): Uint8Array => {
    const bytes = crypto.getRandomValues(new Uint8Array(length));
    drawn.push(Buffer.from(bytes).toString("hex"));
    return bytes;
  };
  await using world = await openWorld({ parts: { random: { bytes: draw } } });

  const shards = [await world.manager.sealModel(weights(100)), await world.manager.sealModel(weights(100))];

  // The same device, the same moment, the same bytes.
  expect(new Set(shards.map(({ sealedAt, digest }) => sealedAt + digest)).size).toBe(1);
  for (const shard of shards) {
    const { sealId, allocation, epoch } = bodyOf(shard);
    for (const id of [shard.shardId.replace("shard-", ""), sealId, allocation.nonce, epoch]) {
      expect(drawn.filter((text) => text === id)).toHaveLength(1);
    }
  }
  expect(new Set(drawn).size).toBe(drawn.length);
});

test("W-30: one device's long work holds up no other, can be cancelled, and says how far it is", async () => {
  await using world = await openWorld({ devices: 2 });
  const here = await world.manager.sealModel(weights(MIB), { gpuDevice: 0 });
  const there = await world.manager.sealModel(weights(4 * MIB), { gpuDevice: 1 });
  world.control.script([{ operation: "digest", at: 1, fault: "hang" }]);
  const cancel = new AbortController();
  const seen: Progress[] = [];

  const hanging = failure(world.manager.verifySealed(here, { signal: cancel.signal }));
  await world.manager.verifySealed(there, { onProgress: (step) => seen.push(step) });
  cancel.abort();

  expect(await hanging).toMatchObject({ code: "ERR_CANCELLED", detail: { stage: "digest" } });
  expect(seen.at(-1)).toMatchObject({ stage: "digest", bytesDone: 4 * MIB, bytesTotal: 4 * MIB });
  expect(seen.length).toBeGreaterThan(1);
});

test("W-37: sealed memory refuses writes, and a verification speaks of what lies there after the call", async () => {
  await using world = await openWorld();
  const shard = await world.manager.sealModel(weights(MIB));
  const id = await idOf(world, shard);
  const write = world.allocator.writeBlocks(id, 0 as never, new Uint8Array(16));
  expect((await failure(write)).code).toBe("ERR_STATE");

  const verifying = failure(world.manager.verifySealed(shard));
  world.control.flipBit(id, 12_345, 1);

  expect(await verifying).toMatchObject({
    code: "ERR_INTEGRITY",
    detail: { mismatches: [{ offset: 12_288, bytes: 4096 }] },
  });
});

test("W-38: after a failure of content a shard gets no ok and no evidence of its own until a repair has sealed it anew", async () => {
  await using world = await openWorld();
  const content = weights(MIB);
  const shard = await world.manager.sealModel(content);
  await world.flip(shard, 5, 5);
  const first = await failure(world.manager.verifySealed(shard));
  // The bit back where it was changes nothing: the state is not the memory's to mend.
  await world.flip(shard, 5, 5);

  const second = await failure(world.manager.verifySealed(shard));
  const repaired = await world.manager.repair(shard, content);

  expect([first.code, second.code]).toEqual(["ERR_INTEGRITY", "ERR_STATE"]);
  expect(world.events("ShardQuarantined")).toHaveLength(1);
  expect(await refusalOf(world.manager.verifySealed(shard))).toBe("stale-generation");
  expect((await world.manager.verifySealed(repaired)).coverage).toBe(1);
});

test("W-39: what others use of a device is seen at once: it is not ours to give, and an error names it", async () => {
  await using world = await openWorld({ capacityBytes: 10 * MIB, parts: { config: { storeLeaves: false } } });
  const before = await world.manager.capacity();
  world.control.setForeignBytes(deviceIndex(0), 8 * MIB);

  const error = await failure(world.manager.sealModel(weights(4 * MIB)));
  const shard = await world.manager.sealModel(weights(MIB));

  expect([before.availableBytes, before.foreignBytes]).toEqual([10 * MIB, 0]);
  expect(hasCode(error, "ERR_VRAM_INSUFFICIENT") && error.detail).toMatchObject({
    neededBytes: 4 * MIB,
    availableBytes: 2 * MIB,
    foreignBytes: 8 * MIB,
  });
  expect((await world.manager.verifySealed(shard)).coverage).toBe(1);
});
