import { describe, expect, test } from "bun:test";
import { seededRandom } from "@vram-residency/testing";
import { hasCode, type Mismatch } from "@vram-residency/types";
import { failure, openWorld, weights } from "./world.ts";

const BLOCK = 4096;
const GROUP = 128 * BLOCK;
const FLIPS = 10_000;

/** Sizes around every boundary of the tree: block, group, two levels, and three levels. */
const SIZES: readonly (readonly [bytes: number, share: number])[] = [
  [1, 0.04],
  [BLOCK - 1, 0.1],
  [BLOCK, 0.1],
  [BLOCK + 1, 0.12],
  [5 * BLOCK + 123, 0.25],
  [100_000, 0.25],
  [GROUP - 1, 0.03],
  [GROUP, 0.03],
  [GROUP + 1, 0.03],
  [3 * GROUP + 4097, 0.0488],
  [128 * GROUP + 5000, 0.0012],
];

function integer(random: ReturnType<typeof seededRandom>, below: number): number {
  return new DataView(random.bytes(4).buffer).getUint32(0) % below;
}

/** Where a flip goes: mostly anywhere, often the last byte, the first one, or the last block. */
function place(random: ReturnType<typeof seededRandom>, bytes: number): number {
  switch (integer(random, 8)) {
    case 0:
      return bytes - 1;
    case 1:
      return 0;
    case 2:
      return bytes - 1 - integer(random, Math.min(bytes, BLOCK));
    default:
      return integer(random, bytes);
  }
}

describe("one flipped bit", () => {
  test(`is found and placed right, ${FLIPS} times`, async () => {
    const random = seededRandom(Number(process.env["FC_SEED"] ?? 20_261_122));
    let found = 0;
    for (const [bytes, share] of SIZES) {
      await using world = await openWorld({ capacityBytes: 2 * bytes + (1 << 20) });
      const content = weights(bytes, bytes);
      let shard = await world.manager.sealModel(content);
      for (let count = Math.round(FLIPS * share); count > 0; count--) {
        const byte = place(random, bytes);
        await world.flip(shard, byte, integer(random, 8));

        const error = await failure(world.manager.verifySealed(shard));
        const mismatches: readonly Mismatch[] = hasCode(error, "ERR_INTEGRITY")
          ? error.detail.mismatches
          : [];
        const offset = byte - (byte % BLOCK);
        expect(mismatches).toEqual([{ offset, bytes: Math.min(BLOCK, bytes - offset), tensors: [] }]);

        shard = await world.manager.repair(shard, content);
        found++;
      }
      await world.manager.verifySealed(shard);
    }
    expect(found).toBe(FLIPS);
  }, 120_000);

  test("several flips are all named, in order, and repaired together", async () => {
    await using world = await openWorld();
    const content = weights(4 * GROUP + 77);
    const shard = await world.manager.sealModel(content);
    const bytes = [3, BLOCK + 1, BLOCK + 2, GROUP + 5, 3 * GROUP + 4 * BLOCK, 4 * GROUP + 76];
    for (const byte of bytes) await world.flip(shard, byte, 1);

    const error = await failure(world.manager.verifySealed(shard));
    const repaired = await world.manager.repair(shard, content);

    const offsets = hasCode(error, "ERR_INTEGRITY")
      ? error.detail.mismatches.map(({ offset }) => offset)
      : [];
    expect(offsets).toEqual([0, BLOCK, GROUP, 3 * GROUP + 4 * BLOCK, 4 * GROUP]);
    expect(world.events("ShardRepaired")[0]).toMatchObject({ blocks: 5 });
    await world.manager.verifySealed(repaired);
  });

  test("names 64 blocks at most and counts the rest", async () => {
    await using world = await openWorld();
    const shard = await world.manager.sealModel(weights(100 * BLOCK));
    for (let block = 0; block < 100; block++) await world.flip(shard, block * BLOCK, 0);

    const error = await failure(world.manager.verifySealed(shard));

    expect(hasCode(error, "ERR_INTEGRITY") && [error.detail.mismatches.length, error.detail.more]).toEqual([
      64, 36,
    ]);
  });

  test("of the stored leaves is noticed before they are believed, and mended by the next repair", async () => {
    await using world = await openWorld();
    const content = weights(GROUP + 5000);
    const shard = await world.manager.sealModel(content);
    const leaves = await leavesOf(world, shard.shardId);
    world.control.flipBit(leaves, 40, 2);
    await world.flip(shard, 5000, 0);

    const error = await failure(world.manager.verifySealed(shard));
    const repaired = await world.manager.repair(shard, content);
    await world.flip(repaired, 5000, 0);
    const again = await failure(world.manager.verifySealed(repaired));

    expect(error.detail).toMatchObject({ mismatches: [{ offset: 0, bytes: GROUP }] });
    expect(again.detail).toMatchObject({ mismatches: [{ offset: BLOCK, bytes: BLOCK }] });
  });
});

/** The second allocation of a shard. The mock numbers buffer and block of each allocation in turn. */
async function leavesOf(world: Awaited<ReturnType<typeof openWorld>>, shardId: string) {
  const shard = world.manager.current(shardId);
  if (shard === undefined) throw new Error("no such shard");
  const { stable } = await world.manager.attestResidency(shard);
  return world.control.find(String(Number(stable.bufferId) + 2));
}
