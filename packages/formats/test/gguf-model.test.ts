import { describe, expect, test } from "bun:test";
import { openModel } from "@vram-residency/formats";
import { type MemoryFileSystem, memoryFileSystem } from "@vram-residency/testing";
import { ggufOf, info, pack, pair, text } from "./gguf-bytes.ts";
import { ruleOf } from "./refused.ts";
import { entry, fileOf } from "./safetensors-bytes.ts";

interface Split {
  readonly no?: number;
  readonly count?: number;
  readonly tensors?: number;
}

/** A file with one tensor, and what it says of the model it is a part of. */
function gguf(name: string, { no, count, tensors }: Split = {}): Uint8Array {
  const pairs = [
    ...(no === undefined ? [] : [pair("split.no", 2, pack([2, no]))]),
    ...(count === undefined ? [] : [pair("split.count", 2, pack([2, count]))]),
    ...(tensors === undefined ? [] : [pair("split.tensors.count", 5, pack([4, tensors]))]),
    pair("general.architecture", 8, text("llama")),
  ];
  return ggufOf({ pairs, infos: [info(name, [8], 0, 0)], data: 32 });
}

function disk(contents: Readonly<Record<string, Uint8Array>>): MemoryFileSystem {
  const made = memoryFileSystem();
  for (const [path, bytes] of Object.entries(contents)) made.put(path, bytes);
  return made;
}

const PARTS = {
  "/m/q-00001-of-00003.gguf": gguf("a", { no: 0, count: 3, tensors: 3 }),
  "/m/q-00002-of-00003.gguf": gguf("b", { no: 1, count: 3, tensors: 3 }),
  "/m/q-00003-of-00003.gguf": gguf("c", { no: 2, count: 3 }),
};
const PART_NAMES = ["q-00001-of-00003.gguf", "q-00002-of-00003.gguf", "q-00003-of-00003.gguf"];

const rule = async (path: string, contents: Readonly<Record<string, Uint8Array>>): Promise<string> =>
  (await ruleOf(openModel(path, disk(contents)))).rule;

describe("openModel reads", () => {
  test("a GGUF file, by its name or, without one, by its first bytes", async () => {
    for (const path of ["/m/a.gguf", "/m/blob", "a.gguf"]) {
      const model = await openModel(path, disk({ [path]: gguf("one") }));

      expect(model).toMatchObject({ format: "gguf", tensorCount: 1 });
      expect(model.files[0]).toMatchObject({ name: path.split("/").at(-1), bytes: model.bytes });
    }
  });

  test("a split model, from its directory and from any of its files, in order", async () => {
    for (const path of ["/m", ...Object.keys(PARTS)]) {
      const model = await openModel(path, disk(PARTS));

      expect(model.files.map(({ name }) => name)).toEqual(PART_NAMES);
      expect(model.tensorCount).toBe(3);
    }
  });

  test("a model that was merged again, or says that it is one file of one", async () => {
    for (const split of [{}, { no: 0, count: 0, tensors: 1 }, { no: 0, count: 1 }]) {
      expect(await rule("/m", { "/m/a.gguf": gguf("a", split) })).toBe("accepted");
    }
  });

  test("the safetensors files of a directory that has both", async () => {
    const both = { "/m/a.safetensors": fileOf("{}"), "/m/a.gguf": gguf("a") };

    expect((await openModel("/m", disk(both))).format).toBe("safetensors");
    expect((await openModel("/m/a.gguf", disk(both))).format).toBe("gguf");
  });
});

describe("a GGUF model is refused", () => {
  test("split, when its files do not say what their names say", async () => {
    const first = "/m/q-00001-of-00003.gguf";
    const wrong: readonly Split[] = [
      {},
      { no: 1, count: 3 },
      { no: 0, count: 2 },
      { no: 0, count: 0 },
      { no: 0 },
      { count: 3 },
      { no: 0, count: 3, tensors: 2 },
      { no: 0, count: 3, tensors: -1 },
    ];
    for (const split of wrong) {
      expect([split, await rule("/m", { ...PARTS, [first]: gguf("a", split) })]).toEqual([split, "split"]);
    }
    for (const split of [{ no: 1, count: 2 }, { no: 0, count: 2 }, { no: 1 }, { tensors: 2 }]) {
      expect([split, await rule("/m", { "/m/a.gguf": gguf("a", split) })]).toEqual([split, "split"]);
    }
    for (const name of ["q-00000-of-00001", "q-00002-of-00001", "q-00001-of-00000"]) {
      expect([name, await rule(`/m/${name}.gguf`, { [`/m/${name}.gguf`]: gguf("a") })]).toEqual([
        name,
        "split",
      ]);
    }
  });

  test("with its missing file's error, when a part is not there", async () => {
    const [[first, bytes] = ["", new Uint8Array(0)]] = Object.entries(PARTS);

    expect(await rule(first, { [first]: bytes })).toBe("source: unreadable");
    expect(await rule("/m", { [first]: bytes })).toBe("source: unreadable");
  });

  test("no-model, when a directory holds several", async () => {
    const several: readonly Readonly<Record<string, Uint8Array>>[] = [
      { "/m/a.gguf": gguf("a"), "/m/b.gguf": gguf("b") },
      { ...PARTS, "/m/mmproj.gguf": gguf("x") },
      { ...PARTS, "/m/q-00001-of-00002.gguf": gguf("x") },
      { ...PARTS, "/m/r-00001-of-00003.gguf": gguf("x") },
      { "/m/a.gguf": gguf("a"), ...PARTS },
    ];
    for (const contents of several) expect(await rule("/m", contents)).toBe("no-model");
  });

  test("duplicate-tensor, over two of its files; file-count, over the limit", async () => {
    const twice = { ...PARTS, "/m/q-00002-of-00003.gguf": gguf("a", { no: 1, count: 3 }) };

    expect(await rule("/m", twice)).toBe("duplicate-tensor");
    expect(await rule("/m/q-00001-of-10001.gguf", { "/m/q-00001-of-10001.gguf": gguf("a") })).toBe(
      "file-count",
    );
  });
});

