import { describe, expect, test } from "bun:test";
import { canonicalJson, parseStrictJson, utf8 } from "@vram-residency/crypto";
import type { JsonValue } from "@vram-residency/types";
import { expectError } from "./errors.ts";

const OPTIONS = { format: "test", maxBytes: 10_000 };

function parse(input: string | Uint8Array): JsonValue {
  return parseStrictJson(input, OPTIONS);
}

describe("what strict JSON refuses, and where", () => {
  test.each<[string, string, number]>([
    ["", "end", 0],
    ["  ", "end", 2],
    ['{"a":1', "end", 6],
    ['{"a"', "end", 4],
    ['{"a":', "end", 5],
    ["[1,", "end", 3],
    ['"abc', "end", 4],
    ['"abc\\', "end", 4],
    ['{"a":1}}', "trailing-data", 7],
    ["1 2", "trailing-data", 2],
    ["{}\u0000", "trailing-data", 2],
    ["[1,]", "syntax", 3],
    ["[,1]", "syntax", 1],
    ['{"a":1,}', "syntax", 7],
    ["{a:1}", "syntax", 1],
    ["{'a':1}", "syntax", 1],
    ['{"a" 1}', "number", 5],
    ['{"a"x1}', "syntax", 4],
    ["{1:2}", "number", 1],
    ["[1 2]", "number", 3],
    ["[1}", "syntax", 2],
    ["tru", "syntax", 0],
    ["nul", "syntax", 0],
    ["NaN", "syntax", 0],
    ["Infinity", "syntax", 0],
    ["/* */1", "syntax", 0],
    ["\u00a01", "syntax", 0],
    ["\u20281", "syntax", 0],
    ["01", "number", 0],
    ["-", "number", 0],
    ["+1", "number", 0],
    [".5", "number", 0],
    ["1.", "number", 0],
    ["1e", "number", 0],
    ["1e+", "number", 0],
    ["-Infinity", "number", 0],
    ["00", "number", 0],
    ["1.5.5", "number", 0],
    ["1e999", "number-range", 0],
    ["9007199254740992", "number-range", 0],
    ["-9007199254740992", "number-range", 0],
    ["[1e300]", "number-range", 1],
    ['{"a":1,"a":1}', "duplicate-name", 7],
    ['{"a":1,"\\u0061":1}', "duplicate-name", 7],
    ['[{"b":{"__proto__":1,"__proto__":2}}]', "duplicate-name", 21],
    ['"\u0001"', "control-character", 1],
    ['"a\nb"', "control-character", 2],
    ['"\\x41"', "escape", 1],
    ['"\\u12"', "escape", 1],
    ['"\\u12g4"', "escape", 1],
    ['"\\u+123"', "escape", 1],
    ['"\\ud800"', "lone-surrogate", 0],
    ['"\\udc00\\ud800"', "lone-surrogate", 0],
    ['{"\\ud800":1}', "lone-surrogate", 1],
    ['"\ud800"', "lone-surrogate", 0],
    ["\ufeff1", "bom", 0],
  ])("%p: %s at %d", (text, rule, offset) => {
    expectError(() => parse(text), "ERR_FORMAT_INVALID", { format: "test", rule, offset });
  });

  test.each([
    [[0xff], "utf8"],
    [[0x22, 0xc0, 0x80, 0x22], "utf8"],
    [[0x22, 0xed, 0xa0, 0x80, 0x22], "utf8"],
    [[0x22, 0xf4, 0x90, 0x80, 0x80, 0x22], "utf8"],
    [[0x22, 0xe2, 0x82, 0x22], "utf8"],
    [[0xef, 0xbb, 0xbf, 0x31], "bom"],
    [[0xfe, 0xff, 0x00, 0x31], "utf8"],
  ])("bytes %p: %s", (bytes, rule) => {
    expectError(() => parse(Uint8Array.from(bytes)), "ERR_FORMAT_INVALID", { format: "test", rule });
  });

  test("an input over the limit, counted in bytes of UTF-8", () => {
    const options = { format: "test", maxBytes: 4 };

    expect(parseStrictJson('"é"', options)).toBe("é");
    expect(parseStrictJson(utf8('"é"'), options)).toBe("é");
    expectError(() => parseStrictJson('"€"', options), "ERR_FORMAT_INVALID", { rule: "too-large" });
    expectError(() => parseStrictJson(utf8('"€"'), options), "ERR_FORMAT_INVALID", { rule: "too-large" });
  });

  test("nesting beyond the limit, before the stack gives way", () => {
    const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);

    expect(parse(nested(64))).toBeArray();
    expectError(() => parse(nested(65)), "ERR_FORMAT_INVALID", { rule: "depth", offset: 64 });
    expectError(() => parse('{"a":'.repeat(65)), "ERR_FORMAT_INVALID", { rule: "depth" });
    expectError(() => parseStrictJson("[[1]]", { ...OPTIONS, maxDepth: 1 }), "ERR_FORMAT_INVALID", {
      rule: "depth",
    });
  });
});

