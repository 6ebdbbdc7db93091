/** An allocator that does not answer, and a manager that is closed. */
import { describe, expect, test } from "bun:test";
import { type Allocator, hasCode, type SealedShard } from "@vram-residency/types";
import { books, failure, NOTHING, openWorld, refusalOf, type World, weights } from "./world.ts";

const LIMIT_MS = 1000;
const bytes = weights(5000);

function openLimited(wrap?: (allocator: Allocator) => Allocator): Promise<World> {
  return openWorld({ parts: { config: { deadlineMs: LIMIT_MS } }, ...(wrap === undefined ? {} : { wrap }) });
}

function tick(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** Lets time pass until a promise settles. */
async function inTime<Result>(world: World, promise: Promise<Result>): Promise<Result> {
  let settled = false;
  const mark = (): void => {
    settled = true;
  };
  promise.then(mark, mark);
  for (let turn = 0; turn < 100 && !settled; turn++) {
    await tick();
    if (!settled) world.clock.advance(LIMIT_MS);
  }
  if (!settled) throw new Error("still not settled");
  return await promise;
}

describe("a call that hangs", () => {
  test.each(["protect", "wipe", "free"] as const)(
    "in release, at %s, ends in a deadline; the memory is kept, the device degraded",
    async (operation) => {
      const world = await openLimited();
      const shard = await world.manager.sealModel(bytes);
      world.control.script([{ operation, at: 1, fault: "hang" }]);

      const { code, detail } = await inTime(world, failure(world.manager.release(shard)));

      expect(code).toBe("ERR_DEADLINE");
      expect(detail).toEqual({ stage: operation, limit: LIMIT_MS });
      expect(world.manager.shards().map(({ state }) => state)).toEqual(["unwiped"]);
      expect(world.manager.devices().map(({ state }) => state)).toEqual(["degraded"]);
      const { charged, ours } = await books(world);
      expect(charged).toBe(ours);
      expect(charged).toBeGreaterThan(0);
      expect(world.events("VramDeallocated").map(({ wiped }) => wiped)).toEqual([false]);

      // Nothing else is asked of memory that a call may still be writing to.
      const calls = world.control.calls("wipe");
      expect((await failure(world.manager.release(shard))).code).toBe("ERR_DEADLINE");
      expect(world.control.calls("wipe")).toBe(calls);
      expect((await inTime(world, failure(world.manager.close()))).code).toBe("ERR_DEADLINE");
      await world.allocator[Symbol.asyncDispose]();
      expect(world.timers.pending()).toBe(0);
    },
  );

  test.each(["capacity", "evidence", "protect", "wipe", "free", "allocate", "ingest", "digest"] as const)(
    "at %s does not keep close from ending, wherever it is met",
    async (operation) => {
      for (let at = 1; at <= 3; at++) {
        const world = await openLimited();
        world.control.script([{ operation, at, fault: "hang" }]);
        const sealed = await inTime(
          world,
          world.manager.sealModel(bytes).catch((error: unknown) => error),
        );
        if (sealed instanceof Error) expect(hasCode(sealed, "ERR_DEADLINE")).toBe(true);
        else
          await inTime(
            world,
            world.manager.verifySealed(sealed as SealedShard).catch(() => {}),
          );
        await inTime(
          world,
          world.manager.close().catch(() => {}),
        );
        await world.allocator[Symbol.asyncDispose]();
      }
    },
  );

  test("that ends after all lets the memory be wiped and freed", async () => {
    await using world = await openLimited();
    const shard = await world.manager.sealModel(bytes);
    world.control.script([{ operation: "wipe", at: 1, fault: { slowMs: 3 * LIMIT_MS } }]);

    expect((await inTime(world, failure(world.manager.release(shard)))).code).toBe("ERR_DEADLINE");
    world.clock.advance(3 * LIMIT_MS);
    await tick();
    await world.manager.release(shard);

    expect(await books(world)).toEqual(NOTHING);
    expect(world.control.isZero(shard.gpuDevice as never)).toBe(true);
  });

  test("and ignores its signal is abandoned, and what it may still write to is not freed", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const world = await openLimited(
      (allocator) =>
        new Proxy(allocator, {
          get(target, name) {
            const value: unknown = Reflect.get(target, name, target);
            if (name !== "ingest") return typeof value === "function" ? value.bind(target) : value;
            return () => promise.then(() => Promise.reject(new Error("late")));
          },
        }),
    );
    expect((await inTime(world, failure(world.manager.sealModel(bytes)))).code).toBe("ERR_DEADLINE");
    expect(world.manager.shards().map(({ state }) => state)).toEqual(["unwiped"]);
    expect(world.control.live()).toBeGreaterThan(0);

    resolve();
    await tick();
    await world.manager.close();
    expect(world.control.live()).toBe(0);
  });

  test("in allocate frees what it allocates after all", async () => {
    await using world = await openLimited(
      (allocator) =>
        new Proxy(allocator, {
          get(target, name) {
            const value: unknown = Reflect.get(target, name, target);
            if (typeof value !== "function") return value;
            if (name !== "allocate") return value.bind(target);
            return async (device: never, size: never) => {
              await new Promise<void>((done) => void world.timers.after(3 * LIMIT_MS, done));
              return await target.allocate(device, size);
            };
          },
        }),
    );
    expect((await inTime(world, failure(world.manager.sealModel(bytes)))).code).toBe("ERR_DEADLINE");
    world.clock.advance(5 * LIMIT_MS);
    await tick();
    expect(world.control.calls("allocate")).toBe(1);
    expect(await books(world)).toEqual(NOTHING);
  });

  test("in a part that the manager owns does not keep close from ending, nor the other parts from closing", async () => {
    const closed: string[] = [];
    const world = await openWorld({
      parts: {
        config: { deadlineMs: LIMIT_MS },
        owned: [
          { [Symbol.asyncDispose]: async () => void closed.push("first") },
          { [Symbol.asyncDispose]: () => new Promise(() => {}) },
          { [Symbol.asyncDispose]: () => Promise.reject(new Error("no")) },
        ],
      },
    });
    expect((await inTime(world, failure(world.manager.close()))).code).toBe("ERR_BUG");
    expect(closed).toEqual(["first"]);
  });
});

