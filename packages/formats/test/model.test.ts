import { describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openModel } from "@vram-residency/formats";
import { type MemoryFileSystem, memoryFileSystem } from "@vram-residency/testing";
import type { FileSystem } from "@vram-residency/types";
import { nodeFileSystem } from "@vram-residency/types/node";
import fc from "fast-check";
import { ruleOf } from "./refused.ts";
import { entry, fileOf, files } from "./safetensors-bytes.ts";

const text = (value: unknown): Uint8Array =>
  new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));

/** A file with one tensor of four bytes. */
const holding = (...names: string[]): Uint8Array => {
  const entries = names.map((name, index) => entry(name, "F32", [], index * 4, index * 4 + 4));
  return fileOf(`{${entries.join()}}`, names.length * 4);
};

function disk(contents: Readonly<Record<string, Uint8Array>>): MemoryFileSystem {
  const made = memoryFileSystem();
  for (const [path, bytes] of Object.entries(contents)) made.put(path, bytes);
  return made;
}

const INDEX = "/m/model.safetensors.index.json";
const SHARDS = {
  "/m/a.safetensors": holding("one", "two"),
  "/m/b.safetensors": holding("three"),
};

/** A model of two files, with this index. */
const indexed = (index: unknown): MemoryFileSystem => disk({ ...SHARDS, [INDEX]: text(index) });
const mapped = (map: Record<string, unknown>): MemoryFileSystem => indexed({ weight_map: map });
const GOOD_MAP = { one: "a.safetensors", two: "a.safetensors", three: "b.safetensors" };

const rule = async (path: string, fileSystem: FileSystem): Promise<string> =>
  (await ruleOf(openModel(path, fileSystem))).rule;

describe("openModel reads", () => {
  test("a single file, wherever it lies, and whatever it is called", async () => {
    for (const path of ["/m/a.safetensors", "/a.safetensors", "a.safetensors", "/m/blob"]) {
      const model = await openModel(path, disk({ [path]: holding("one", "two") }));
      const name = path.split("/").at(-1);

      expect(model.files).toHaveLength(1);
      expect(model).toMatchObject({ format: "safetensors", tensorCount: 2, files: [{ name }] });
      expect(model.bytes).toBe(model.files[0].bytes);
    }
  });

  test("an index, named or found in its directory, and its files by name", async () => {
    for (const path of [INDEX, "/m", "/m/"]) {
      const model = await openModel(path, mapped(GOOD_MAP));

      expect(model.files.map(({ name }) => name)).toEqual(["a.safetensors", "b.safetensors"]);
      expect(model.tensorCount).toBe(3);
      expect(model.bytes).toBe(SHARDS["/m/a.safetensors"].length + SHARDS["/m/b.safetensors"].length);
    }
  });

  test("a directory without an index: every safetensors file in it, and nothing else", async () => {
    const files = disk({ ...SHARDS, "/m/notes.txt": text("x"), "/m/c.safetensors.bak": text("x") });

    expect((await openModel("/m", files)).files.map(({ name }) => name)).toEqual([
      "a.safetensors",
      "b.safetensors",
    ]);
  });

  test("only the files of the index, when there is one", async () => {
    const files = mapped(GOOD_MAP);
    files.put("/m/consolidated.safetensors", holding("one"));

    expect((await openModel("/m", files)).files).toHaveLength(2);
  });

  test("files through symbolic links, as model caches have them", async () => {
    const files = disk({ "/blobs/0f": holding("one") });
    files.put("/m/.keep", text(""));
    files.symlink("/blobs/0f", "/m/a.safetensors");

    expect((await openModel("/m", files)).files[0].name).toBe("a.safetensors");
  });

  test("any generated model back exactly, split over files", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(files(), { minLength: 1, maxLength: 3 }), async (parts) => {
        const all = parts.flatMap(({ tensors }) => tensors.map(({ name }) => name));
        fc.pre(new Set(all).size === all.length);
        const contents = parts.map(({ file }, index) => [`/m/${index}.safetensors`, file] as const);
        const model = await openModel("/m", disk(Object.fromEntries(contents)));

        expect(model.files.map(({ payloadOffset, bytes }) => [payloadOffset, bytes])).toEqual(
          parts.map(({ payloadOffset, file }) => [payloadOffset, file.length]),
        );
        expect(model.files.flatMap(({ tensors }) => tensors.map(({ name }) => name)).sort()).toEqual(
          all.sort(),
        );
      }),
    );
  });
});

