import { describe, expect, test } from "bun:test";
import { parseModelRef, parseModelSize } from "@vram-residency/validation";
import { refusalOf } from "./refused.ts";

describe("parseModelRef", () => {
  test("accepts names as hubs write them", () => {
    for (const ref of ["m", "org/model", "hf:org/model@v1.0+cuda:part-2", "x".repeat(512), "a./b"]) {
      expect<string>(parseModelRef(ref)).toBe(ref);
    }
  });

  const refused: readonly [unknown, string][] = [
    ["", "expected 1 to 512 bytes of A-Z, a-z, 0-9 and . _ / : @ + -"],
    ["x".repeat(513), "expected 1 to 512 bytes of A-Z, a-z, 0-9 and . _ / : @ + -"],
    ["a b", "expected 1 to 512 bytes of A-Z, a-z, 0-9 and . _ / : @ + -"],
    ["a\n", "expected 1 to 512 bytes of A-Z, a-z, 0-9 and . _ / : @ + -"],
    [["a"], "expected 1 to 512 bytes of A-Z, a-z, 0-9 and . _ / : @ + -"],
    ["a/../b", 'expected a name without ".."'],
    ["..", 'expected a name without ".."'],
    ["/etc/passwd", 'expected a name that does not start with "/" or "-"'],
    ["-rf", 'expected a name that does not start with "/" or "-"'],
  ];
  for (const [input, reason] of refused) {
    test(`refuses ${JSON.stringify(input).slice(0, 20)}: ${reason}`, () => {
      expect(refusalOf(() => parseModelRef(input))).toBe(`ERR_INPUT_INVALID modelRef: ${reason}`);
    });
  }

  test("names the field it was told", () => {
    expect(refusalOf(() => parseModelRef(7, "model.ref"))).toStartWith("ERR_INPUT_INVALID model.ref: ");
  });
});

describe("parseModelSize", () => {
  const limits = { maxModelBytes: 100 };

  test("accepts sizes up to the limit", () => {
    expect<number>(parseModelSize(1, limits)).toBe(1);
    expect<number>(parseModelSize(100, limits)).toBe(100);
  });

  test("refuses an empty shard", () => {
    expect(refusalOf(() => parseModelSize(0, limits))).toBe(
      "ERR_INPUT_INVALID bytes: expected an integer from 1 to 9007199254740991",
    );
  });

  test("refuses what is no size", () => {
    for (const bytes of [-1, 1.5, "7", null, undefined, Number.NaN, 2 ** 53, 7n]) {
      expect(refusalOf(() => parseModelSize(bytes, limits))).toMatch(
        /^ERR_INPUT_INVALID bytes: expected an integer from [01] to /,
      );
    }
  });

  test("says by how much the limit is passed, and how to raise it", () => {
    expect(refusalOf(() => parseModelSize(101, limits))).toBe(
      "ERR_SOURCE ERR_SOURCE: the shard has 101 bytes, 1 over maxModelBytes (100): raise maxModelBytes, or split the shard",
    );
  });

  test("refuses under a limit that is no number", () => {
    expect(() => parseModelSize(1, { maxModelBytes: Number.NaN })).toThrow("ERR_SOURCE");
  });
});
