import { describe, expect, test } from "bun:test";
import { type CallFault, type FaultyAllocator, withFaults } from "@vram-residency/testing";
import { deviceIndex, isVramError, type SealedShard, VramError } from "@vram-residency/types";
import { openWorld, type World, weights } from "./world.ts";

const CONTENT = weights(700_000);

/** What came of one act of the story. */
interface Outcome {
  readonly act: string;
  readonly code: string;
}

/**
 * The main job with every act tried, whatever the ones before came to. Never ends early, so that a fault in the middle is
 * met by everything that follows.
 */
async function story(world: World): Promise<Outcome[]> {
  const { manager } = world;
  const outcomes: Outcome[] = [];
  const attempt = async <Result>(act: string, work: () => Promise<Result>): Promise<Result | undefined> => {
    try {
      const result = await work();
      outcomes.push({ act, code: "ok" });
      return result;
    } catch (error) {
      outcomes.push({ act, code: isVramError(error) ? error.code : `uncoded: ${String(error)}` });
      return undefined;
    }
  };
  let shard: SealedShard | undefined = await attempt("seal", () =>
    manager.sealModel(CONTENT, { shardId: "a" }),
  );
  if (shard !== undefined) {
    const sealed = shard;
    await attempt("verify", () => manager.verifySealed(sealed));
    damage(world);
    await attempt("verify-damaged", () => manager.verifySealed(sealed));
    shard = (await attempt("repair", () => manager.repair(sealed, CONTENT))) ?? sealed;
    const live = shard;
    await attempt("verify-repaired", () => manager.verifySealed(live));
    await attempt("release", () => manager.release(live));
  }
  await attempt("seal-next", () => manager.sealModel(CONTENT, { shardId: "b" }));
  return outcomes;
}

/** Flips a bit of the first allocation, if there is one, behind every port. */
function damage(world: World): void {
  world.control.flipBit(world.control.find("1"), 300_000, 4);
}

/** What must hold after everything, faults or none. */
async function assertClean(world: World): Promise<void> {
  await world.manager.close().catch(() => {});
  expect(world.control.live()).toBe(0);
  expect(world.control.isZero(deviceIndex(0))).toBe(true);
  expect((await world.allocator.capacity(deviceIndex(0))).oursBytes as number).toBe(0);
}

function assertHonest(world: World, outcomes: readonly Outcome[]): void {
  for (const { act, code } of outcomes) {
    expect(code, act).not.toStartWith("uncoded");
    // Nothing may vouch for damaged content.
    if (act === "verify-damaged") expect(code).not.toBe("ok");
  }
  const ok = (act: string): boolean =>
    outcomes.some((outcome) => outcome.act === act && outcome.code === "ok");
  const records = world.sink.events.map(({ type }) => type);
  const sealed = world.events("VramSealed").map(({ shardId }) => shardId);
  if (ok("seal")) expect(sealed).toContain("a");
  if (ok("seal-next")) expect(sealed).toContain("b");
  const verified = ["verify", "verify-repaired"].filter(ok).length;
  expect(records.filter((type) => type === "SealVerified").length).toBeGreaterThanOrEqual(verified);
  if (ok("repair")) expect(records).toContain("ShardRepaired");
}

async function faultyWorld(script: readonly CallFault[]): Promise<{ world: World; faulty: FaultyAllocator }> {
  let faulty: FaultyAllocator | undefined;
  const world = await openWorld({
    wrap: (allocator) => {
      faulty = withFaults(allocator, script);
      return faulty;
    },
  });
  if (faulty === undefined) throw new Error("not wrapped");
  return { world, faulty };
}

const COPY_FAILED = new VramError("ERR_DRIVER_COPY", "injected", {
  device: 0,
  driverCode: 719,
  driverName: "injected",
});
const LOST = new VramError("ERR_DEVICE_LOST", "injected", {
  device: 0,
  driverCode: 999,
  restartNeeded: true,
});

const clean = await faultyWorld([]);
const opening = clean.faulty.calls();
const cleanOutcomes = await story(clean.world);
const CALLS = clean.faulty.calls();
const RECORDS = clean.world.sink.calls();
await clean.world.manager.close();

