import { describe, expect, test } from "bun:test";
import { computeDigest } from "@vram-residency/crypto";
import { type LoadProgress, loadModel, planModel } from "@vram-residency/loader";
import { type AllocatorOperation, seededRandom } from "@vram-residency/testing";
import { VramError } from "@vram-residency/types";
import { type Bench, codeOf, ggufOf, NOTHING, openBench, putModel, remains } from "./bench.ts";

const NAMES = ["a.safetensors", "b.safetensors", "c.safetensors"];

async function planned(bench: Bench, devices: readonly number[] = [0]): ReturnType<typeof planModel> {
  putModel(bench.files, NAMES);
  return await planModel("/m", { fileSystem: bench.files, devices });
}

describe("loadModel", () => {
  test("seals every file, in the plan's order, on its device, with the content it has", async () => {
    await using bench = await openBench({ devices: 2 });
    const { manager, random, files } = bench;
    const plan = await planned(bench, [0, 1]);
    const model = await loadModel(plan, { manager, random, modelRef: "org/model@v1" });

    expect(model.plan).toBe(plan);
    expect(model.shards.map(({ shardId, gpuDevice, modelRef }) => [shardId, gpuDevice, modelRef])).toEqual([
      ["a", 0, "org/model@v1"],
      ["b", 1, "org/model@v1"],
      ["c", 0, "org/model@v1"],
    ]);
    for (const [index, shard] of model.shards.entries()) {
      expect(shard.digest).toBe(computeDigest(files.get(`/m/${NAMES[index]}`)));
      expect((await manager.verifySealed(shard)).bytesVerified).toBe(plan.shards[index]?.bytes ?? 0);
    }
    expect("modelRef" in ((await loadAgain(bench)).shards[0] ?? {})).toBe(false);
  });

  test("gives all shards of a load one group, and no two loads the same", async () => {
    await using bench = await openBench();
    await loadModel(await planned(bench), { manager: bench.manager, random: bench.random });
    const first = bench.manager.shards().map(({ group }) => group);
    await loadAgain(bench);
    const second = bench.manager.shards().map(({ group }) => group);

    for (const groups of [first, second]) {
      expect(groups.map((group) => [group?.index, group?.total])).toEqual([
        [0, 3],
        [1, 3],
        [2, 3],
      ]);
      expect(new Set(groups.map((group) => group?.id)).size).toBe(1);
      expect(groups[0]?.id).toMatch(/^[0-9a-f]{32}$/);
    }
    expect(first[0]?.id).not.toBe(second[0]?.id);
  });

  test("asks for every payload to be placed on a 256-byte boundary", async () => {
    await using bench = await openBench();
    const plan = await planned(bench);
    await loadModel(plan, { manager: bench.manager, random: bench.random });
    const aligned = bench.allocations.flatMap(({ align }) => (align === undefined ? [] : [align]));

    for (const { payloadOffset } of plan.shards) {
      expect(aligned).toContainEqual({ boundary: 256, offset: payloadOffset });
    }
  });

  test("passes on where the tensors lie, so that damage is named", async () => {
    await using bench = await openBench();
    const { manager, control } = bench;
    const { shards } = await loadModel(await planned(bench), { manager, random: bench.random });
    const [, damaged] = shards;
    if (damaged === undefined) throw new Error("three shards were expected");
    const { stable } = await manager.attestResidency(damaged);
    control.flipBit(control.find(stable.bufferId), damaged.vramBytes - 1, 0);
    const error: unknown = await manager.verifySealed(damaged).catch((cause: unknown) => cause);

    expect(error).toMatchObject({ code: "ERR_INTEGRITY", detail: { mismatches: [{ tensor: "t1" }] } });
  });

  test("reports progress that never goes back and sums up to the model", async () => {
    await using bench = await openBench();
    const plan = await planned(bench);
    const seen: LoadProgress[] = [];
    const onProgress = (progress: LoadProgress): void => void seen.push(progress);
    await loadModel(plan, { manager: bench.manager, random: bench.random, onProgress });
    const done = seen.map(({ modelBytesDone }) => modelBytesDone);

    expect(done).toEqual([...done].sort((a, b) => a - b));
    expect(done.at(-1)).toBe(plan.bytes);
    expect(new Set(seen.map(({ modelBytesTotal }) => modelBytesTotal))).toEqual(new Set([plan.bytes]));
    let before = 0;
    for (const { shardId, bytes } of plan.shards) {
      const own = seen.filter((progress) => progress.shardId === shardId);
      for (const { stage, bytesDone, modelBytesDone } of own) {
        expect(modelBytesDone).toBe(before + (stage === "copy" ? bytesDone : bytes));
      }
      expect(own.some(({ stage }) => stage === "copy")).toBe(true);
      before += bytes;
    }
  });
});

