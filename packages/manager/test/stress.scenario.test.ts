import { describe, expect, test } from "bun:test";
import { computeDigest } from "@vram-residency/crypto";
import { deviceIndex, hasCode, type SealedShard } from "@vram-residency/types";
import { books, failure, NOTHING, openWorld, type World, weights } from "./world.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

function hundredMib(): Promise<World> {
  return openWorld({ capacityBytes: 100 * MIB, parts: { config: { storeLeaves: false } } });
}

async function assertAllVerify(world: World, shards: readonly SealedShard[]): Promise<void> {
  for (const shard of shards) {
    expect((await world.manager.verifySealed(shard)).digest).toBe(shard.residency.digest);
  }
}

describe("many shards", () => {
  test("stress_test/01: shards of 1 MiB until the device is full: a hundred stay valid, the next is refused, nothing leaks", async () => {
    await using world = await hundredMib();
    const shards: SealedShard[] = [];
    let last: unknown;
    while (last === undefined) {
      const sealing = world.manager.sealModel(weights(MIB, shards.length));
      await sealing.then(
        (shard) => shards.push(shard),
        (error: unknown) => {
          last = error;
        },
      );
    }

    expect(shards).toHaveLength(100);
    expect(last).toMatchObject({ code: "ERR_VRAM_INSUFFICIENT", detail: { availableBytes: 0 } });
    await assertAllVerify(world, shards);
    for (const shard of shards) await world.manager.release(shard);
    expect(await books(world)).toEqual(NOTHING);
    expect(world.control.isZero(deviceIndex(0))).toBe(true);
  });

  test("stress_test/02: of a hundred sealed in a rush, those that do not fit are short of memory and nothing else", async () => {
    await using world = await hundredMib();

    const results = await Promise.allSettled(
      Array.from({ length: 100 }, (_, index) => world.manager.sealModel(new Uint8Array(2 * MIB).fill(index))),
    );

    const errors = results.flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
    expect(errors).toHaveLength(50);
    expect(errors.every((error) => hasCode(error, "ERR_VRAM_INSUFFICIENT"))).toBe(true);
    expect(await books(world)).toEqual({ charged: 100 * MIB, ours: 100 * MIB, live: 50 });
  });

  test("stress_test/03: 10 MiB are sealed and verify where they fit, and are short of memory where they do not", async () => {
    await using world = await hundredMib();
    const shard = await world.manager.sealModel(weights(10 * MIB));
    await world.manager.sealModel(new Uint8Array(85 * MIB));

    expect((await world.manager.verifySealed(shard)).bytesVerified).toBe(10 * MIB);
    expect((await failure(world.manager.sealModel(weights(10 * MIB)))).code).toBe("ERR_VRAM_INSUFFICIENT");
  });

  test("stress_test/04: a thousand shards of 1 KiB are sealed, samples verify, and the books agree", async () => {
    await using world = await hundredMib();
    const shards: SealedShard[] = [];
    for (let index = 0; index < 1000; index++) {
      shards.push(await world.manager.sealModel(weights(KIB, index)));
    }

    expect(new Set(shards.map(({ shardId }) => shardId)).size).toBe(1000);
    // Each takes a granule of 4 KiB.
    expect(await books(world)).toEqual({ charged: 4000 * KIB, ours: 4000 * KIB, live: 1000 });
    await assertAllVerify(
      world,
      shards.filter((_, index) => index % 37 === 0),
    );
  });

  test("stress_test/05: a thousand verifications of one shard all pass, and each does the same work as the first", async () => {
    await using world = await hundredMib();
    const shard = await world.manager.sealModel(weights(KIB));
    const before = { digest: world.control.calls("digest"), evidence: world.control.calls("evidence") };

    const verified: number[] = [];
    for (let count = 0; count < 1000; count++) {
      verified.push((await world.manager.verifySealed(shard)).bytesVerified);
    }

    expect(verified).toEqual(Array<number>(1000).fill(KIB));
    expect(world.control.calls("digest")).toBe(before.digest + 1000);
    expect(world.control.calls("evidence")).toBe(before.evidence + 1000);
    expect(world.events("SealVerified")).toHaveLength(1000);
    expect(world.timers.pending()).toBe(0);
  });

  test("stress_test/06: a hundred that seal and verify by turns all end, and every shard is still what it was", async () => {
    await using world = await hundredMib();
    const shards: SealedShard[] = [];
    for (let turn = 0; turn < 100; turn++) {
      const previous = shards.at(-1);
      if (turn % 2 === 0 || previous === undefined) {
        shards.push(await world.manager.sealModel(weights(100 * KIB, turn)));
      } else await world.manager.verifySealed(previous);
    }

    expect(shards).toHaveLength(50);
    expect(world.events("SealVerified")).toHaveLength(50);
    await assertAllVerify(world, shards);
  });

  test("stress_test/07: fifty shards, and a capacity that adds up after each", async () => {
    await using world = await hundredMib();

    for (let count = 1; count <= 50; count++) {
      await world.manager.sealModel(weights(100 * KIB, count));
      const { totalBytes, usedBytes, availableBytes } = await world.manager.capacity();
      expect(totalBytes).toBeGreaterThanOrEqual(availableBytes);
      expect(usedBytes).toBe(count * 100 * KIB);
      expect(availableBytes).toBe(totalBytes - usedBytes);
    }
  });

  test("stress_test/08: 1 byte, 1, 10, 100 KiB and 1 MiB are sealed with their sizes, and verify", async () => {
    await using world = await hundredMib();
    const sizes = [1, KIB, 10 * KIB, 100 * KIB, MIB];

    for (const bytes of sizes) {
      const shard = await world.manager.sealModel(weights(bytes));
      expect(shard.vramBytes).toBe(bytes);
      expect((await world.manager.verifySealed(shard)).bytesVerified).toBe(bytes);
    }
  });
});

describe("plain content", () => {
  const ZEROS = new Uint8Array(KIB);
  const ONES = new Uint8Array(KIB).fill(0xff);

  test("stress_test/11: one byte is sealed and verifies", async () => {
    await using world = await hundredMib();

    const shard = await world.manager.sealModel(Uint8Array.of(42));

    expect(shard).toMatchObject({ vramBytes: 1, digest: computeDigest(Uint8Array.of(42)) });
    await assertAllVerify(world, [shard]);
  });

  test("stress_test/12: 1 KiB of zeros has one digest however often it is sealed, and memory that is zero anyway is still hashed", async () => {
    await using world = await hundredMib();
    const [first, second] = [await world.manager.sealModel(ZEROS), await world.manager.sealModel(ZEROS)];

    expect([first.digest, second.digest]).toEqual([computeDigest(ZEROS), computeDigest(ZEROS)]);
    await assertAllVerify(world, [first, second]);
    await world.flip(second, 1023, 0);
    expect((await failure(world.manager.verifySealed(second))).code).toBe("ERR_INTEGRITY");
  });

  test("stress_test/13: 1 KiB of 0xff has one digest however often it is sealed, and not that of zeros", async () => {
    await using world = await hundredMib();
    const [first, second] = [await world.manager.sealModel(ONES), await world.manager.sealModel(ONES)];

    expect([first.digest, second.digest]).toEqual([computeDigest(ONES), computeDigest(ONES)]);
    expect(first.digest).not.toBe(computeDigest(ZEROS));
    expect(first.residency.digest).not.toBe(computeDigest(ZEROS, "fsverity-sha256"));
    await assertAllVerify(world, [first, second]);
  });
});
