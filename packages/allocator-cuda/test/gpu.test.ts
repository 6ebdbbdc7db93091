/** The contract on the GPU of this machine. `bun run test:gpu` requires one; elsewhere its absence is a skip. */
import { openCuda } from "@vram-residency/allocator-cuda";
import { describeAllocatorContract } from "@vram-residency/testing";
import { deviceIndex } from "@vram-residency/types";
import { runnerWhere } from "./runner.ts";

/** What the first device rounds to; undefined where no device answers. @throws Where one is required. */
async function granularityHere(): Promise<number | undefined> {
  try {
    await using cuda = await openCuda();
    return (await cuda.capacity(deviceIndex(0))).granularityBytes;
  } catch (error) {
    if (process.env["VRAM_GPU"] === "required") throw error;
    return undefined;
  }
}

const granularity = await granularityHere();
describeAllocatorContract(
  {
    name: "the GPU of this machine",
    granularity: granularity ?? 2 << 20,
    create: () => openCuda(),
    setsCapacity: false,
    devicesMax: 1,
  },
  runnerWhere(granularity !== undefined),
);