describe("an index is refused by its own rule", () => {
  test("index-json", async () => {
    const bad = ["", "[]", "1", "null", "{", "{} {}", '{"weight_map":{},"weight_map":{}}', "\ufeff{}"];
    const maps = [{}, { weight_map: 1 }, { weight_map: null }, { weight_map: [] }, { weight_map: "a" }];
    for (const index of [...bad, ...maps, `{"weight_map":${"[".repeat(9)}${"]".repeat(9)}}`]) {
      expect([index, await rule(INDEX, indexed(index))]).toEqual([index, "index-json"]);
    }
    expect(await rule(INDEX, indexed('{"weight_map":{"a":"a.safetensors","a":"b.safetensors"}}'))).toBe(
      "index-json",
    );
  });

  test("index-json, when it is too large, before it is read", async () => {
    const files = mapped(GOOD_MAP);
    const fileSystem: FileSystem = Object.assign(Object.create(files) as FileSystem, {
      stat: (path: string) => files.stat(path),
      open: async (path: string) => {
        const file = await files.open(path, { mode: "read" });
        const stat = { ...(await file.stat()), bytes: 100_000_001 };
        return Object.assign(file, { stat: () => Promise.resolve(stat) });
      },
    });

    expect(await rule(INDEX, fileSystem)).toBe("index-json");
    expect(files.calls("read")).toBe(0);
  });

  test("index-name: what leaves the directory, is absolute, or is no plain name", async () => {
    const names = [
      "../a.safetensors",
      "x/../../a.safetensors",
      "x/a.safetensors",
      "/m/a.safetensors",
      "..\\a.safetensors",
      "C:\\a.safetensors",
      "C:a.safetensors",
      "a..safetensors",
      "..safetensors",
      ".safetensors",
      ".a.safetensors",
      "-a.safetensors",
      "a.safetensors\n",
      "a\u0000.safetensors",
      "a.safetensors ",
      "a.SAFETENSORS",
      "a.bin",
      "\u0430.safetensors",
      `${"a".repeat(244)}.safetensors`,
      "",
      1,
      null,
      ["a.safetensors"],
    ];
    for (const name of names) {
      expect([name, await rule(INDEX, mapped({ one: name }))]).toEqual([name, "index-name"]);
    }
  });

  test("index-tensor: missing from its file, or in another one", async () => {
    for (const map of [
      { ...GOOD_MAP, four: "b.safetensors" },
      { ...GOOD_MAP, three: "a.safetensors" },
      { ...GOOD_MAP, one: "b.safetensors" },
      { ...GOOD_MAP, __proto__x: "a.safetensors" },
    ]) {
      expect(await rule(INDEX, mapped(map))).toBe("index-tensor");
    }
    const proto = `{"weight_map":{"__proto__":"a.safetensors","one":"a.safetensors"}}`;
    expect(await rule(INDEX, indexed(proto))).toBe("index-tensor");
  });

  test("duplicate-tensor, over two files, with an index and without", async () => {
    const twice = { ...SHARDS, "/m/c.safetensors": holding("three") };
    const map = { ...GOOD_MAP, three: "c.safetensors", two: "b.safetensors" };

    expect(await rule("/m", disk(twice))).toBe("duplicate-tensor");
    expect(await rule("/m", disk({ ...twice, [INDEX]: text({ weight_map: map }) }))).toBe("duplicate-tensor");
  });

  test("no-model: nothing there, an empty index, several indexes", async () => {
    expect(await rule("/m", disk({ "/m/notes.txt": text("") }))).toBe("no-model");
    expect(await rule(INDEX, mapped({}))).toBe("no-model");
    const two = mapped(GOOD_MAP);
    two.put("/m/other.safetensors.index.json", text({ weight_map: GOOD_MAP }));
    expect(await rule("/m", two)).toBe("no-model");
    expect(await rule(INDEX, two)).toBe("accepted");
  });

  test("file-count, in a directory and in an index; nothing is left out silently", async () => {
    const names = Array.from({ length: 10_001 }, (_, index) => `${index}.safetensors`);
    const listing = disk(Object.fromEntries(names.map((name) => [`/m/${name}`, new Uint8Array(0)])));

    expect(await rule("/m", listing)).toBe("file-count");
    expect(await rule(INDEX, mapped(Object.fromEntries(names.map((name) => [name, name]))))).toBe(
      "file-count",
    );
  });

  test("the rule of a file's own format comes through", async () => {
    expect(await rule("/m", disk({ ...SHARDS, "/m/c.safetensors": fileOf("{}", 1) }))).toBe("trailing");
  });
});