/** Releases everything and loads the same model once more. */
async function loadAgain(bench: Bench): ReturnType<typeof loadModel> {
  const { manager, random } = bench;
  for (const { id } of manager.shards()) {
    const shard = manager.current(id);
    if (shard !== undefined) await manager.release(shard);
  }
  return await loadModel(await planned(bench), { manager, random });
}

describe("a load that fails leaves nothing", () => {
  const error = new VramError("ERR_DRIVER_ALLOCATION", "the driver call failed by script, try again", {
    device: 0,
    driverCode: 2,
    driverName: "SCRIPTED",
  });

  for (const operation of ["allocate", "ingest", "digest", "evidence"] satisfies AllocatorOperation[]) {
    test(`whichever call of ${operation} fails`, async () => {
      let at = 1;
      for (; ; at += 1) {
        await using bench = await openBench({ devices: 2, faults: [{ operation, at, error }] });
        const plan = await planned(bench, [0, 1]);
        const code = await codeOf(loadModel(plan, { manager: bench.manager, random: bench.random }));
        if (bench.allocator.fired().length === 0) {
          expect(code).toBe("resolved");
          break;
        }
        expect([at, code, await remains(bench)]).toEqual([at, "ERR_DRIVER_ALLOCATION", NOTHING]);
      }
      // Each of the three shards was the one that failed.
      expect(at).toBeGreaterThan(3);
    });
  }

  test("when the last shard does not fit", async () => {
    await using bench = await openBench({ capacityBytes: 40_960 });
    const plan = await planned(bench);
    const code = await codeOf(loadModel(plan, { manager: bench.manager, random: bench.random }));

    expect(code).toBe("ERR_VRAM_INSUFFICIENT");
    expect(bench.sink.events.filter(({ type }) => type === "VramSealed").length).toBeGreaterThan(0);
    expect(await remains(bench)).toEqual(NOTHING);
  });

  test("when it is cancelled in the middle", async () => {
    await using bench = await openBench();
    const controller = new AbortController();
    const plan = await planned(bench);
    const loading = loadModel(plan, {
      manager: bench.manager,
      random: bench.random,
      signal: controller.signal,
      onProgress: ({ shardId }) => {
        if (shardId === "b") controller.abort();
      },
    });

    expect(await codeOf(loading)).toBe("ERR_CANCELLED");
    expect(bench.sink.events.filter(({ type }) => type === "VramSealed")).toHaveLength(1);
    expect(await remains(bench)).toEqual(NOTHING);
  });

  test("when it was cancelled before it began", async () => {
    await using bench = await openBench();
    const plan = await planned(bench);
    const signal = AbortSignal.abort();

    expect(await codeOf(loadModel(plan, { manager: bench.manager, random: bench.random, signal }))).toBe(
      "ERR_CANCELLED",
    );
    expect(bench.allocator.calls("allocate")).toBe(0);
  });

  test("when a file grew after the plan was made", async () => {
    await using bench = await openBench();
    const plan = await planned(bench);
    const last = `/m/${NAMES[2]}`;
    bench.files.put(last, new Uint8Array([...bench.files.get(last), 0]));

    expect(await codeOf(loadModel(plan, { manager: bench.manager, random: bench.random }))).toBe(
      "ERR_SOURCE",
    );
    expect(await remains(bench)).toEqual(NOTHING);
  });

  test("and touches no shard that was there before", async () => {
    await using bench = await openBench();
    const { manager, random } = bench;
    const kept = await manager.sealModel(seededRandom(9).bytes(5000), { shardId: "c" });
    const plan = await planned(bench);

    // The third file's id is taken.
    expect(await codeOf(loadModel(plan, { manager, random }))).not.toBe("resolved");
    expect(manager.shards().map(({ id }) => id)).toEqual(["c"]);
    expect((await manager.verifySealed(kept)).bytesVerified).toBe(5000);
  });
});

