import { describe, expect, test } from "bun:test";
import { GGUF_HEADER_BYTES_MAX, readGgufHeader } from "@vram-residency/formats";
import type { FileHandle } from "@vram-residency/types";
import { array, BLOCK_TYPES, ggufOf, headerOf, info, pack, pair, text } from "./gguf-bytes.ts";
import { HOSTILE_GGUF } from "./gguf-hostile.ts";
import { ruleOf } from "./refused.ts";
import { handleOf } from "./safetensors-bytes.ts";

const read = (
  file: Uint8Array,
  options?: { readonly headerBytesMax?: number },
): ReturnType<typeof readGgufHeader> => readGgufHeader(handleOf(file), file.length, options);

/** A file of any length whose bytes behind `head` are zeros, and how far it was read. */
function sparse(head: Uint8Array): {
  readonly handle: Pick<FileHandle, "read">;
  readonly farthest: () => number;
} {
  let farthest = 0;
  const handle = {
    read: (into: Uint8Array, position: number): Promise<number> => {
      farthest = Math.max(farthest, position + into.length);
      into.set(head.subarray(position, position + into.length));
      return Promise.resolve(into.length);
    },
  };
  return { handle, farthest: () => farthest };
}

const GOOD = {
  pairs: [
    pair("general.architecture", 8, text("llama")),
    pair(
      "tokenizer.ggml.tokens",
      9,
      array(
        8,
        ["a", "bc", ""].map((word) => text(word)),
      ),
    ),
    pair("general.name", 8, text("a model")),
  ],
  infos: [info("blk.0.ffn_up.weight", [256, 3], 12, 0), info("scale", [], 0, 448)],
  data: 452,
};

describe("a header is refused by its own rule", () => {
  const rules = [...new Set(HOSTILE_GGUF.map(([rule]) => rule))];

  for (const rule of rules) {
    test(rule, async () => {
      const files = HOSTILE_GGUF.filter(([name]) => name === rule);
      const found = await Promise.all(files.map(async ([, file]) => (await ruleOf(read(file))).rule));

      expect(files.length).toBeGreaterThanOrEqual(5);
      expect(found).toEqual(files.map(() => rule));
    });
  }

  test("header-length, over the limit, before more than the limit is read", async () => {
    const words = pair("a", 8, text("x".repeat(1000)));
    for (const headerBytesMax of [0, 3, 23, 24, 30, 500, 1044]) {
      const file = ggufOf({ pairs: [words] });
      expect([headerBytesMax, (await ruleOf(read(file, { headerBytesMax }))).rule]).toEqual([
        headerBytesMax,
        "header-length",
      ]);
    }
    expect((await ruleOf(read(ggufOf({ pairs: [words] }), { headerBytesMax: 1045 }))).rule).toBe("accepted");
  });

  test("header-length, by default at 64 MiB, whatever a huge file claims, and without reading it", async () => {
    const claims = [
      pack([8, 0], [8, 1], text("a"), [4, 8], [8, 2 ** 40]),
      pack([8, 0], [8, 1], text("a"), [4, 9], [4, 0], [8, 2 ** 40]),
      pack([8, 0], [8, 1], text("a"), [4, 9], [4, 12], [8, 2 ** 37]),
      pack([8, 0], [8, 1], text("a", 2n ** 40n)),
      pack([8, 1], [8, 0], text("a", 2n ** 40n)),
    ];
    for (const claim of claims) {
      const { handle, farthest } = sparse(pack(new TextEncoder().encode("GGUF"), [4, 3], claim));
      const { rule } = await ruleOf(readGgufHeader(handle, 2 ** 45));

      expect(["header-length", "key", "name"]).toContain(rule);
      expect(farthest()).toBeLessThanOrEqual(64 * 1024);
    }
    expect(GGUF_HEADER_BYTES_MAX).toBe(64 * 1024 * 1024);
  });

  test("count, over a million tensors, however large the file is", async () => {
    const head = (tensors: number): Uint8Array =>
      pack(new TextEncoder().encode("GGUF"), [4, 3], [8, tensors], [8, 0]);
    const count = async (tensors: number): Promise<string> => {
      return (await ruleOf(readGgufHeader(sparse(head(tensors)).handle, 2 ** 45))).rule;
    };

    expect(await count(1_000_001)).toBe("count");
    // The first name is empty: its text was reached.
    expect(await count(1_000_000)).toBe("name");
  });

  test("a cut at any byte of the header is refused, and so is a cut in the data", async () => {
    const file = ggufOf(GOOD);
    const headerBytes = headerOf(GOOD).length;
    for (let length = 0; length < file.length; length += 1) {
      const { rule } = await ruleOf(read(file.slice(0, length)));
      const expected =
        length < headerBytes ? ["too-short", "length", "count", "array"] : ["too-short", "offsets"];
      expect([length, expected.includes(rule)]).toEqual([length, true]);
    }
    expect((await ruleOf(read(file))).rule).toBe("accepted");
  });

  test("too-short, when the file ends although its size said otherwise", async () => {
    const file = ggufOf(GOOD);
    for (const length of [0, 10, 100]) {
      expect((await ruleOf(readGgufHeader(handleOf(file.slice(0, length)), file.length))).rule).toBe(
        "too-short",
      );
    }
  });

  test("and the refusal says where, and repeats nothing of the file", async () => {
    const file = ggufOf({ infos: [info("secret-name", [8], 99, 0)], data: 32 });
    const error: unknown = await read(file).catch((e: unknown) => e);

    expect(error).toMatchObject({ detail: { format: "gguf", rule: "dtype", offset: 24 + 8 + 11 + 4 + 8 } });
    expect(String(error)).not.toContain("secret");
  });
});

