import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { inOrder } from "../src/digest/hash.ts";
import { digestProgress } from "../src/digest/progress.ts";
import { formatSum, parseSums } from "../src/digest/sums.ts";
import { parseSize } from "../src/size.ts";
import { statusLine } from "../src/terminal.ts";
import { wrap } from "../src/text.ts";

const HEX = fc.stringMatching(/^[0-9a-f]{64}$/);
const NAME = fc
  .oneof(fc.string({ minLength: 1, unit: "binary" }), fc.stringMatching(/^[\\\n\r nr]{1,8}$/))
  .filter((name) => !name.includes("\0") && name.isWellFormed());

describe("lines of checksums", () => {
  test("read back as they were written, whatever the names", () => {
    fc.assert(
      fc.property(fc.array(fc.record({ digest: HEX, name: NAME }), { minLength: 1 }), (list) => {
        const text = list.map(({ digest, name }) => `${formatSum(digest, name)}\n`).join("");

        expect(text.split("\n")).toHaveLength(list.length + 1);
        expect(parseSums(text, undefined).map(({ digest, name }) => ({ digest, name }))).toEqual(list);
      }),
    );
  });

  test("end in CR LF or LF alike, unless the file's own name is escaped", () => {
    const text = `${"a".repeat(64)}  x\r\n${"b".repeat(64)}  y\r\n`;
    expect(parseSums(text, "blake3").map(({ name }) => name)).toEqual(["x", "y"]);
  });
});

describe("work in order", () => {
  test("yields in the items' order and never runs more at a time than it may", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 5 })),
        fc.integer({ min: 1, max: 5 }),
        async (delays, limit) => {
          let running = 0;
          let most = 0;
          const results: number[] = [];
          const work = async (turns: number): Promise<number> => {
            most = Math.max(most, ++running);
            for (let turn = 0; turn < turns; turn++) await Promise.resolve();
            running--;
            return turns;
          };
          for await (const result of inOrder(delays, limit, work)) results.push(result);

          expect(results).toEqual(delays);
          expect(most).toBeLessThanOrEqual(limit);
          if (delays.length >= limit) expect(most).toBe(limit);
        },
      ),
    );
  });

  test("ends with the first failure, and no failure goes unobserved", async () => {
    const work = (item: number): Promise<number> =>
      item === 0 ? Promise.resolve(0) : Promise.reject(new Error(`item ${item}`));
    const results: number[] = [];
    const all = async (): Promise<void> => {
      for await (const result of inOrder([0, 1, 2], 3, work)) results.push(result);
    };
    await expect(all()).rejects.toThrow("item 1");
    expect(results).toEqual([0]);
  });
});

describe("progress", () => {
  test("says nothing at first, then how much, how fast and how many, not more often than ten times a second", () => {
    const lines: string[] = [];
    let now = 0;
    const progress = digestProgress({ status: (text) => lines.push(text) }, 2, 4096, () => now);

    progress.add(512);
    now = 399;
    progress.add(512);
    expect(lines).toEqual([]);
    now = 1000;
    progress.add(1024);
    progress.add(1024);
    progress.finishOne();
    now = 2000;
    progress.add(1024);
    expect(lines).toEqual([
      "50 % of 4.00 KiB, 2.00 KiB/s, 0 of 2 done",
      "100 % of 4.00 KiB, 2.00 KiB/s, 1 of 2 done",
    ]);
  });

  test("gives no share of a total that is not known, or that was too small", () => {
    for (const total of [undefined, 0, 10]) {
      const lines: string[] = [];
      let now = 0;
      const progress = digestProgress({ status: (text) => lines.push(text) }, 1, total, () => now);
      now = 1000;
      progress.add(2048);
      expect(lines).toEqual(["2.00 KiB, 2.00 KiB/s, 0 of 1 done"]);
    }
  });

  test("is never wider than the terminal, is written once, and not at all where nobody watches", () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 40, max: 120 }), fc.boolean(), (text, columns, shown) => {
        let written = "";
        const status = statusLine(
          (piece) => {
            written += piece;
          },
          columns,
          shown,
        );
        status(text);
        status(text);
        const visible = written.replace("\r\u001b[K", "");
        expect(visible.length).toBeLessThan(columns);
        if (!shown || text === "") expect(written).toBe("");
        else expect(written.lastIndexOf("\r\u001b[K")).toBe(0);
      }),
    );
  });
});

test("sizes are read with their units, and nothing else is", () => {
  expect(["0", "1", "10KiB", "10K", "10 kB", "1.5GiB", "24GB", "2 TiB"].map(sizeOf)).toEqual([
    0,
    1,
    10_240,
    10_240,
    undefined,
    1.5 * 2 ** 30,
    24e9,
    2 * 2 ** 40,
  ]);
  expect(
    ["", "-1", "1e3", "0x10", "1.", ".5", "10XB", "9007199254740993", "99999TiB", "1\n"].map(sizeOf),
  ).toEqual(Array.from({ length: 10 }));
});

function sizeOf(text: string): number | undefined {
  try {
    return parseSize(text, "--capacity");
  } catch (error) {
    expect(error).toMatchObject({ code: "ERR_INPUT_INVALID", detail: { field: "--capacity" } });
    return undefined;
  }
}

test("wrapped text keeps its words, and no line is too long unless one word is", () => {
  fc.assert(
    fc.property(
      fc.array(fc.stringMatching(/^\w{1,30}$/)),
      fc.integer({ min: 10, max: 60 }),
      (words, width) => {
        const lines = wrap(words.join(" "), width);
        expect(lines.join(" ")).toBe(words.join(" "));
        for (const line of lines) if (line.includes(" ")) expect(line.length).toBeLessThanOrEqual(width);
      },
    ),
  );
});
