import { describe, expect, test } from "bun:test";
import { deviceIndex, type SealedShard } from "@vram-residency/types";
import fc from "fast-check";
import { failure, openWorld, type World, weights } from "./world.ts";

const BLOCK = 4096;
const CAPACITY = 48 * BLOCK;

/** What an independent accountant believes. */
interface Model {
  /** Charged bytes by shard id. */
  readonly charged: Map<string, number>;
  next: number;
}

interface Real {
  readonly world: World;
  readonly shards: Map<string, Held>;
}

interface Held {
  readonly shard: SealedShard;
  readonly content: Uint8Array;
  /** A release failed; only another one is taken now. */
  readonly unwiped?: boolean;
}

type Command = fc.AsyncCommand<Model, Real>;

/** Whole blocks for the bytes, and for 32 bytes a block of leaves when there is more than one block. */
function chargeOf(bytes: number): number {
  const blocks = Math.ceil(bytes / BLOCK);
  return (blocks + (blocks > 1 ? Math.ceil((blocks * 32) / BLOCK) : 0)) * BLOCK;
}

function sum(model: Model): number {
  return [...model.charged.values()].reduce((total, bytes) => total + bytes, 0);
}

/** The manager, the allocator and the model agree, and so do the counts. */
async function assertBooks(model: Model, { world }: Real): Promise<void> {
  const seen = await world.allocator.capacity(deviceIndex(0));
  const capacity = await world.manager.capacity();
  expect(capacity.usedBytes).toBe(sum(model));
  expect(seen.oursBytes as number).toBe(sum(model));
  expect(capacity.availableBytes + capacity.usedBytes).toBe(CAPACITY);
  expect(world.manager.shards()).toHaveLength(model.charged.size);
}

function pick(real: Real, index: number): [string, Held] | undefined {
  const all = [...real.shards];
  return all[index % all.length];
}

const size = fc.oneof(
  fc.integer({ min: 1, max: 10 * BLOCK }),
  fc.constantFrom(1, BLOCK, BLOCK + 1, 40 * BLOCK),
);

const seal = size.map(
  (bytes): Command => ({
    check: () => true,
    async run(model, real) {
      const id = `s${model.next++}`;
      const content = weights(bytes, model.next);
      const charge = chargeOf(bytes);
      const { largestFreeBytes } = await real.world.manager.capacity();
      const sealing = real.world.manager.sealModel(content, { shardId: id });
      if (sum(model) + charge > CAPACITY) {
        expect((await failure(sealing)).code).toBe("ERR_VRAM_INSUFFICIENT");
      } else {
        const sealed = await sealing.catch((error: unknown) => {
          // It fits, but not in one piece.
          expect(largestFreeBytes).toBeLessThan(charge);
          expect(error).toMatchObject({ code: "ERR_VRAM_INSUFFICIENT" });
        });
        if (sealed !== undefined) {
          real.shards.set(id, { shard: sealed, content });
          model.charged.set(id, charge);
        }
      }
      await assertBooks(model, real);
    },
    toString: () => `seal(${bytes})`,
  }),
);

const FAULTS = [
  { operation: "allocate", fault: "out-of-memory" },
  { operation: "ingest", fault: "short-copy" },
  { operation: "ingest", fault: "corrupt-copy" },
  { operation: "ingest", fault: "driver-error" },
  { operation: "digest", fault: "driver-error" },
  { operation: "protect", fault: "driver-error" },
  { operation: "evidence", fault: "driver-error" },
] as const;

