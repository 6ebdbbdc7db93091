import { expect, test } from "bun:test";
import {
  CompactRange,
  consistencyProof,
  inclusionProof,
  merkleLeaf,
  toHex,
  verifyConsistency,
  verifyInclusion,
} from "@vram-residency/crypto";
import { nodeSha256 } from "@vram-residency/crypto/node";
import fc from "fast-check";
import { naiveRoot } from "./naive-merkle.ts";

const list = fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 70 });

test("the root, and every proof of arbitrary lists, are those of the whole list", () => {
  fc.assert(
    fc.property(list, fc.nat(), (data, pick) => {
      const leaves = data.map((item) => merkleLeaf(item, nodeSha256));
      const range = new CompactRange(nodeSha256);
      for (const leaf of leaves) range.append(leaf);
      const [index, size, root] = [pick % data.length, data.length, range.root()];
      const leaf = merkleLeaf(data[index] ?? new Uint8Array(0));
      const old = { oldSize: index + 1, oldRoot: naiveRoot(data.slice(0, index + 1)) };

      expect(toHex(root)).toBe(toHex(naiveRoot(data)));
      expect(verifyInclusion({ leaf, index, size, root }, inclusionProof(leaves, index))).toBe(true);
      expect(verifyConsistency({ ...old, size, root }, consistencyProof(leaves, index + 1))).toBe(true);
    }),
  );
});

test("a leaf is never taken for a node: what hashes like two leaves is no leaf", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (hash) => {
      const range = new CompactRange();
      range.append(hash);
      range.append(hash);
      const both = new Uint8Array(64);
      both.set(hash);
      both.set(hash, 32);

      expect(toHex(range.root())).not.toBe(toHex(merkleLeaf(both)));
    }),
  );
});
