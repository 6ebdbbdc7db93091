import { describe, expect, test } from "bun:test";
import { parseConfig } from "@vram-residency/validation";
import { refusalOf } from "./refused.ts";

const DEFAULTS = {
  gpuDevice: 0,
  maxModelBytes: 107_374_182_400,
  headroomBytes: "auto",
  stagingBytes: 134_217_728,
  workerId: "worker",
  deployment: "default",
  storeLeaves: true,
};

describe("parseConfig", () => {
  test("fills in every default", () => {
    expect<unknown>(parseConfig({})).toEqual(DEFAULTS);
    expect<unknown>(parseConfig(undefined)).toEqual(DEFAULTS);
    expect(Object.keys(parseConfig({})).sort()).toEqual(Object.keys(DEFAULTS).sort());
  });

  test("freezes what it gives", () => {
    expect(Object.isFrozen(parseConfig({}))).toBe(true);
  });

  test("takes undefined for absent", () => {
    const config = parseConfig({ gpuDevice: undefined, deadlineMs: undefined });

    expect(config.gpuDevice).toBe(0);
    expect("deadlineMs" in config).toBe(false);
  });

  const accepted: readonly [string, readonly unknown[]][] = [
    ["gpuDevice", [0, 255]],
    ["maxModelBytes", [1, Number.MAX_SAFE_INTEGER]],
    ["headroomBytes", ["auto", 0, Number.MAX_SAFE_INTEGER]],
    ["stagingBytes", [1_048_576, 4_294_967_296]],
    ["workerId", ["a", "A-Z_0.9", "x".repeat(128)]],
    ["deployment", ["a", "x".repeat(128)]],
    ["workerApiToken", ["x".repeat(32), "é".repeat(16), "x".repeat(4096)]],
    ["maxSealAgeMs", [1, 2_147_483_647]],
    ["deadlineMs", [1, 2_147_483_647]],
    ["storeLeaves", [true, false]],
  ];
  for (const [field, values] of accepted) {
    test(`accepts ${field} up to its bounds`, () => {
      for (const value of values) {
        expect<unknown>({ ...parseConfig({ [field]: value }) }).toMatchObject({ [field]: value });
      }
    });
  }

  const whole = (min: number, max: number): string => `expected an integer from ${min} to ${max}`;
  const notNumbers = ["1", null, 1n, true, Number.NaN, 1.5, Number.POSITIVE_INFINITY, [1], {}];
  const refused: readonly [string, readonly unknown[], string][] = [
    ["gpuDevice", [-1, 256, ...notNumbers], "expected an integer from 0 to 255"],
    ["maxModelBytes", [0, -1, 2 ** 53, "1", null, 1n], whole(1, Number.MAX_SAFE_INTEGER)],
    ["maxModelBytes", [1.5], "expected an integer from 0 to 2^53 - 1"],
    ["headroomBytes", [-1, 2 ** 53, 1.5, Number.NaN], "expected an integer from 0 to 2^53 - 1"],
    ["headroomBytes", ["Auto", "", null, 1n], 'expected a number of bytes, or "auto"'],
    ["stagingBytes", [1_048_575, 4_294_967_297, "1048576"], whole(1_048_576, 4_294_967_296)],
    [
      "workerId",
      ["", "x".repeat(129), "a b", "a/b", "ä", "a\n", 7, null],
      "expected 1 to 128 bytes of A-Z, a-z, 0-9, dot, _ and -",
    ],
    [
      "deployment",
      ["", "x".repeat(129), "a\u0000"],
      "expected 1 to 128 bytes of A-Z, a-z, 0-9, dot, _ and -",
    ],
    [
      "workerApiToken",
      ["x".repeat(31), "é".repeat(15), "é".repeat(2049), "", 7],
      "expected text of 32 to 4096 bytes",
    ],
    ["workerApiToken", [`${"x".repeat(40)}\ud800`], "expected well-formed text, without lone surrogates"],
    ["maxSealAgeMs", [0, 2_147_483_648], whole(1, 2_147_483_647)],
    ["deadlineMs", [0, 2_147_483_648, Number.POSITIVE_INFINITY], whole(1, 2_147_483_647)],
    ["storeLeaves", [0, 1, "true", null], "expected true or false"],
  ];
  for (const [field, values, reason] of refused) {
    test(`refuses ${field} beyond its bounds: ${reason}`, () => {
      for (const value of values) {
        expect(refusalOf(() => parseConfig({ [field]: value }))).toBe(
          `ERR_CONFIG_INVALID ${field}: ${reason}`,
        );
      }
    });
  }

  test("refuses what is no plain object", () => {
    for (const input of [null, 0, "", "{}", [], [{}], () => ({}), Symbol("x"), 1n]) {
      expect(refusalOf(() => parseConfig(input))).toBe("ERR_CONFIG_INVALID config: expected an object");
    }
  });
});