describe("what strict JSON keeps", () => {
  test("every escape and every kind of number", () => {
    expect(parse('"\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\ud83d\\ude00\\u00E9"')).toBe('"\\/\b\f\n\r\tA😀é');
    expect(parse("[0,-0,-1,1.5,1e3,1E-2,9007199254740991,-9007199254740991]")).toEqual([
      0, -0, -1, 1.5, 1000, 0.01, 9007199254740991, -9007199254740991,
    ]);
    expect(parse(" \t\r\n[ true , false , null ] ")).toEqual([true, false, null]);
  });

  test("names of the prototype as names like any other", () => {
    const object = parse('{"__proto__":{"polluted":true},"constructor":1,"toString":2}');

    expect(Object.getPrototypeOf(object)).toBe(null);
    expect(Object.keys(object ?? {})).toEqual(["__proto__", "constructor", "toString"]);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
    expect((parse("{}") as Record<string, unknown>)["toString"]).toBeUndefined();
  });

  test("names in their order", () => {
    expect(Object.keys(parse('{"z":1,"a":2,"m":3}') ?? {})).toEqual(["z", "a", "m"]);
  });
});

describe("canonical JSON", () => {
  test("is RFC 8785's own sample", () => {
    // By the runtime's parser: ours refuses 1E30, an integer that no double holds exactly.
    const sample = JSON.parse(
      '{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],' +
        '"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/","literals":[null,true,false]}',
    );

    expect(canonicalJson(sample)).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],' +
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    );
  });

  test("sorts names by UTF-16 code unit, as in RFC 8785, section 3.2.3", () => {
    const names = ["\u20ac", "\r", "\ufb33", "1", "\ud83d\ude00", "\u0080", "\u00f6"];
    const object = Object.fromEntries(names.map((name) => [name, 0]));

    expect(Object.keys(JSON.parse(canonicalJson(object)))).toEqual([
      "1",
      "\r",
      "\u0080",
      "\u00f6",
      "\u20ac",
      "\ud83d\ude00",
      "\ufb33",
    ]);
    expect(canonicalJson({ b: 1, a: 2 })).toBe('{"a":2,"b":1}');
  });

  test("writes minus zero as zero", () => {
    expect(canonicalJson([-0, 0])).toBe("[0,0]");
  });

  test.each<[string, unknown]>([
    ["NaN", Number.NaN],
    ["infinity", [Number.POSITIVE_INFINITY]],
    ["a lone surrogate", { a: "\ud800" }],
    ["a lone surrogate in a name", { "\udc00": 1 }],
    ["undefined", { a: undefined }],
    ["a bigint", 1n],
    ["a hole", new Array(1)],
  ])("refuses %s", (_, value) => {
    expectError(() => canonicalJson(value as JsonValue), "ERR_INPUT_INVALID", { field: "value" });
  });

  test("refuses a value that contains itself", () => {
    const loop: JsonValue[] = [];
    loop.push(loop);

    expectError(() => canonicalJson(loop), "ERR_INPUT_INVALID", { field: "value" });
  });
});