describe("ERR_SOURCE", () => {
  test("when something is not there", async () => {
    expect(await rule("/missing", disk({}))).toBe("source: unreadable");
    expect(await rule(INDEX, mapped({ ...GOOD_MAP, one: "gone.safetensors" }))).toBe("source: unreadable");
  });

  test("when a directory stands in place of a file", async () => {
    expect(await rule("/m", disk({ "/m/a.safetensors/x": text("") }))).toBe("source: unreadable");
    expect(await rule("/m", disk({ [`${INDEX}/x`]: text("") }))).toBe("source: unreadable");
  });

  test("when any call fails, and no file is left open", async () => {
    for (const operation of ["stat", "list", "open", "read"] as const) {
      for (let at = 1; ; at += 1) {
        const files = mapped(GOOD_MAP);
        files.fail({ operation, at, code: "EIO" });
        let open = 0;
        const fileSystem: FileSystem = Object.assign(Object.create(files) as FileSystem, {
          stat: (path: string) => files.stat(path),
          list: (path: string) => files.list(path),
          open: async (path: string) => {
            const file = await files.open(path, { mode: "read" });
            open += 1;
            return {
              read: (into: Uint8Array, position: number) => file.read(into, position),
              stat: () => file.stat(),
              [Symbol.asyncDispose]: async () => {
                open -= 1;
              },
            };
          },
        });
        const found = await rule("/m", fileSystem);

        expect(open).toBe(0);
        if (files.fired().length === 0) break;
        expect([operation, at, found]).toEqual([operation, at, "source: unreadable"]);
      }
    }
  });

  test("when the index becomes shorter while it is read", async () => {
    const files = mapped(GOOD_MAP);
    files.fail({ operation: "read", at: 1, shortBytes: 0 });

    expect(await rule(INDEX, files)).toBe("source: truncated");
  });

  test("when a pipe or a directory stands in place of a file on a real file system, without waiting for a writer", async () => {
    const directory = mkdtempSync(join(tmpdir(), "vram-formats-"));
    try {
      const pipe = join(directory, "a.safetensors");
      execFileSync("mkfifo", [pipe]);

      expect(await rule(pipe, nodeFileSystem)).toBe("source: unreadable");
      expect(await rule(directory, nodeFileSystem)).toBe("source: unreadable");
      rmSync(pipe);
      execFileSync("mkdir", [pipe]);
      expect(await rule(directory, nodeFileSystem)).toBe("source: unreadable");
      rmSync(pipe, { recursive: true });
      writeFileSync(pipe, holding("one"));
      expect((await openModel(directory, nodeFileSystem)).tensorCount).toBe(1);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });

  test("and never names a path", async () => {
    const error: unknown = await openModel("/secret-path", disk({})).catch((e: unknown) => e);

    expect(String(error)).not.toContain("secret");
  });
});
