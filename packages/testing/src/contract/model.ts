import { type AllocationId, byteCount, hasCode } from "@vram-residency/types";
import fc from "fast-check";
import { holds, same, sameBytes } from "./assert.ts";
import { type Bench, FIRST, pattern } from "./bench.ts";

interface Live {
  readonly id: AllocationId;
  /** What it should hold. */
  readonly content: Uint8Array;
  access: "read" | "read-write";
}

/** What the port promises, kept by other means: a list of live allocations and their content. */
interface Model {
  live: readonly Live[];
}

type Command = fc.AsyncCommand<Model, Bench>;

/** Runs random commands on the bench and on the model. Frees everything after each run. */
export async function followsModel(bench: Bench): Promise<void> {
  const bytes = fc.oneof(fc.constantFrom(1, bench.granule), fc.integer({ min: 1, max: 6 * bench.granule }));
  const pick = fc.nat(31);
  const commands = fc.commands<Model, Bench, false>(
    [
      bytes.map(allocateCommand),
      pick.map(freeCommand),
      fc.tuple(pick, fc.nat(), fc.integer()).map(([which, at, seed]) => writeCommand(which, at, seed)),
      pick.map(wipeCommand),
      fc
        .tuple(pick, fc.constantFrom("read" as const, "read-write" as const))
        .map(([which, to]) => protectCommand(which, to)),
    ],
    // Long sequences: what one command leaves behind shows only in a later one.
    { maxCommands: 60, size: "max" },
  );
  const property = fc.asyncProperty(commands, async (sequence) => {
    const model: Model = { live: [] };
    try {
      await fc.asyncModelRun(() => ({ model, real: bench }), sequence);
    } finally {
      for (const { id } of model.live) await bench.allocator.free(id);
    }
  });
  await fc.assert(property, { numRuns: 60 });
}

async function expectSameUse(model: Model, bench: Bench): Promise<void> {
  const expected = model.live.reduce((sum, one) => sum + bench.rounded(one.content.length), 0);
  const { oursBytes, freeBytes, foreignBytes, totalBytes, largestFreeBytes } = await bench.capacity();
  same(oursBytes, expected, "the rounded size of what is live");
  same(freeBytes, totalBytes - foreignBytes - expected, "what is free");
  holds(largestFreeBytes <= freeBytes, "the largest free block is part of what is free");
}

function chosen(model: Model, which: number): Live {
  const one = model.live[which % model.live.length];
  holds(one !== undefined, "the model has something to choose from");
  return one;
}

async function rejectedWith(
  promise: Promise<unknown>,
  code: "ERR_STATE" | "ERR_VRAM_INSUFFICIENT",
): Promise<boolean> {
  try {
    await promise;
    return false;
  } catch (error) {
    holds(hasCode(error, code), `a call that fails says ${code}`);
    return true;
  }
}

function allocateCommand(bytes: number): Command {
  return {
    check: () => true,
    async run(model, bench) {
      const { largestFreeBytes } = await bench.capacity();
      const call = bench.allocate(bytes);
      const failed = await rejectedWith(call, "ERR_VRAM_INSUFFICIENT");
      same(failed, bench.rounded(bytes) > largestFreeBytes, `whether ${bytes} bytes are refused`);
      if (!failed) {
        const fresh: Live = { id: await call, content: new Uint8Array(bytes), access: "read-write" };
        model.live = [...model.live, fresh];
      }
      await expectSameUse(model, bench);
    },
    toString: () => `allocate(${bytes})`,
  };
}

function freeCommand(which: number): Command {
  return {
    check: (model) => model.live.length > 0,
    async run(model, bench) {
      const { id, content } = chosen(model, which);
      await bench.expectContent(id, content, "what is about to be freed");
      model.live = model.live.filter((one) => one.id !== id);
      await bench.allocator.free(id);
      await expectSameUse(model, bench);
    },
    toString: () => `free(#${which})`,
  };
}

function writeCommand(which: number, at: number, seed: number): Command {
  return {
    check: (model) => model.live.length > 0,
    async run(model, bench) {
      const { id, content, access } = chosen(model, which);
      const offset = at % content.length;
      const data = pattern(Math.min(content.length - offset, 5000), seed);
      const failed = await rejectedWith(bench.write(id, offset, data), "ERR_STATE");
      same(failed, access === "read", "whether a write is refused");
      if (!failed) content.set(data, offset);
      const now = await bench.allocator.readBlocks(
        id,
        byteCount(offset, "offset"),
        byteCount(data.length, "bytes"),
      );
      sameBytes(now, content.subarray(offset, offset + data.length), "what was written");
    },
    toString: () => `write(#${which}, ${at}, ${seed})`,
  };
}

function wipeCommand(which: number): Command {
  return {
    check: (model) => model.live.length > 0,
    async run(model, bench) {
      const { id, content, access } = chosen(model, which);
      const failed = await rejectedWith(bench.allocator.wipe(id), "ERR_STATE");
      same(failed, access === "read", "whether a wipe is refused");
      if (!failed) content.fill(0);
      await bench.expectContent(id, content, "what was wiped");
      same(id.device, FIRST, "the device");
    },
    toString: () => `wipe(#${which})`,
  };
}

function protectCommand(which: number, access: "read" | "read-write"): Command {
  return {
    check: (model) => model.live.length > 0,
    async run(model, bench) {
      const one = chosen(model, which);
      await bench.allocator.protect(one.id, access);
      one.access = access;
    },
    toString: () => `protect(#${which}, ${access})`,
  };
}