test("without a deadline in the configuration, a call that cannot be cancelled has ten minutes", async () => {
  const world = await openWorld();
  const shard = await world.manager.sealModel(bytes);
  world.control.script([{ operation: "wipe", at: 1, fault: "hang" }]);
  const released = failure(world.manager.release(shard));
  await tick();
  world.clock.advance(599_999);
  await tick();
  expect(world.manager.shards().map(({ state }) => state)).toEqual(["releasing"]);
  world.clock.advance(1);
  expect((await released).code).toBe("ERR_DEADLINE");
  await world.manager.close().catch(() => {});
  await world.allocator[Symbol.asyncDispose]();
});

test("every method of a closed manager refuses, or answers that there is nothing", async () => {
  const world = await openWorld();
  const { manager } = world;
  const shard = await manager.sealModel(bytes);
  await manager.close();
  const calls: readonly (() => Promise<unknown>)[] = [
    () => manager.sealModel(bytes),
    () => manager.verifySealed(shard),
    () => manager.attestResidency(shard),
    () => manager.repair(shard, bytes),
    () => manager.release(shard),
    () => manager.exportFd(shard),
    () => manager.capacity(),
  ];
  for (const call of calls)
    expect(await failure(call())).toMatchObject({ code: "ERR_STATE", detail: { state: "closed" } });
  expect(manager.shards()).toEqual([]);
  expect(manager.current(shard.shardId)).toBeUndefined();
  expect(manager.devices()).toHaveLength(1);
  await manager.close();
  expect(world.control.live()).toBe(0);
  expect(await refusalOf(manager.sealModel(undefined as never))).toBe("ERR_STATE");
});
