import { describe, expect, test } from "bun:test";
import { fitPlan, loadModel, planModel, type ResidencyPlan } from "@vram-residency/loader";
import { isVramError } from "@vram-residency/types";
import fc from "fast-check";
import { codeOf, fileOf, openBench } from "./bench.ts";

const MIB = 1024 * 1024;

/** Sizes around every boundary that rounding can meet. */
const sizes = fc.oneof(
  fc.integer({ min: 1, max: 9000 }),
  fc
    .constantFrom(4096, 8192, 128 * 4096, 256 * 4096)
    .chain((edge) => fc.integer({ min: edge - 80, max: edge + 80 })),
);

describe("what fitPlan says a plan takes", () => {
  test("is exactly what the mock is then charged for, with leaves and without", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(sizes, { minLength: 1, maxLength: 4 }),
        fc.constantFrom(4096, 65_536),
        fc.boolean(),
        async (list, granularityBytes, storeLeaves) => {
          await using bench = await openBench({
            devices: 2,
            capacityBytes: 16 * MIB,
            granularityBytes,
            config: { storeLeaves },
          });
          for (const [index, bytes] of list.entries())
            bench.files.put(`/m/${index}.safetensors`, fileOf(`t${index}`, bytes));
          const plan = await planModel("/m", { fileSystem: bench.files, devices: [0, 1] });
          const rooms = [0, 1].map((gpuDevice) => ({
            gpuDevice,
            availableBytes: 16 * MIB,
            granularityBytes,
          }));
          const said = fitPlan(plan, rooms, { storeLeaves });
          await loadModel(plan, bench);

          for (const { gpuDevice, neededBytes, fits } of said) {
            expect(fits).toBe(true);
            expect((await bench.manager.capacity(gpuDevice)).usedBytes).toBe(neededBytes);
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  test("fits a device of exactly that size, and not one a granule smaller: the mock agrees", async () => {
    const [need] = fitPlan(await planOf([200_000, 5000]), [room(0)]);
    const bytes = need?.neededBytes ?? 0;
    for (const [capacityBytes, outcome] of [
      [bytes, "resolved"],
      [bytes - 4096, "ERR_VRAM_INSUFFICIENT"],
    ] as const) {
      await using bench = await openBench({ capacityBytes });
      const plan = await planOf([200_000, 5000], bench);
      const [fit] = fitPlan(plan, [room(0, capacityBytes)]);

      expect(fit?.fits).toBe(outcome === "resolved");
      expect(await codeOf(loadModel(plan, bench))).toBe(outcome);
    }
  });

  test("adds 0.78 % for the leaves of a large file, and nothing for one of a single block", async () => {
    const [large] = fitPlan(planFor(10 * 2 ** 30), [room(0)]);
    const [small] = fitPlan(planFor(4096), [room(0)]);

    expect((large?.leavesBytes ?? 0) / (large?.shardBytes ?? 1)).toBe(32 / 4096);
    expect([small?.leavesBytes, small?.neededBytes]).toEqual([0, 4096]);
  });

  test("is nothing for a device without shards", async () => {
    expect(fitPlan(await planOf([100]), [room(0), room(7)])[1]).toEqual({
      gpuDevice: 7,
      shards: 0,
      shardBytes: 0,
      leavesBytes: 0,
      neededBytes: 0,
      availableBytes: 0,
      fits: true,
    });
  });

  test("is refused for a device twice, a missing one, and sizes that are none", () => {
    for (const rooms of [
      [],
      [room(1)],
      [room(0), room(0)],
      [room(0, -1)],
      [room(0, 0.5)],
      [{ ...room(0), granularityBytes: 2048 }],
      [{ ...room(0), granularityBytes: 12_288 }],
    ]) {
      expect(caught(() => fitPlan(planFor(1), rooms))).toBe("ERR_INPUT_INVALID");
    }
  });
});

function room(
  gpuDevice: number,
  availableBytes = 0,
): { gpuDevice: number; availableBytes: number; granularityBytes: number } {
  return { gpuDevice, availableBytes, granularityBytes: 4096 };
}

async function planOf(
  list: readonly number[],
  bench?: Awaited<ReturnType<typeof openBench>>,
): Promise<ResidencyPlan> {
  await using own = bench === undefined ? await openBench() : undefined;
  const files = bench?.files ?? own?.files;
  if (files === undefined) throw new Error("a bench was expected");
  for (const [index, bytes] of list.entries())
    files.put(`/m/${index}.safetensors`, fileOf(`t${index}`, bytes));
  return await planModel("/m", { fileSystem: files });
}

/** A plan of one file of this size, of which nothing else is known. */
function planFor(bytes: number): ResidencyPlan {
  const file = { name: "a.safetensors", path: "/a", bytes, payloadOffset: 0, tensors: [] };
  return {
    model: { format: "safetensors", files: [file], bytes, tensorCount: 0 },
    shards: [{ shardId: "a", path: "/a", bytes, payloadOffset: 0, tensors: [], gpuDevice: 0 }],
    bytes,
  };
}

function caught(body: () => unknown): string {
  try {
    body();
  } catch (error) {
    if (isVramError(error)) return error.code;
    throw error;
  }
  return "returned";
}
