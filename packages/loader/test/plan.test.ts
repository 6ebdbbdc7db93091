import { describe, expect, test } from "bun:test";
import { planModel } from "@vram-residency/loader";
import { memoryFileSystem } from "@vram-residency/testing";
import { shardId } from "@vram-residency/types";
import fc from "fast-check";
import { codeOf, fileOf, ggufOf, putModel } from "./bench.ts";

async function idsOf(names: readonly string[]): Promise<readonly string[]> {
  const fileSystem = memoryFileSystem();
  putModel(fileSystem, names, 1);
  return (await planModel("/m", { fileSystem })).shards.map((shard) => shard.shardId);
}

describe("the plan of a model", () => {
  test("has one shard for every file, whole, with its tensors and where they begin", async () => {
    const fileSystem = memoryFileSystem();
    putModel(fileSystem, ["a.safetensors", "b.safetensors"], 100);
    const plan = await planModel("/m", { fileSystem });
    const sizes = ["a", "b"].map((name) => fileSystem.get(`/m/${name}.safetensors`).length);

    expect(plan.shards.map(({ path }) => path)).toEqual(["/m/a.safetensors", "/m/b.safetensors"]);
    expect(plan.shards.map(({ bytes }) => bytes)).toEqual(sizes);
    expect(plan.bytes).toBe((sizes[0] ?? 0) + (sizes[1] ?? 0));
    for (const { tensors, payloadOffset, bytes } of plan.shards) {
      expect(tensors[0]?.offset).toBe(payloadOffset);
      expect(payloadOffset + (tensors[0]?.bytes ?? 0)).toBe(bytes);
    }
    expect(plan.model.files).toHaveLength(2);
  });

  test("fills the devices in turn, device 0 when none is named", async () => {
    const fileSystem = memoryFileSystem();
    putModel(
      fileSystem,
      ["a", "b", "c", "d", "e"].map((name) => `${name}.safetensors`),
      1,
    );
    const devices = async (list?: readonly number[]): Promise<readonly number[]> => {
      const options = list === undefined ? {} : { devices: list };
      return (await planModel("/m", { fileSystem, ...options })).shards.map(({ gpuDevice }) => gpuDevice);
    };

    expect(await devices()).toEqual([0, 0, 0, 0, 0]);
    expect(await devices([2, 0])).toEqual([2, 0, 2, 0, 2]);
    expect(await devices([3])).toEqual([3, 3, 3, 3, 3]);
  });

  test("refuses an empty list of devices, and what is no device, before any file is read", async () => {
    const fileSystem = memoryFileSystem();
    for (const devices of [[], [-1], [0, 256], [0.5], [Number.NaN], ["0" as unknown as number]]) {
      expect(await codeOf(planModel("/m", { fileSystem, devices }))).toBe("ERR_INPUT_INVALID");
    }
    expect(fileSystem.calls("stat")).toBe(0);
  });

  test("refuses what openModel refuses", async () => {
    const fileSystem = memoryFileSystem();
    expect(await codeOf(planModel("/m", { fileSystem }))).toBe("ERR_SOURCE");
    fileSystem.put("/m/a.safetensors", new Uint8Array(4));
    expect(await codeOf(planModel("/m", { fileSystem }))).toBe("ERR_FORMAT_INVALID");
  });

  test("reads no weights", async () => {
    const fileSystem = memoryFileSystem();
    const file = fileOf("t", 1_000_000);
    fileSystem.put("/m/a.safetensors", file);
    let farthest = 0;
    const plan = await planModel("/m", {
      fileSystem: Object.assign(Object.create(fileSystem) as typeof fileSystem, {
        stat: (path: string) => fileSystem.stat(path),
        list: (path: string) => fileSystem.list(path),
        open: async (path: string) => {
          const handle = await fileSystem.open(path, { mode: "read" });
          const read = handle.read.bind(handle);
          return Object.assign(handle, {
            read: (into: Uint8Array, position: number) => {
              farthest = Math.max(farthest, position + into.length);
              return read(into, position);
            },
          });
        },
      }),
    });

    expect(farthest).toBe(plan.shards[0]?.payloadOffset ?? 0);
  });
});

describe("shard ids", () => {
  test("are the stems of the files' names, with everything that is not allowed replaced", async () => {
    expect(await idsOf(["model-00001-of-00002.safetensors", "weights v1.5 \u00e4.safetensors"])).toEqual([
      "model-00001-of-00002",
      "weights-v1-5--",
    ]);
  });

  test("are a GGUF file's stem, too", async () => {
    const fileSystem = memoryFileSystem();
    fileSystem.put("/m/q4.v2.gguf", ggufOf("t", 100));

    expect((await planModel("/m", { fileSystem })).shards.map(({ shardId: id }) => id)).toEqual(["q4-v2"]);
  });

  test("differ even when a stem looks like another's numbered one", async () => {
    // In order: "a-b-2" is taken by a file of that name when "a.b", the third file, would get it.
    const ids = await idsOf(["a-b-2.safetensors", "a-b.safetensors", "a.b.safetensors"]);

    expect(ids.slice(0, 2)).toEqual(["a-b-2", "a-b"]);
    expect(new Set(ids).size).toBe(3);
  });

  test("are not empty for a file that has only an ending, and not too long for a long name", async () => {
    expect(await idsOf([".safetensors"])).toEqual(["shard"]);
    const [id = ""] = await idsOf([`${"x".repeat(400)}.safetensors`]);
    expect(id).toBe("x".repeat(256));
  });

  test("are valid and unique for any names", async () => {
    const part = fc.constantFrom("a", "b", "-", ".", " ", "1", "2", "3", "\u00e4", "x".repeat(254));
    const name = fc.array(part, { maxLength: 4 }).map((parts) => `${parts.join("")}.safetensors`);
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(name, { minLength: 1, maxLength: 12 }), async (names) => {
        const ids = await idsOf(names);

        expect(new Set(ids).size).toBe(names.length);
        for (const id of ids) expect<string>(shardId(id)).toBe(id);
      }),
    );
  });
});
