import { describe, expect, test } from "bun:test";
import { readSafetensorsHeader, SAFETENSORS_HEADER_BYTES_MAX, tensorBytes } from "@vram-residency/formats";
import { ruleOf } from "./refused.ts";
import { entry, fileOf, handleOf } from "./safetensors-bytes.ts";
import { HOSTILE_HEADERS, one } from "./safetensors-hostile.ts";

const read = (
  file: Uint8Array,
  options?: { readonly headerBytesMax?: number },
): ReturnType<typeof readSafetensorsHeader> => readSafetensorsHeader(handleOf(file), file.length, options);

describe("a header is refused by its own rule", () => {
  for (const [rule, headers] of Object.entries(HOSTILE_HEADERS)) {
    test(rule, async () => {
      for (const header of headers) {
        const found = await ruleOf(read(fileOf(header, 4)));
        expect([header.slice(0, 100), found.rule]).toEqual([header.slice(0, 100), rule]);
        expect(Number.isSafeInteger(found.offset)).toBe(true);
      }
    });
  }

  test("header-json, when it is no UTF-8", async () => {
    expect((await ruleOf(read(fileOf(new Uint8Array([0x7b, 0xff, 0x7d]))))).rule).toBe("header-json");
    expect((await ruleOf(read(fileOf(new Uint8Array(16))))).rule).toBe("header-json");
  });

  test("header-length, whatever the length lies about", async () => {
    const file = fileOf(one(), 4);
    const past = BigInt(file.length - 8 + 1);
    for (const length of [0n, 1n, past, 2n ** 31n, 2n ** 32n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n]) {
      expect((await ruleOf(read(fileOf(one(), 4, length)))).rule).toBe("header-length");
    }
    // A length whose low 32 bits alone are right.
    const low = 2n ** 32n + BigInt(one().length);
    expect((await ruleOf(read(fileOf(one(), 4, low)))).rule).toBe("header-length");
  });

  test("header-length, over the limit, before anything is allocated", async () => {
    const file = fileOf(one(), 4);
    const bytes = one().length;
    expect((await ruleOf(read(file, { headerBytesMax: bytes }))).rule).toBe("accepted");
    expect((await ruleOf(read(file, { headerBytesMax: bytes - 1 }))).rule).toBe("header-length");

    const claimed = fileOf("{}", 0, BigInt(SAFETENSORS_HEADER_BYTES_MAX) + 1n);
    expect((await ruleOf(readSafetensorsHeader(handleOf(claimed), 2 ** 40))).rule).toBe("header-length");
  });

  test("too-short, when the file ends before or inside its header", async () => {
    const file = fileOf(one(), 4);
    for (let bytes = 0; bytes < 10; bytes += 1) {
      expect((await ruleOf(read(file.slice(0, bytes)))).rule).toBe("too-short");
    }
    // The file system promised more than it gives.
    for (let bytes = 0; bytes < 8 + one().length; bytes += 1) {
      const found = await ruleOf(readSafetensorsHeader(handleOf(file.slice(0, bytes)), file.length));
      expect(found).toEqual({ rule: "too-short", offset: bytes });
    }
  });

  test("a cut at any byte of the header is too-short or header-length, and at any byte of the data offsets", async () => {
    const header = one();
    const file = fileOf(header, 4);
    for (let bytes = 0; bytes < file.length; bytes += 1) {
      const expected = bytes < 10 ? "too-short" : bytes < 8 + header.length ? "header-length" : "offsets";
      expect((await ruleOf(read(file.slice(0, bytes)))).rule).toBe(expected);
    }
  });

  test("count, when there are more than a million tensors", async () => {
    const parts = Array.from({ length: 1_000_001 }, (_, index) => entry(`t${index}`, "U8", [0], 0, 0));
    const file = fileOf(`{${parts.join()}}`);

    expect((await ruleOf(read(file, { headerBytesMax: file.length }))).rule).toBe("count");
  }, 20_000);
});