const failedSeal = fc.constantFrom(...FAULTS).map(
  ({ operation, fault }): Command => ({
    // A fault needs a call to meet, so the shard must fit for sure.
    check: (model) => sum(model) + chargeOf(2 * BLOCK) <= CAPACITY,
    async run(model, real) {
      const { largestFreeBytes } = await real.world.manager.capacity();
      if (largestFreeBytes < chargeOf(2 * BLOCK)) return;
      real.world.control.script([{ operation, at: 1, fault }]);
      const fired = real.world.control.fired().length;
      await failure(real.world.manager.sealModel(weights(2 * BLOCK)));
      expect(real.world.control.fired()).toHaveLength(fired + 1);
      await assertBooks(model, real);
    },
    toString: () => `failedSeal(${operation}: ${fault})`,
  }),
);

const release = fc.nat().map(
  (index): Command => ({
    check: (model) => model.charged.size > 0,
    async run(model, real) {
      const [id, held] = pick(real, index) ?? [];
      if (id === undefined || held === undefined) return;
      await real.world.manager.release(held.shard);
      real.shards.delete(id);
      model.charged.delete(id);
      await assertBooks(model, real);
    },
    toString: () => `release(${index})`,
  }),
);

const failedRelease = fc.nat().map(
  (index): Command => ({
    check: (model) => model.charged.size > 0,
    async run(model, real) {
      const [id, held] = pick(real, index) ?? [];
      if (id === undefined || held === undefined) return;
      real.shards.set(id, { ...held, unwiped: true });
      real.world.control.script([{ operation: "wipe", at: 1, fault: "wipe-nothing" }]);
      expect((await failure(real.world.manager.release(held.shard))).code).toBe("ERR_INTEGRITY");
      await assertBooks(model, real);
    },
    toString: () => `failedRelease(${index})`,
  }),
);

const damageAndRepair = fc.tuple(fc.nat(), fc.nat()).map(
  ([index, at]): Command => ({
    check: (model) => model.charged.size > 0,
    async run(model, real) {
      const [id, held] = pick(real, index) ?? [];
      if (id === undefined || held === undefined) return;
      if (held.unwiped === true) {
        expect((await failure(real.world.manager.repair(held.shard, held.content))).code).toBe("ERR_STATE");
        return;
      }
      await real.world.flip(held.shard, at % held.content.length, at % 8);
      const shard = await real.world.manager.repair(held.shard, held.content);
      await real.world.manager.verifySealed(shard);
      real.shards.set(id, { ...held, shard });
      await assertBooks(model, real);
    },
    toString: () => `damageAndRepair(${index}, ${at})`,
  }),
);

const rush = fc.array(size, { minLength: 2, maxLength: 6 }).map(
  (sizes): Command => ({
    check: () => true,
    async run(model, real) {
      const entries = sizes.map((bytes) => ({ id: `s${model.next++}`, content: weights(bytes, model.next) }));
      const results = await Promise.allSettled(
        entries.map(({ id, content }) => real.world.manager.sealModel(content, { shardId: id })),
      );
      results.forEach((result, index) => {
        const entry = entries[index];
        if (entry === undefined) return;
        if (result.status === "fulfilled") {
          real.shards.set(entry.id, { shard: result.value, content: entry.content });
          model.charged.set(entry.id, chargeOf(entry.content.length));
        } else expect(result.reason).toMatchObject({ code: "ERR_VRAM_INSUFFICIENT" });
      });
      await assertBooks(model, real);
    },
    toString: () => `rush(${sizes.join(", ")})`,
  }),
);

describe("used bytes", () => {
  test("equal the model's sum and the allocator's own figure after any sequence, with faults", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.commands([seal, seal, failedSeal, release, failedRelease, damageAndRepair, rush], {
          maxCommands: 30,
        }),
        async (commands) => {
          const world = await openWorld({ capacityBytes: CAPACITY });
          try {
            const setup = (): { model: Model; real: Real } => ({
              model: { charged: new Map(), next: 0 },
              real: { world, shards: new Map() },
            });
            await fc.asyncModelRun(setup, commands);
          } finally {
            await world.manager.close();
          }
          expect(world.control.live()).toBe(0);
          expect(world.control.isZero(deviceIndex(0))).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  }, 120_000);
});
