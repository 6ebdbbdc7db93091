import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import {
  CompactRange,
  concatBytes,
  consistencyProof,
  fromHex,
  inclusionProof,
  merkleLeaf,
  merkleNode,
  toHex,
  verifyConsistency,
  verifyInclusion,
} from "@vram-residency/crypto";
import { expectError } from "./errors.ts";
import { naivePath, naiveProof, naiveRoot } from "./naive-merkle.ts";

/** The eight leaves that Certificate Transparency's own tests use, and the roots of every beginning of them. */
const DATA = [
  "",
  "00",
  "10",
  "2021",
  "3031",
  "40414243",
  "5051525354555657",
  "606162636465666768696a6b6c6d6e6f",
];
const ROOTS = [
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

const hex = (hashes: readonly Uint8Array[]): readonly string[] => hashes.map(toHex);
const dataOf = (size: number): readonly Uint8Array[] =>
  Array.from({ length: size }, (_, index) => Uint8Array.of(index, index >> 8));
const leavesOf = (data: readonly Uint8Array[]): readonly Uint8Array[] => data.map((item) => merkleLeaf(item));

function rangeOf(leaves: readonly Uint8Array[]): CompactRange {
  const range = new CompactRange();
  for (const leaf of leaves) range.append(leaf);
  return range;
}

describe("a hash of the tree", () => {
  test("is that of its prefix and data, of any length and in any order", () => {
    const sizes = [0, 1, 16384, 16385, 20000, 3, 16384, 0];
    const datas = sizes.map((size, index) => new Uint8Array(size).fill(index + 1));
    const leaves = datas.map((data) => merkleLeaf(data));
    const plain = (...parts: readonly Uint8Array[]): string =>
      createHash("sha256")
        .update(concatBytes(...parts))
        .digest("hex");

    expect(hex(leaves)).toEqual(datas.map((data) => plain(Uint8Array.of(0), data)));
    const [left = new Uint8Array(0), right = left] = leaves;
    expect(toHex(merkleNode(left, right))).toBe(plain(Uint8Array.of(1), left, right));
    expect(toHex(merkleNode(right, left))).toBe(plain(Uint8Array.of(1), right, left));
    expect(hex(leaves)).toEqual(datas.map((data) => plain(Uint8Array.of(0), data)));
    for (const pair of [
      [left.subarray(1), right],
      [left, concatBytes(right, right)],
    ] as const) {
      expectError(() => merkleNode(...pair), "ERR_BUG");
    }
  });
});

describe("a compact range", () => {
  test("has the published roots, the empty one included", () => {
    const range = new CompactRange();
    expect(toHex(range.root())).toBe(ROOTS[0] ?? "");
    for (const [index, data] of DATA.entries()) {
      range.append(merkleLeaf(fromHex(data)));
      expect(toHex(range.root())).toBe(ROOTS[index + 1] ?? "");
    }
  });

  test("agrees with the recursive definition for every size to 130, also when it is stored and restored", () => {
    let range = new CompactRange();
    for (let size = 0; size <= 130; size += 1) {
      expect([size, range.size, toHex(range.root())]).toEqual([size, size, toHex(naiveRoot(dataOf(size)))]);
      range = CompactRange.restore(range.size, range.frontier());
      range.append(merkleLeaf(Uint8Array.of(size, size >> 8)));
    }
  });

  test("has one hash for each bit set in its size, beyond 2^32 too", () => {
    const hash = new Uint8Array(32);
    expect(rangeOf(leavesOf(dataOf(7))).frontier().length).toBe(3);
    const range = CompactRange.restore(2 ** 40 + 1, [hash, hash]);
    range.append(hash);
    expect([range.size, range.frontier().length]).toEqual([2 ** 40 + 2, 2]);
    expect(CompactRange.restore(2 ** 53 - 1, Array(53).fill(hash)).size).toBe(2 ** 53 - 1);
  });

  test("refuses a frontier that does not fit its size", () => {
    const hash = new Uint8Array(32);
    for (const size of [-1, 0.5, 2 ** 53, Number.NaN]) {
      expectError(() => CompactRange.restore(size, []), "ERR_INPUT_INVALID", { field: "size" });
    }
    for (const frontier of [[], [hash], [hash, hash, hash], [hash, hash.subarray(1)]]) {
      expectError(() => CompactRange.restore(5, frontier), "ERR_INPUT_INVALID", { field: "frontier" });
    }
  });

  test("goes its own way after a fork, and gives nothing of its own away", () => {
    const range = rangeOf(leavesOf(dataOf(4)));
    const fork = range.fork();
    fork.append(merkleLeaf(Uint8Array.of(9)));
    for (const node of range.frontier()) node.fill(0);
    range.root().fill(0);

    expect(toHex(range.root())).toBe(toHex(naiveRoot(dataOf(4))));
    expect(toHex(fork.root())).toBe(toHex(naiveRoot([...dataOf(4), Uint8Array.of(9)])));
  });
});

describe("proofs", () => {
  test("are those of the recursive definition, and hold, for every leaf and every pair of sizes to 20", () => {
    for (let size = 1; size <= 20; size += 1) {
      const data = dataOf(size);
      const leaves = leavesOf(data);
      const root = naiveRoot(data);
      for (const [index, leaf] of leaves.entries()) {
        const path = inclusionProof(leaves, index);
        expect(hex(path)).toEqual(hex(naivePath(index, data)));
        expect(verifyInclusion({ leaf, index, size, root }, path)).toBe(true);

        const proof = consistencyProof(leaves, index + 1);
        const oldRoot = naiveRoot(data.slice(0, index + 1));
        expect(hex(proof)).toEqual(hex(naiveProof(index + 1, data)));
        expect(verifyConsistency({ oldSize: index + 1, oldRoot, size, root }, proof)).toBe(true);
      }
    }
  });

  test("are refused with any other index, size, hash or length, for every tree to 9 leaves", () => {
    const other = new Uint8Array(32);
    for (let size = 1; size <= 9; size += 1) {
      const data = dataOf(size);
      const leaves = leavesOf(data);
      const root = naiveRoot(data);
      for (const [index, leaf] of leaves.entries()) {
        const path = inclusionProof(leaves, index);
        const claim = { leaf, index, size, root };
        for (let wrong = 0; wrong < size; wrong += 1)
          expect(verifyInclusion({ ...claim, index: wrong }, path)).toBe(wrong === index);
        for (const edited of edits(path, other)) expect(verifyInclusion(claim, edited)).toBe(false);
        for (const broken of [
          { leaf: other },
          { root: other },
          { index: size },
          { index: -1 },
          { size: 0.5 },
        ])
          expect(verifyInclusion({ ...claim, ...broken }, path)).toBe(false);

        const oldSize = index + 1;
        const proof = consistencyProof(leaves, oldSize);
        const pair = { oldSize, oldRoot: naiveRoot(data.slice(0, oldSize)), size, root };
        for (const edited of edits(proof, other)) expect(verifyConsistency(pair, edited)).toBe(false);
        for (const broken of [{ oldRoot: other }, { root: other }, { oldSize: 0 }, { oldSize: size + 1 }])
          expect(verifyConsistency({ ...pair, ...broken }, proof)).toBe(false);
      }
    }
  });

  test("cannot be made for what is not there", () => {
    const leaves = leavesOf(dataOf(3));
    for (const index of [-1, 3, 0.5]) expectError(() => inclusionProof(leaves, index), "ERR_INPUT_INVALID");
    for (const size of [0, 4, 0.5]) expectError(() => consistencyProof(leaves, size), "ERR_INPUT_INVALID");
  });
});

/** Every proof with one hash replaced, cut, left out or added. */
function edits(proof: readonly Uint8Array[], other: Uint8Array): readonly (readonly Uint8Array[])[] {
  return [
    ...proof.flatMap((hash, at) => [
      proof.with(at, other),
      proof.with(at, hash.subarray(1)),
      proof.toSpliced(at, 1),
    ]),
    [...proof, other],
    [other, ...proof],
  ];
}
