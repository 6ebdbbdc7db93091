import { expect, test } from "bun:test";
import {
  computeDigest,
  createFsVerity,
  differingDigests,
  type FsVerityResult,
  fsverityLeaves,
  portableDigester,
  toHex,
} from "@vram-residency/crypto";
import { nodeDigester } from "@vram-residency/crypto/node";
import fc from "fast-check";
import { naiveFsVerity } from "./naive-fsverity.ts";

const GROUP = 128 * 4096;

/** Lengths around every border of the tree, and anything between. */
const length = fc.oneof(
  fc.nat(3 * GROUP),
  fc
    .tuple(fc.constantFrom(4096, 8192, GROUP, GROUP + 4096, 2 * GROUP), fc.integer({ min: -2, max: 2 }))
    .map(([border, by]) => border + by),
);

function fill(size: number, seed: number): Uint8Array {
  const data = new Uint8Array(size);
  let state = seed | 1;
  for (let index = 0; index < size; index += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    data[index] = state >>> 24;
  }
  return data;
}

function hashWhole(data: Uint8Array): FsVerityResult {
  const stream = createFsVerity({ digester: nodeDigester });
  stream.update(data);
  return stream.finish();
}

test("any data, cut anywhere, has the digest that the manual tells", () => {
  const cuts = fc.array(fc.oneof(fc.nat(9000), fc.constantFrom(4096, 1, 0, GROUP)), { maxLength: 12 });
  fc.assert(
    fc.property(length, fc.integer(), cuts, (size, seed, sizes) => {
      const data = fill(size, seed);
      const stream = createFsVerity({ digester: nodeDigester });
      let start = 0;
      for (const cut of sizes) {
        stream.update(data.subarray(start, start + cut));
        start = Math.min(start + cut, data.length);
      }
      stream.update(data.subarray(start));
      const result = stream.finish();
      const expected = naiveFsVerity(data);

      expect(toHex(result.digest)).toBe(expected.digest);
      expect(toHex(result.level1)).toBe(expected.level1.join(""));
    }),
    { numRuns: 60 },
  );
});

test("the digesters agree", () => {
  fc.assert(
    fc.property(fc.nat(20_000), fc.integer(), (size, seed) => {
      const data = fill(size, seed);

      for (const algorithm of ["sha256", "fsverity-sha256", "blake3"] as const) {
        expect(computeDigest(data, algorithm, nodeDigester)).toBe(
          computeDigest(data, algorithm, portableDigester),
        );
      }
    }),
    { numRuns: 30 },
  );
});

test("one flipped bit changes exactly one leaf and one level-1 entry, those it lies under", () => {
  fc.assert(
    fc.property(
      length.filter((size) => size > 0),
      fc.integer(),
      fc.nat(),
      fc.nat(7),
      (size, seed, at, bit) => {
        const data = fill(size, seed);
        const before = { ...hashWhole(data), leaves: fsverityLeaves(data, nodeDigester) };
        const index = at % size;
        data[index] = (data[index] ?? 0) ^ (1 << bit);
        const after = hashWhole(data);

        expect(differingDigests(before.leaves, fsverityLeaves(data, nodeDigester))).toEqual([
          Math.floor(index / 4096),
        ]);
        expect(differingDigests(before.level1, after.level1)).toEqual([Math.floor(index / GROUP)]);
        expect(toHex(after.digest)).not.toBe(toHex(before.digest));
      },
    ),
    { numRuns: 60 },
  );
});
