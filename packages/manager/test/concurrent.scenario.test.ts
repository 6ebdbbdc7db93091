import { describe, expect, test } from "bun:test";
import { deviceIndex, type SealedShard } from "@vram-residency/types";
import { books, NOTHING, openWorld, type World, weights } from "./world.ts";

const MIB = 1 << 20;

function hundredMib(): Promise<World> {
  return openWorld({ capacityBytes: 100 * MIB, parts: { config: { storeLeaves: false } } });
}

/** `count` calls that are all under way at once. */
function rush<Result>(count: number, work: (index: number) => Promise<Result>): Promise<Result[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => work(index)));
}

async function releaseAll(world: World, shards: readonly SealedShard[]): Promise<void> {
  await Promise.all(shards.map((shard) => world.manager.release(shard)));
}

describe("at once", () => {
  test("concurrent_access/01: ten shards are sealed, with ten ids, each with its own bytes", async () => {
    await using world = await hundredMib();

    const shards = await rush(10, (index) => world.manager.sealModel(weights(MIB, index)));

    expect(new Set(shards.map(({ shardId }) => shardId)).size).toBe(10);
    expect(new Set(shards.map(({ digest }) => digest)).size).toBe(10);
    expect(await books(world)).toEqual({ charged: 10 * MIB, ours: 10 * MIB, live: 10 });
    const reports = await Promise.all(shards.map((shard) => world.manager.verifySealed(shard)));
    expect(reports.map(({ digest }) => digest)).toEqual(shards.map(({ residency }) => residency.digest));
  });

  test("concurrent_access/02: ten verifications of one shard all pass, each hashing all of it and each recorded", async () => {
    await using world = await hundredMib();
    const shard = await world.manager.sealModel(weights(MIB));

    const reports = await rush(10, () => world.manager.verifySealed(shard));

    expect(reports.map(({ bytesVerified }) => bytesVerified)).toEqual(Array<number>(10).fill(MIB));
    expect(new Set(reports.map(({ auditSeq }) => auditSeq)).size).toBe(10);
    expect(world.control.calls("digest")).toBe(11);
    expect(world.manager.shards()[0]?.state).toBe("sealed");
  });

  test("concurrent_access/03: twenty that seal and verify in a mix all end, and the books agree", async () => {
    await using world = await hundredMib();
    const old = await world.manager.sealModel(weights(MIB), { shardId: "old" });

    const sealed = await rush(20, async (index) => {
      if (index % 2 === 1) return void (await world.manager.verifySealed(old));
      const shard = await world.manager.sealModel(weights(MIB, index), { shardId: `new-${index}` });
      await world.manager.verifySealed(shard);
      return shard;
    });

    const fresh = sealed.flatMap((shard) => (shard === undefined ? [] : [shard]));
    expect(fresh).toHaveLength(10);
    expect(world.events("SealVerified")).toHaveLength(20);
    expect(await books(world)).toEqual({ charged: 11 * MIB, ours: 11 * MIB, live: 11 });
    await releaseAll(world, [old, ...fresh]);
    expect(await books(world)).toEqual(NOTHING);
  });

  test("concurrent_access/04: twenty that ask for the capacity while shards come in all get one that adds up", async () => {
    await using world = await hundredMib();

    const [capacities] = await Promise.all([
      rush(20, () => world.manager.capacity()),
      rush(5, (index) => world.manager.sealModel(weights(MIB, index))),
    ]);

    expect(capacities).toHaveLength(20);
    for (const { totalBytes, usedBytes, availableBytes } of capacities) {
      expect(totalBytes).toBeGreaterThanOrEqual(availableBytes);
      expect(usedBytes + availableBytes).toBe(totalBytes);
    }
  });

  test("concurrent_access/05: twenty that fill the device: twelve fit, eight are short of memory, and the twelve stay valid", async () => {
    await using world = await hundredMib();
    const fill = (index: number): Uint8Array => new Uint8Array(8 * MIB).fill(index + 1);

    const results = await Promise.allSettled(
      Array.from({ length: 20 }, (_, index) => world.manager.sealModel(fill(index))),
    );

    const sealed = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    const refused = results.flatMap((result) => (result.status === "rejected" ? [result.reason.code] : []));
    expect(sealed).toHaveLength(12);
    expect(refused).toEqual(Array<string>(8).fill("ERR_VRAM_INSUFFICIENT"));
    for (const shard of sealed) expect((await world.manager.verifySealed(shard)).coverage).toBe(1);
    await releaseAll(world, sealed);
    expect(world.control.isZero(deviceIndex(0))).toBe(true);
  });
});