test("the clean story goes as it should", () => {
  expect(cleanOutcomes).toEqual([
    { act: "seal", code: "ok" },
    { act: "verify", code: "ok" },
    { act: "verify-damaged", code: "ERR_INTEGRITY" },
    { act: "repair", code: "ok" },
    { act: "verify-repaired", code: "ok" },
    { act: "release", code: "ok" },
    { act: "seal-next", code: "ok" },
  ]);
  expect(CALLS).toBeGreaterThan(50);
  expect(RECORDS).toBeGreaterThan(8);
});

describe(`each of the ${CALLS} allocator calls of the story fails in turn`, () => {
  for (const when of ["before", "after"] as const) {
    test(`${when} it takes effect: no leak, nothing wrong vouched for, every error coded`, async () => {
      for (let at = opening + 1; at <= CALLS; at++) {
        const { world, faulty } = await faultyWorld([{ operation: "any", at, error: COPY_FAILED, when }]);
        const outcomes = await story(world);
        assertHonest(world, outcomes);
        const books = await world.manager.capacity();
        // An allocation whose id was lost on the way is the one thing a manager cannot know of.
        const idLost = when === "after" && world.control.live() > liveOf(world);
        if (!idLost) {
          const { oursBytes } = await world.allocator.capacity(deviceIndex(0));
          // A free that took effect and did not say so stays charged until the next try: too much, never too little.
          if (when === "before") expect(books.usedBytes).toBe(oursBytes);
          else expect(books.usedBytes).toBeGreaterThanOrEqual(oursBytes);
          await assertClean(world);
        } else await world.manager.close();
        expect(faulty.fired()).toHaveLength(1);
      }
    }, 60_000);
  }

  test("with the loss of the device: no ok after it, nothing charged any more", async () => {
    for (let at = opening + 1; at <= CALLS; at++) {
      const { world, faulty } = await faultyWorld([{ operation: "any", at, error: LOST }]);
      const outcomes = await story(world);
      expect(faulty.fired()).toHaveLength(1);
      assertHonest(world, outcomes);
      const first = outcomes.findIndex(({ code }) => code === "ERR_DEVICE_LOST");
      expect(first).toBeGreaterThanOrEqual(0);
      for (const { act, code } of outcomes.slice(first)) {
        // Releasing a lost shard only takes it off the books.
        if (act !== "release") expect(code, act).toBe("ERR_DEVICE_LOST");
      }
      expect(world.manager.devices()[0]?.state).toBe("lost");
      expect(world.manager.shards().every(({ state }) => state === "lost")).toBe(true);
      await world.manager.close();
    }
  }, 60_000);
});

/** Allocations that the manager's table accounts for: two a shard. */
function liveOf(world: World): number {
  return 2 * world.manager.shards().length;
}

describe(`the log goes wrong at each of the ${RECORDS} records of the story in turn`, () => {
  for (const fault of ["fails", "hangs", "closes"] as const) {
    test(`${fault}: nothing is returned without its record, nothing leaks`, async () => {
      for (let at = 1; at < RECORDS; at++) {
        const world = await openWorld();
        if (fault === "fails") world.sink.failAt(at);
        if (fault === "hangs") world.sink.hangAt(at);
        if (fault === "closes") world.sink.closeAt(at);
        const outcomes = await whileTimeRuns(world, story(world));
        assertHonest(world, outcomes);
        expect(outcomes.some(({ code }) => code === "ERR_AUDIT_UNAVAILABLE")).toBe(true);
        const { usedBytes } = await world.manager.capacity();
        expect(usedBytes).toBe((await world.allocator.capacity(deviceIndex(0))).oursBytes);
        await whileTimeRuns(world, assertClean(world));
      }
    }, 60_000);
  }
});

/** Lets deadlines pass until the work is done. */
async function whileTimeRuns<Result>(world: World, work: Promise<Result>): Promise<Result> {
  let done = false;
  const ended = work.finally(() => {
    done = true;
  });
  while (!done) {
    await world.timers.runAll();
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  return await ended;
}
