import { describe, expect, test } from "bun:test";
import { portableDigester } from "@vram-residency/crypto";
import { byteFlips } from "@vram-residency/testing";
import fc from "fast-check";
import { FreeList } from "../src/free-list.ts";
import { SegmentedMemory } from "../src/memory.ts";
import { alignmentShift } from "../src/placement.ts";
import { SlotTable } from "../src/slots.ts";
import { isZero, zeroAware, zeros } from "../src/zeros.ts";

const MIB = 1 << 20;
/** Around the border of two segments, so that small writes straddle it. */
const BASE = 4 * MIB - 300;
const WINDOW = 600;

describe("segmented memory", () => {
  const places = fc.record({ offset: fc.nat(WINDOW - 1), bytes: fc.nat(WINDOW) });
  const steps = fc.array(
    fc.record({
      kind: fc.constantFrom("write", "zero", "flip"),
      place: places,
      fill: fc.constantFrom(0, 1, 255),
    }),
    { maxLength: 12 },
  );

  test("holds what one plain array would hold, across segments", () => {
    fc.assert(
      fc.property(steps, places, (sequence, look) => {
        const memory = new SegmentedMemory();
        const model = new Uint8Array(WINDOW);
        for (const { kind, place, fill } of sequence) {
          const bytes = Math.min(place.bytes, WINDOW - place.offset);
          if (kind === "write") {
            memory.write(BASE + place.offset, new Uint8Array(bytes).fill(fill));
            model.fill(fill, place.offset, place.offset + bytes);
          } else if (kind === "zero") {
            memory.zero(BASE + place.offset, bytes);
            model.fill(0, place.offset, place.offset + bytes);
          } else {
            memory.flip(BASE + place.offset, 3);
            model[place.offset] = (model[place.offset] ?? 0) ^ 8;
          }
        }

        const bytes = Math.min(look.bytes, WINDOW - look.offset);
        expect(memory.read(BASE + look.offset, bytes)).toEqual(model.slice(look.offset, look.offset + bytes));
        expect(memory.isZero()).toBe(model.every((byte) => byte === 0));
        const counted = countAll(memory, BASE, WINDOW);
        expect(counted).toEqual({ checked: WINDOW, nonZero: model.filter((byte) => byte !== 0).length });
      }),
    );
  });

  test("takes no memory of the host for zeros, and gives whole segments back", () => {
    const memory = new SegmentedMemory();

    memory.write(0, new Uint8Array(8 * MIB));
    expect(memory.heldBytes).toBe(0);
    memory.write(5 * MIB, Uint8Array.of(1));
    expect(memory.heldBytes).toBe(4 * MIB);
    memory.zero(4 * MIB, 4 * MIB);
    expect(memory.heldBytes).toBe(0);
  });
});

function countAll(
  memory: SegmentedMemory,
  from: number,
  bytes: number,
): { checked: number; nonZero: number } {
  let checked = 0;
  let nonZero = 0;
  while (checked < bytes) {
    const found = memory.countNonZero(from + checked, bytes - checked);
    checked += found.checkedBytes;
    nonZero += found.nonZeroBytes;
  }
  return { checked, nonZero };
}

describe("zeros", () => {
  test("a run is zero exactly when every byte is, wherever it starts", () => {
    const runs = fc
      .integer({ min: 1, max: 70 })
      .chain((bytes) => fc.tuple(fc.constant(bytes), byteFlips(bytes), fc.nat(7)));
    fc.assert(
      fc.property(runs, ([bytes, flip, start]) => {
        const run = new Uint8Array(bytes + 16).subarray(start, start + bytes);
        expect(isZero(run)).toBe(true);
        run[flip.offset] = 1 << flip.bit;
        expect(isZero(run)).toBe(false);
      }),
    );
  });

  test("bytes beside a run do not count", () => {
    const around = new Uint8Array(40).fill(1);
    around.fill(0, 5, 27);

    expect(isZero(around.subarray(5, 27))).toBe(true);
  });

  test("blocks known to be zero hash as the digester would hash them, under every salt", () => {
    const aware = zeroAware(portableDigester);
    for (const prefix of [new Uint8Array(0), new Uint8Array(64).fill(7), new Uint8Array(64).fill(8)]) {
      const expected = new Uint8Array(3 * 32);
      const actual = new Uint8Array(3 * 32);
      portableDigester.sha256Blocks(new Uint8Array(3 * 4096), prefix, expected);
      aware.sha256Blocks(zeros(3 * 4096), prefix, actual);
      expect(actual).toEqual(expected);
    }
  });
});

describe("free list", () => {
  const CELLS = 24;
  const commands = fc.array(
    fc.record({ take: fc.boolean(), bytes: fc.integer({ min: 1, max: 6 }), which: fc.nat() }),
  );

  test("agrees with a map of cells, first fit from the bottom", () => {
    fc.assert(
      fc.property(commands, (sequence) => {
        const list = new FreeList(CELLS);
        const cells = new Array<boolean>(CELLS).fill(false);
        const taken: { start: number; bytes: number }[] = [];
        for (const { take, bytes, which } of sequence) {
          if (take) {
            const expected = cells.findIndex(
              (_, at) => at + bytes <= CELLS && !cells.slice(at, at + bytes).includes(true),
            );
            const start = list.take(bytes);
            expect(start).toBe(expected === -1 ? undefined : expected);
            if (start === undefined) continue;
            taken.push({ start, bytes });
            cells.fill(true, start, start + bytes);
          } else if (taken.length > 0) {
            const [block] = taken.splice(which % taken.length, 1);
            if (block === undefined) continue;
            list.give(block);
            cells.fill(false, block.start, block.start + block.bytes);
          }
          expect(list.freeBytes).toBe(cells.filter((used) => !used).length);
          expect(list.largestBytes).toBe(longestFree(cells));
        }
      }),
    );
  });

  test("takes scattered blocks from the top, all or nothing", () => {
    const list = new FreeList(8);
    for (let count = 0; count < 8; count += 1) list.take(1);
    for (const start of [1, 3, 6]) list.give({ start, bytes: 1 });

    expect(list.takeScattered(4)).toBeUndefined();
    expect(list.freeBytes).toBe(3);
    expect(list.takeScattered(2)).toEqual([
      { start: 6, bytes: 1 },
      { start: 3, bytes: 1 },
    ]);
    expect(list.take(1)).toBe(1);
  });
});

function longestFree(cells: readonly boolean[]): number {
  const runs = cells
    .map((used) => (used ? "x" : "."))
    .join("")
    .split("x");
  return Math.max(...runs.map((run) => run.length));
}

describe("slot table", () => {
  test("is full at its limit, and has room again after a removal", () => {
    const table = new SlotTable<string>(2);
    const first = table.add("a");
    table.add("b");
    expect(table.full).toBe(true);

    table.remove(first);
    table.remove(first);

    expect(table.live).toBe(1);
    const reused = table.add("c");
    expect(reused).toEqual({ slot: first.slot, generation: first.generation + 1 });
    expect(table.get(first)).toBeUndefined();
    expect(table.get(reused)).toBe("c");
  });
});

describe("alignment", () => {
  test("puts the chosen byte on the boundary, and wastes less than the boundary", () => {
    const boundaries = fc.integer({ min: 0, max: 12 }).map((power) => 2 ** power);
    fc.assert(
      fc.property(boundaries, fc.maxSafeNat(), (boundary, offset) => {
        const shift = alignmentShift({ boundary, offset });
        expect((BigInt(shift) + BigInt(offset)) % BigInt(boundary)).toBe(0n);
        expect(shift).toBeLessThan(boundary);
      }),
    );
  });
});