describe("a Hugging Face cache", () => {
  const ROOT = "/hub/models--org--name";
  const COMMIT = "0123456789abcdef0123456789abcdef01234567";
  const SNAPSHOT = `${ROOT}/snapshots/${COMMIT}`;
  const WEIGHTS = fileOf(`{${entry("one", "F32", [], 0, 4)}}`, 4);
  const INDEX = new TextEncoder().encode('{"weight_map":{"one":"a.safetensors"}}');

  /** One snapshot of one file, as the hub's client writes it. */
  function cache(ref: string | undefined = `${COMMIT}\n`): MemoryFileSystem {
    const files = disk({ [`${ROOT}/blobs/b1ab`]: WEIGHTS, [`${SNAPSHOT}/.keep`]: new Uint8Array(0) });
    if (ref !== undefined) files.put(`${ROOT}/refs/main`, new TextEncoder().encode(ref));
    files.symlink("../../blobs/b1ab", `${SNAPSHOT}/a.safetensors`);
    return files;
  }
  const ruleIn = async (path: string, files: MemoryFileSystem): Promise<string> =>
    (await ruleOf(openModel(path, files))).rule;

  test("is read from the model's folder, the snapshot, or a file, and the blob is what is opened", async () => {
    for (const path of [ROOT, `${ROOT}/`, SNAPSHOT, `${SNAPSHOT}/a.safetensors`]) {
      const { files } = await openModel(path, cache());

      expect(files).toMatchObject([{ name: "a.safetensors", path: `${ROOT}/blobs/b1ab` }]);
    }
  });

  test("is read through an index that is a link, and split GGUF files that are links", async () => {
    const files = cache();
    files.put(`${ROOT}/blobs/1dex`, INDEX);
    files.symlink("../../blobs/1dex", `${SNAPSHOT}/model.safetensors.index.json`);
    expect((await openModel(ROOT, files)).tensorCount).toBe(1);

    const split = disk({ [`${SNAPSHOT}/Q4/.keep`]: new Uint8Array(0) });
    for (const [index, bytes] of Object.values(PARTS).entries()) {
      split.put(`${ROOT}/blobs/${index}`, bytes);
      split.symlink(`../../../blobs/${index}`, `${SNAPSHOT}/Q4/${PART_NAMES[index]}`);
    }
    const model = await openModel(`${SNAPSHOT}/Q4/${PART_NAMES[1]}`, split);
    expect(model.files.map(({ name, path }) => [name, path])).toEqual(
      PART_NAMES.map((name, index) => [name, `${ROOT}/blobs/${index}`]),
    );
  });

  test("without refs/main has one snapshot, or is refused", async () => {
    const files = cache();
    await files.remove(`${ROOT}/refs/main`);
    expect(await ruleIn(ROOT, files)).toBe("accepted");

    files.put(`${ROOT}/snapshots/other/x`, new Uint8Array(0));
    expect(await ruleIn(ROOT, files)).toBe("no-model");
    expect(await ruleIn(SNAPSHOT, files)).toBe("accepted");
  });

  test("is refused with a ref that is no commit", async () => {
    const refs = [
      "",
      "main",
      "../../../etc",
      `${COMMIT}/..`,
      COMMIT.toUpperCase(),
      `${COMMIT}0`,
      " ".repeat(300),
    ];
    for (const ref of refs) expect([ref, await ruleIn(ROOT, cache(ref))]).toEqual([ref, "cache-ref"]);
  });

  test("is refused when a link leaves the model's folder, of whatever file and however the model is named", async () => {
    const outside = ["/elsewhere/w", "/hub/models--org--other/blobs/w", `${ROOT}-2/blobs/w`, "../../../w"];
    for (const target of outside) {
      for (const name of ["b.safetensors", "model.safetensors.index.json", "blob"]) {
        const files = cache();
        const real = target.startsWith("/") ? target : "/hub/w";
        files.put(real, name.endsWith("json") ? INDEX : WEIGHTS);
        files.symlink(target, `${SNAPSHOT}/${name}`);
        for (const path of name === "blob" ? [] : [ROOT, SNAPSHOT]) {
          expect([target, path, await ruleIn(path, files)]).toEqual([target, path, "cache-link"]);
        }
        expect([target, name, await ruleIn(`${SNAPSHOT}/${name}`, files)]).toEqual([
          target,
          name,
          "cache-link",
        ]);
      }
    }
  });

  test("is refused when a link leads nowhere", async () => {
    const files = cache();
    files.symlink("../../blobs/gone", `${SNAPSHOT}/b.safetensors`);
    expect(await ruleIn(ROOT, files)).toBe("source: unreadable");
  });
});
