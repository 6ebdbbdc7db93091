import { describe, expect, test } from "bun:test";
import { byteCount, deviceIndex, hexDigest, shardId, VramError } from "@vram-residency/types";

/** Refused by every check: wrong types that are equal to, or print as, something right. */
const NEVER: readonly unknown[] = [
  undefined,
  null,
  true,
  1n,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  -0,
  -1,
  0.5,
  Object(1),
  Object("a"),
  [1],
  ["a"],
  { valueOf: () => 1, toString: () => "a" },
  Symbol("a"),
  () => 1,
  "",
];

function refusal(check: () => unknown): unknown {
  try {
    check();
  } catch (error) {
    if (error instanceof VramError) return { code: error.code, ...error.detail };
    throw error;
  }
  return "accepted";
}

function expectRefused(check: (value: unknown, field: string) => unknown, values: readonly unknown[]): void {
  for (const value of [...NEVER, ...values]) {
    expect(refusal(() => check(value, "some.field"))).toMatchObject({
      code: "ERR_INPUT_INVALID",
      field: "some.field",
      reason: expect.stringContaining("expected"),
    });
  }
}

describe("byteCount", () => {
  test("takes every integer from 0 to 2^53 - 1", () => {
    for (const value of [0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1]) {
      expect<number>(byteCount(value, "bytes")).toBe(value);
    }
  });

  test("refuses everything else, and names the field", () => {
    expectRefused(byteCount, ["1", "0", 2 ** 53, -(2 ** 53), 1.5, Number.MIN_VALUE]);
  });
});

describe("deviceIndex", () => {
  test("takes every integer from 0 to 255", () => {
    for (const value of [0, 1, 254, 255]) expect<number>(deviceIndex(value)).toBe(value);
  });

  test("refuses everything else, and names the field", () => {
    expectRefused(deviceIndex, ["0", "1", 256, 2 ** 32, 1.5]);
    expect(refusal(() => deviceIndex(256))).toMatchObject({ field: "gpuDevice" });
  });
});

describe("shardId", () => {
  test("takes 1 to 256 bytes of letters, digits, _ and -", () => {
    for (const value of ["a", "Z", "0", "_", "-", "layer-0_B9", "x".repeat(256)]) {
      expect<string>(shardId(value)).toBe(value);
    }
  });

  test("refuses any other ASCII character, wherever it stands", () => {
    for (let code = 0; code < 128; code += 1) {
      const character = String.fromCharCode(code);
      if (/[A-Za-z0-9_-]/.test(character)) continue;
      expectRefused(shardId, [character, `a${character}`, `${character}a`, `a${character}a`]);
    }
  });

  test("refuses 257 bytes, a newline at the end, and digits and letters of other scripts", () => {
    expectRefused(shardId, [
      "x".repeat(257),
      "a\n",
      "a\r\n",
      "a\u2028",
      "\u0661\u0662",
      "\uff11",
      "\u{1d7d8}",
      "\u0430",
      "\u212a",
      "caf\u00e9",
      "a\u0000",
      "\ud800",
      "../a",
      1,
    ]);
  });

  test("says why in one lower-case line without a full stop, after the code and the field", () => {
    expect(() => shardId("no spaces", "group.id")).toThrow(
      /^ERR_INPUT_INVALID: group\.id: [a-z][^\n]*[^.\n]$/,
    );
  });

  test("does not echo the value", () => {
    expect(JSON.stringify(refusal(() => shardId("sk-secret token")))).not.toContain("secret");
  });
});

describe("hexDigest", () => {
  test("takes exactly 64 lowercase hexadecimal digits", () => {
    const digest = "0123456789abcdef".repeat(4);
    expect<string>(hexDigest(digest)).toBe(digest);
  });

  test("refuses other lengths, capitals, a newline at the end, and digits of other scripts", () => {
    const digit = "a".repeat(63);
    expectRefused(hexDigest, [
      digit,
      `${digit}aa`,
      `${digit}A`,
      `${digit}g`,
      `${digit}a\n`,
      `${digit}\n`,
      `${digit}\u0661`,
      `0x${"a".repeat(62)}`,
    ]);
    expect(refusal(() => hexDigest("no"))).toMatchObject({ field: "digest" });
  });
});
