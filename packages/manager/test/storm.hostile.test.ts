/** A thousand calls at once, of every kind, with faults, cancellations, and the end in the middle. */
import { expect, test } from "bun:test";
import { isVramError, type SealedShard } from "@vram-residency/types";
import fc from "fast-check";
import { NOTHING, openWorld, weights } from "./world.ts";

const OPERATIONS = [
  "seal",
  "verify",
  "repair",
  "release",
  "attest",
  "capacity",
  "abort",
  "flip",
  "forge",
] as const;
type Operation = (typeof OPERATIONS)[number];

/** Codes that a caller may see in a storm; anything else, `ERR_BUG` before all, is a fault of ours. */
const EXPECTED = new Set([
  "ERR_BUSY",
  "ERR_CANCELLED",
  "ERR_DRIVER_ALLOCATION",
  "ERR_DRIVER_COPY",
  "ERR_INTEGRITY",
  "ERR_SEAL_VERIFICATION",
  "ERR_STATE",
  "ERR_VRAM_INSUFFICIENT",
]);

interface Plan {
  readonly operations: readonly Operation[];
  /** After how many calls the manager is closed. */
  readonly closeAt: number;
  readonly faults: readonly number[];
}

/** Makes every call without waiting for any, in the order of the plan. @returns The codes that were seen, sorted. */
async function storm({ operations, closeAt, faults }: Plan): Promise<readonly string[]> {
  const unhandled: unknown[] = [];
  const note = (error: unknown): void => void unhandled.push(error);
  process.on("unhandledRejection", note);
  const world = await openWorld({ devices: 2, capacityBytes: 512 * 1024 });
  const { manager, control } = world;
  const shards: SealedShard[] = [];
  for (const gpuDevice of [0, 1]) shards.push(await manager.sealModel(weights(9000), { gpuDevice }));
  control.script(
    faults.map((at) => ({ operation: at % 2 === 0 ? "ingest" : "digest", at, fault: "driver-error" })),
  );

  const codes = new Set<string>();
  const bytes = weights(9000);
  const call = async (operation: Operation, index: number): Promise<void> => {
    const one = shards[index % shards.length];
    if (one === undefined) return;
    switch (operation) {
      case "seal":
        shards.push(await manager.sealModel(weights(1 + ((index * 997) % 20_000)), { gpuDevice: index % 2 }));
        return;
      case "verify":
        return void (await manager.verifySealed(one));
      case "repair":
        shards.push(await manager.repair(one, bytes));
        return;
      case "release":
        return await manager.release(one);
      case "attest":
        return void (await manager.attestResidency(one));
      case "capacity":
        return void (await manager.capacity(index % 2));
      case "abort": {
        const controller = new AbortController();
        const verified = manager.verifySealed(one, { signal: controller.signal });
        controller.abort();
        return void (await verified);
      }
      case "flip":
        return await world.flip(one, index % one.vramBytes, index % 8);
      case "forge":
        return void (await manager.verifySealed({ ...one, digest: "0".repeat(64) }));
    }
  };
  const running = operations.map(async (operation, index) => {
    if (index === closeAt) void manager.close();
    // A few turns apart, so that they overlap in every way.
    for (let turn = 0; turn < index % 7; turn++) await Promise.resolve();
    await call(operation, index).catch((error: unknown) => {
      codes.add(isVramError(error) ? error.code : String(error));
    });
  });
  await Promise.all(running);
  await manager.close();
  await new Promise((resolve) => setTimeout(resolve, 1));
  process.off("unhandledRejection", note);

  expect(unhandled).toEqual([]);
  expect(manager.shards()).toEqual([]);
  expect(control.live()).toBe(0);
  for (const device of [0, 1]) {
    expect(Number((await world.allocator.capacity(device as never)).oursBytes)).toBe(NOTHING.ours);
    expect(control.isZero(device as never)).toBe(true);
  }
  expect(world.timers.pending()).toBe(0);
  return [...codes].sort();
}

test("a thousand mixed calls at once leave nothing behind, also when the manager is closed in their middle", async () => {
  const operations = Array.from(
    { length: 1000 },
    (_, index) => OPERATIONS[(index * 7 + (index >> 3)) % OPERATIONS.length],
  );
  const all = operations.filter((operation) => operation !== undefined);
  for (const closeAt of [-1, 500]) {
    const codes = await storm({ operations: all, closeAt, faults: [3, 4, 11, 20] });

    expect(codes.filter((code) => !EXPECTED.has(code))).toEqual([]);
    // Or it was no storm.
    expect(codes).toContain("ERR_CANCELLED");
    expect(codes).toContain("ERR_SEAL_VERIFICATION");
  }
}, 30_000);

test("any mixture of calls, faults and a close leaves nothing behind", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        operations: fc.array(fc.constantFrom(...OPERATIONS), { minLength: 1, maxLength: 40 }),
        closeAt: fc.integer({ min: -1, max: 40 }),
        faults: fc.uniqueArray(fc.integer({ min: 1, max: 20 }), { maxLength: 4 }),
      }),
      async (plan) => {
        const codes = await storm(plan);
        expect(codes.filter((code) => !EXPECTED.has(code))).toEqual([]);
      },
    ),
    { numRuns: 60 },
  );
}, 30_000);