test("the first failure is reported, even when undoing fails too", async () => {
  const cause = new VramError("ERR_DRIVER_COPY", "the copy failed by script, restart", {
    device: 0,
    driverCode: 1,
    driverName: "COPY",
  });
  const wipe = new VramError("ERR_DRIVER_COPY", "the wipe failed by script, restart", {
    device: 0,
    driverCode: 1,
    driverName: "WIPE",
  });
  const faults = [
    { operation: "ingest" as const, at: 3, error: cause },
    ...[1, 2, 3].map((at) => ({ operation: "wipe" as const, at, error: wipe })),
  ];
  await using bench = await openBench({ faults });
  const plan = await planned(bench);
  const error: unknown = await loadModel(plan, { manager: bench.manager, random: bench.random }).catch(
    (caught: unknown) => caught,
  );

  expect(error).toMatchObject({ code: "ERR_DRIVER_COPY", detail: { driverName: "COPY" } });
  expect(bench.allocator.fired().length).toBeGreaterThan(1);
});

describe("a GGUF model", () => {
  const PARTS = [1, 2, 3].map((number) => `model-0000${number}-of-00003.gguf`);

  test("is planned and sealed like any other, a shard for every part, its data on a 256-byte boundary", async () => {
    await using bench = await openBench();
    const { manager, random, files } = bench;
    for (const [index, name] of PARTS.entries())
      files.put(`/m/${name}`, ggufOf(`t${index}`, 9000, [index, 3]));
    const plan = await planModel(`/m/${PARTS[1]}`, { fileSystem: files });
    const { shards } = await loadModel(plan, { manager, random });

    const aligned = bench.allocations.map(({ align }) => align);

    expect(shards.map(({ shardId }) => shardId)).toEqual(PARTS.map((name) => name.replace(".gguf", "")));
    for (const [index, shard] of shards.entries()) {
      expect(shard.digest).toBe(computeDigest(files.get(`/m/${PARTS[index]}`)));
      expect(aligned).toContainEqual({ boundary: 256, offset: plan.shards[index]?.payloadOffset ?? 0 });
    }
  });
});

describe("a file that is touched while it is loaded is never sealed", () => {
  const PATH = "/m/b.safetensors";
  type Files = Bench["files"];
  const touches: Readonly<Record<string, (files: Files) => Promise<void>>> = {
    swapped: async (files) => {
      files.put("/m/other", files.get(PATH));
      await files.rename("/m/other", PATH);
    },
    removed: (files) => files.remove(PATH),
    truncated: async (files) => {
      await using file = await files.open(PATH, { mode: "read-write" });
      await file.truncate(files.get(PATH).length - 1);
    },
    "appended to": async (files) => {
      await using file = await files.open(PATH, { mode: "append" });
      await file.write(new Uint8Array(1));
    },
    overwritten: async (files) => {
      await using file = await files.open(PATH, { mode: "read-write" });
      await file.write(new Uint8Array([0x5b]), files.get(PATH).length - 1);
    },
  };

  for (const [how, touch] of Object.entries(touches)) {
    test(how, async () => {
      await using bench = await openBench({ capacityBytes: 32 * 1024 * 1024 });
      const { manager, random, files } = bench;
      putModel(files, NAMES, 3_000_000);
      const plan = await planModel("/m", { fileSystem: files });
      let touched: Promise<void> | undefined;
      const onProgress = ({ shardId, stage, bytesDone }: LoadProgress): void => {
        if (shardId === "b" && stage === "copy" && bytesDone > 0) touched ??= touch(files);
      };
      const code = await codeOf(loadModel(plan, { manager, random, onProgress }));
      await touched;

      expect([touched === undefined, code]).toEqual([false, "ERR_SOURCE"]);
      expect(bench.sink.events.filter(({ type }) => type === "VramSealed")).toHaveLength(1);
      expect(await remains(bench)).toEqual(NOTHING);
    });
  }
});