describe("a header is accepted", () => {
  test("with every type, whose sizes are those of its blocks", async () => {
    for (const [dtype, { id, elements, bytes }] of Object.entries(BLOCK_TYPES)) {
      const data = 3 * bytes;
      const { tensors } = await read(ggufOf({ infos: [info("a", [elements, 3], id, 0)], data }));

      // 24 bytes of counts and 41 of the tensor's info, padded.
      expect(tensors).toEqual([{ name: "a", dtype, shape: [3, elements], bytes: data, offset: 96 }]);
    }
  });

  test("with what it says of itself, and nothing of the rest of its metadata", async () => {
    const { metadata, payloadOffset } = await read(ggufOf(GOOD));

    expect([...metadata]).toEqual([
      ["general.architecture", "llama"],
      ["general.name", "a model"],
    ]);
    expect(payloadOffset % 32).toBe(0);
  });

  test("with nothing in it, padded or not", async () => {
    expect((await read(headerOf({}))).tensors).toEqual([]);
    expect((await read(ggufOf({}))).tensors).toEqual([]);
  });

  test("with empty tensors at both ends and infos in any order", async () => {
    const infos = [
      info("c", [0], 0, 64),
      info("b", [8], 0, 32),
      info("a", [4, 0, 9], 0, 0),
      info("first", [8], 0, 0),
    ];
    const { tensors } = await read(ggufOf({ infos, data: 64 }));

    expect(tensors.map(({ name }) => name)).toEqual(["a", "first", "b", "c"]);
  });

  test("with arrays four levels deep, and the longest names", async () => {
    const deep = array(9, [array(9, [array(9, [array(0, [])])])]);
    const file = ggufOf({
      pairs: [pair("x".repeat(65_535), 9, deep)],
      infos: [info("n".repeat(1024), [8], 0, 0)],
      data: 32,
    });

    expect((await read(file)).tensors).toHaveLength(1);
  });

  test("of any length, read to its end and at most as much again", async () => {
    const words = Array.from({ length: 60_000 }, (_, index) => text(String(index)));
    const file = {
      pairs: [pair("tokenizer.ggml.tokens", 9, array(8, words))],
      infos: [info("a", [2 ** 30], 0, 0)],
    };
    const head = headerOf(file);
    const { handle, farthest } = sparse(head);
    const { payloadOffset } = await readGgufHeader(handle, Math.ceil(head.length / 32) * 32 + 2 ** 32);

    expect(payloadOffset).toBe(Math.ceil(head.length / 32) * 32);
    expect(farthest()).toBeLessThanOrEqual(2 * head.length);
  });
});
