/**
 * Proofs about the tree of RFC 6962: that a leaf is in it, and that one tree is the beginning of another.
 *
 * @module
 */
import { VramError } from "@vram-residency/types";
import { equalBytes } from "./bytes.ts";
import { DIGEST_BYTES } from "./digester.ts";
import { CompactRange, merkleNode } from "./merkle.ts";

/** Which leaf of which tree a proof of inclusion is about. */
export interface InclusionClaim {
  readonly leaf: Uint8Array;
  readonly index: number;
  readonly size: number;
  readonly root: Uint8Array;
}

/** Which two trees a proof of consistency is about. */
export interface ConsistencyClaim {
  readonly oldSize: number;
  readonly oldRoot: Uint8Array;
  readonly size: number;
  readonly root: Uint8Array;
}

/**
 * Proves that a leaf is in the tree.
 *
 * @param leaves - Hashes of all leaves, from `merkleLeaf`.
 * @returns Hashes from the leaf's sibling to the root's child.
 * @throws {@link VramError} `ERR_INPUT_INVALID` for an index that is none of a leaf.
 * @see RFC 6962, section 2.1.1.
 */
export function inclusionProof(leaves: readonly Uint8Array[], index: number): readonly Uint8Array[] {
  if (!Number.isInteger(index) || index < 0 || index >= leaves.length) refuse("index", "expected a leaf's");
  const proof: Uint8Array[] = [];
  let [from, to] = [0, leaves.length];
  while (to - from > 1) {
    const middle = from + split(to - from);
    if (index < middle) {
      proof.push(rootOf(leaves, middle, to));
      to = middle;
    } else {
      proof.push(rootOf(leaves, from, middle));
      from = middle;
    }
  }
  return proof.reverse();
}

/**
 * Proves that the tree over the first `oldSize` leaves is the beginning of the tree over all.
 *
 * @throws {@link VramError} `ERR_INPUT_INVALID` for an old size below 1 or beyond the leaves.
 * @see RFC 6962, section 2.1.2.
 */
export function consistencyProof(leaves: readonly Uint8Array[], oldSize: number): readonly Uint8Array[] {
  if (!Number.isInteger(oldSize) || oldSize < 1 || oldSize > leaves.length) {
    refuse("oldSize", "expected 1 to the number of leaves");
  }
  const proof: Uint8Array[] = [];
  let [from, to] = [0, leaves.length];
  while (oldSize < to) {
    const middle = from + split(to - from);
    if (oldSize <= middle) {
      proof.push(rootOf(leaves, middle, to));
      to = middle;
    } else {
      proof.push(rootOf(leaves, from, middle));
      from = middle;
    }
  }
  // A subtree that begins at 0 is the old tree itself, whose root the verifier has.
  if (from > 0) proof.push(rootOf(leaves, from, to));
  return proof.reverse();
}

/** True when `proof` shows that the claimed leaf is in the claimed tree. Never throws. @see RFC 9162, section 2.1.3.2. */
export function verifyInclusion(claim: InclusionClaim, proof: readonly Uint8Array[]): boolean {
  const { leaf, index, size, root } = claim;
  if (!isSize(size) || !isSize(index) || index >= size || !areHashes([leaf, root, ...proof])) return false;
  let [node, last] = [index, size - 1];
  let hash = leaf;
  for (const sibling of proof) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      hash = merkleNode(sibling, hash);
      while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)];
    } else {
      hash = merkleNode(hash, sibling);
    }
    [node, last] = [half(node), half(last)];
  }
  return last === 0 && equalBytes(hash, root);
}

/** True when `proof` shows that the old tree is the beginning of the new one. Never throws. @see RFC 9162, section 2.1.4.2. */
export function verifyConsistency(claim: ConsistencyClaim, proof: readonly Uint8Array[]): boolean {
  const { oldSize, oldRoot, size, root } = claim;
  if (!isSize(oldSize) || !isSize(size) || oldSize < 1 || oldSize > size) return false;
  if (!areHashes([oldRoot, root, ...proof])) return false;
  if (oldSize === size) return proof.length === 0 && equalBytes(oldRoot, root);

  let [node, last] = [oldSize - 1, size - 1];
  while (node % 2 === 1) [node, last] = [half(node), half(last)];
  // The old tree is one perfect subtree, and its root is where both computations start.
  const path = node === 0 ? [oldRoot, ...proof] : proof;
  const [first, ...rest] = path;
  if (first === undefined) return false;
  let [oldHash, hash] = [first, first];
  for (const sibling of rest) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      oldHash = merkleNode(sibling, oldHash);
      hash = merkleNode(sibling, hash);
      while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)];
    } else {
      hash = merkleNode(hash, sibling);
    }
    [node, last] = [half(node), half(last)];
  }
  return last === 0 && equalBytes(oldHash, oldRoot) && equalBytes(hash, root);
}

/** The largest power of two below `count`, which is 2 or more. */
function split(count: number): number {
  let left = 1;
  while (2 * left < count) left *= 2;
  return left;
}

function rootOf(leaves: readonly Uint8Array[], from: number, to: number): Uint8Array {
  const range = new CompactRange();
  for (const leaf of leaves.slice(from, to)) range.append(leaf);
  return range.root();
}

function half(value: number): number {
  return Math.floor(value / 2);
}

function isSize(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function areHashes(values: readonly Uint8Array[]): boolean {
  return values.every((value) => value instanceof Uint8Array && value.length === DIGEST_BYTES);
}

function refuse(field: string, reason: string): never {
  throw new VramError("ERR_INPUT_INVALID", `${field}: ${reason}`, { field, reason });
}
