import { describe, expect, test } from "bun:test";
import { ERROR_CODES, VramError } from "@vram-residency/types";
import fc from "fast-check";
import { EXIT, exitCodeOf } from "../src/exit-code.ts";
import { memoryMap } from "../src/memory-map.ts";
import { size, table } from "../src/text.ts";

describe("the picture of device memory", () => {
  const entries = fc.array(
    fc.record({ mark: fc.constantFrom("A", "B", "!"), bytes: fc.integer({ min: 1, max: 2 ** 40 }) }),
    { maxLength: 12 },
  );

  test("is always exactly as wide as it was asked to be", () => {
    fc.assert(
      fc.property(
        entries,
        fc.integer({ min: 1, max: 2 ** 41 }),
        fc.integer({ min: 4, max: 200 }),
        (list, capacity, width) => {
          expect(memoryMap(list, capacity, width)).toHaveLength(width);
        },
      ),
    );
  });

  test("shows every shard while there are cells, and no free cell more than there is free memory", () => {
    fc.assert(
      fc.property(entries, fc.integer({ min: 40, max: 200 }), (list, width) => {
        const capacity = list.reduce((sum, { bytes }) => sum + bytes, 0) * 2 + 1;
        const strip = memoryMap(list, capacity, width);
        for (const { mark } of list) expect(strip).toContain(mark);
      }),
    );
  });
});

describe("a table", () => {
  test("leaves its optional columns out, the last first, before it cuts the first", () => {
    const columns = [
      { title: "name", align: "left" },
      { title: "a", align: "left", optional: true },
      { title: "n", align: "right" },
      { title: "b", align: "left", optional: true },
    ] as const;
    const rows = [["abcdefghij", "12345", "7", "12345"]];
    expect(table(columns, rows, 27)).toEqual(["name        a      n  b", "abcdefghij  12345  7  12345"]);
    expect(table(columns, rows, 26)).toEqual(["name        a      n", "abcdefghij  12345  7"]);
    expect(table(columns, rows, 19)).toEqual(["name        n", "abcdefghij  7"]);
    expect(table(columns, rows, 12)).toEqual(["name       n", "abcdefgh…  7"]);
  });

  test("is never wider than it may be", () => {
    const columns = [
      { title: "name", align: "left" },
      { title: "n", align: "right" },
      { title: "more", align: "right", optional: true },
    ] as const;
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.string(), fc.string({ maxLength: 9 }), fc.string())),
        fc.integer({ min: 20, max: 120 }),
        (rows, width) => {
          for (const line of table(columns, rows, width)) expect(line.length).toBeLessThanOrEqual(width);
        },
      ),
    );
  });
});

test("sizes are for people", () => {
  expect([0, 1, 1023, 1024, 1536, 10 * 1024, 2 ** 30, 5 * 2 ** 40].map(size)).toEqual([
    "0 B",
    "1 B",
    "1023 B",
    "1.00 KiB",
    "1.50 KiB",
    "10.0 KiB",
    "1.00 GiB",
    "5.00 TiB",
  ]);
});

test("every error code has an exit code of the documented ones", () => {
  const of = (code: (typeof ERROR_CODES)[number], detail: object = {}): number =>
    exitCodeOf(new VramError(code, "x", detail as never));

  for (const code of ERROR_CODES) expect([1, 2, 3, 4, 5, 130]).toContain(of(code));
  expect(of("ERR_INTEGRITY")).toBe(EXIT.integrity);
  expect(of("ERR_SOURCE", { reason: "digest-differs" })).toBe(EXIT.integrity);
  expect(of("ERR_SOURCE", { reason: "unreadable" })).toBe(EXIT.environment);
  expect(of("ERR_CONFIG_INVALID")).toBe(EXIT.usage);
  expect(of("ERR_POLICY_VIOLATION")).toBe(EXIT.policy);
  expect(of("ERR_VRAM_INSUFFICIENT")).toBe(EXIT.insufficient);
  expect(exitCodeOf(new Error("x"))).toBe(EXIT.environment);
});