describe("a refusal says where", () => {
  test("in bytes from the start of the file", async () => {
    const hole = `{${entry("a", "U8", [1], 0, 1)},${entry("b", "U8", [2], 2, 4)}}`;
    expect(await ruleOf(read(fileOf(hole, 4)))).toEqual({ rule: "hole", offset: 8 + hole.length + 1 });
    const overlap = `{${entry("a", "U8", [3], 0, 3)},${entry("b", "U8", [2], 2, 4)}}`;
    expect(await ruleOf(read(fileOf(overlap, 4)))).toEqual({
      rule: "overlap",
      offset: 8 + overlap.length + 2,
    });
    expect(await ruleOf(read(fileOf("{}", 4)))).toEqual({ rule: "trailing", offset: 10 });
    expect(await ruleOf(read(fileOf('{"a":x}', 4)))).toEqual({ rule: "header-json", offset: 8 + 5 });
    expect(await ruleOf(read(fileOf('{"a":1e3}', 4)))).toEqual({ rule: "number", offset: 8 + 6 });
  });

  test("and never repeats what the file says", async () => {
    const error: unknown = await read(fileOf(one({ dtype: '"sk-secret"' }), 4)).catch((e: unknown) => e);
    expect(String(error)).not.toContain("secret");
    expect(String(error)).toMatch(/^VramError: ERR_FORMAT_INVALID: safetensors: [a-z][^\n]*[^.\n]$/);
  });
});

describe("a header is accepted", () => {
  test("with no tensors and no data", async () => {
    expect(await read(fileOf("{}"))).toMatchObject({ bytes: 10, payloadOffset: 10, tensors: [] });
  });

  test("with spaces behind it, a scalar, empty tensors at both ends, and letters e in its words", async () => {
    const header =
      `{${entry("end", "U8", [0], 4, 4)},${entry("scalar", "F32", [], 0, 4)},` +
      `${entry("start", "F64", [3, 0], 0, 0)},"__metadata__":{"1e3":"-0.5","true":"\\"-1"}}   `;
    const { tensors, payloadOffset, metadata } = await read(fileOf(header, 4));

    expect(tensors.map(({ name, offset }) => [name, offset - payloadOffset])).toEqual([
      ["start", 0],
      ["scalar", 0],
      ["end", 4],
    ]);
    expect([...metadata]).toEqual([
      ["1e3", "-0.5"],
      ["true", '"-1'],
    ]);
  });

  test("with tensors named like parts of a prototype, which stay names", async () => {
    const header = `{${entry("__proto__", "U8", [2], 0, 2)},${entry("constructor", "U8", [2], 2, 4)}}`;
    const { tensors } = await read(fileOf(header, 4));

    expect(tensors.map(({ name }) => name)).toEqual(["__proto__", "constructor"]);
    expect(({} as Record<string, unknown>)["dtype"]).toBeUndefined();
  });

  test("with a name of 1024 characters and 32 dimensions", async () => {
    const shape = Array<number>(32).fill(1);
    const header = `{${entry("x".repeat(1024), "U32", shape, 0, 4)}}`;

    expect((await read(fileOf(header, 4))).tensors[0]?.shape).toEqual(shape);
  });

  test("without reading any of the data", async () => {
    const file = fileOf(one(), 4);
    const touched = { read: handleOf(file.slice(0, 8 + one().length)).read };

    expect((await readSafetensorsHeader(touched, file.length)).tensors).toHaveLength(1);
  });
});

test("tensorBytes gives whole bytes of sub-byte types, and nothing for unknown ones", () => {
  expect(tensorBytes("F4", [2])).toBe(1);
  expect(tensorBytes("F4", [1])).toBeUndefined();
  expect(tensorBytes("F6_E3M2", [4])).toBe(3);
  expect(tensorBytes("BF16", [2, 3])).toBe(12);
  expect(tensorBytes("F32", [])).toBe(4);
  expect(tensorBytes("toString", [1])).toBeUndefined();
});
