/**
 * A start for your own CI, without a GPU: copy it as `vram-ci.test.ts`, and put your code where `loadAndCheck` is.
 *
 * Needs `@vram-residency/allocator-mock`, `@vram-residency/crypto`, `@vram-residency/testing` and `@vram-residency/types`.
 */
import { describe, expect, test } from "bun:test";
import { MockAllocator } from "@vram-residency/allocator-mock";
import { mockControl } from "@vram-residency/allocator-mock/testing";
import { computeDigest } from "@vram-residency/crypto";
import {
  byteFlips,
  describeAllocatorContract,
  seededRandom,
  shardBytes,
  sourceOf,
  withFaults,
} from "@vram-residency/testing";
import { type Allocator, byteCount, deviceIndex, VramError } from "@vram-residency/types";
import { systemTimers } from "@vram-residency/types/node";
import fc from "fast-check";

const DEVICE = deviceIndex(0);

function makeMock(capacityBytes: number, devices: number): MockAllocator {
  return new MockAllocator({ capacityBytes, devices, timers: systemTimers, random: seededRandom(1) });
}

/** Stands for your code: loads bytes, and tells whether they are still what was loaded. */
async function loadAndCheck(allocator: Allocator, content: Uint8Array): Promise<() => Promise<boolean>> {
  const id = await allocator.allocate(DEVICE, byteCount(content.length, "bytes"));
  try {
    const options = { identity: true, residency: "fsverity-sha256" } as const;
    const { residency } = await allocator.ingest(id, sourceOf(content), options);
    return async () => (await allocator.digest(id, { algorithm: "fsverity-sha256" })).digest === residency;
  } catch (error) {
    await allocator.free(id);
    throw error;
  }
}

// An allocator of your own? Give it here instead of the mock.
describeAllocatorContract(
  {
    name: "mock",
    granularity: 4096,
    create: async ({ capacityBytes, devices }) => makeMock(capacityBytes, devices),
    corrupt: async (allocator, id, offset, bit) => mockControl(allocator).flipBit(id, offset, bit),
  },
  { describe, test },
);

describe("your loader", () => {
  test("notices any flipped bit", async () => {
    const cases = shardBytes({ max: 600_000 }).chain((content) =>
      fc.tuple(fc.constant(content), byteFlips(content.length)),
    );
    const property = fc.asyncProperty(cases, async ([content, { offset, bit }]) => {
      await using allocator = makeMock(1 << 20, 1);
      const isIntact = await loadAndCheck(allocator, content);
      expect(await isIntact()).toBe(true);

      mockControl(allocator).flipBit({ device: DEVICE, slot: 0, generation: 1 }, offset, bit);

      expect(await isIntact()).toBe(false);
    });
    await fc.assert(property, { numRuns: 20 });
  });

  test("leaves nothing allocated, whichever driver call fails", async () => {
    const detail = { device: 0, driverCode: 999, driverName: "SCRIPTED" };
    const error = new VramError("ERR_DRIVER_COPY", "the call failed by script", detail);
    for (const operation of ["allocate", "ingest"] as const) {
      await using mock = makeMock(1 << 20, 1);
      const allocator = withFaults(mock, [{ operation, at: 1, error }]);

      await expect(loadAndCheck(allocator, new Uint8Array(10_000))).rejects.toBe(error);

      expect(allocator.fired()).toHaveLength(1);
      expect(mockControl(mock).live()).toBe(0);
    }
  });

  test("says that what it computed is the digest that stock tools print", async () => {
    const content = seededRandom(2).bytes(10_000);
    await using allocator = makeMock(1 << 20, 1);
    const id = await allocator.allocate(DEVICE, byteCount(content.length, "bytes"));

    const report = await allocator.ingest(id, sourceOf(content), {
      identity: true,
      residency: "fsverity-sha256",
    });

    expect(report.identity).toBe(computeDigest(content, "sha256"));
    expect(report.residency).toBe(computeDigest(content, "fsverity-sha256"));
  });
});
