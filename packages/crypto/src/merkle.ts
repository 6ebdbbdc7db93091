/**
 * The Merkle tree of RFC 6962 over a growing list, one hash at a time.
 *
 * @module
 */
import { invariant, VramError } from "@vram-residency/types";
import { DIGEST_BYTES, sha256 } from "./digester.ts";

/** Most hashes that a frontier holds. */
export const FRONTIER_HASHES_MAX = 64;

/** SHA-256 of short data. Injected where the portable one is too slow. Must not keep what it is given. */
export type Sha256 = (bytes: Uint8Array) => Uint8Array;

/** What is hashed, with its first byte, which tells a leaf from a node. Written anew each time, so as not to allocate. */
const LEAF_INPUT: Uint8Array = new Uint8Array(16 * 1024 + 1);
const NODE_INPUT: Uint8Array = Uint8Array.of(1, ...new Uint8Array(2 * DIGEST_BYTES));

/** Hashes a leaf: SHA-256(0x00 || data). @returns Shape: 32 bytes. @see RFC 6962, section 2.1. */
export function merkleLeaf(data: Uint8Array, hash: Sha256 = sha256): Uint8Array {
  const bytes = 1 + data.length;
  const input = bytes <= LEAF_INPUT.length ? LEAF_INPUT.subarray(0, bytes) : new Uint8Array(bytes);
  input.set(data, 1);
  return hash(input);
}

/**
 * Hashes two subtrees into their parent: SHA-256(0x01 || left || right).
 *
 * @returns Shape: 32 bytes.
 * @throws {@link VramError} `ERR_BUG` unless both have 32 bytes.
 */
export function merkleNode(left: Uint8Array, right: Uint8Array, hash: Sha256 = sha256): Uint8Array {
  invariant(left.length === DIGEST_BYTES && right.length === DIGEST_BYTES, "a subtree's root has 32 bytes");
  NODE_INPUT.set(left, 1);
  NODE_INPUT.set(right, 1 + DIGEST_BYTES);
  return hash(NODE_INPUT);
}

/**
 * The tree over every leaf appended so far, kept as the roots of its perfect subtrees: constant memory, any size.
 *
 * There is one subtree for each bit that is set in the size, largest first.
 */
export class CompactRange {
  #size = 0;
  #frontier: Uint8Array[] = [];
  readonly #hash: Sha256;

  constructor(hash: Sha256 = sha256) {
    this.#hash = hash;
  }

  /**
   * Goes on from a frontier that was stored.
   *
   * @param size - How many leaves it stands for. Range: 0 to 2^53 - 1.
   * @param frontier - Copied. Shape: one hash of 32 bytes for each bit set in `size`.
   * @throws {@link VramError} `ERR_INPUT_INVALID` when the two do not fit.
   */
  static restore(size: number, frontier: readonly Uint8Array[], hash: Sha256 = sha256): CompactRange {
    if (!Number.isSafeInteger(size) || size < 0) refuse("size", "expected an integer from 0 to 2^53 - 1");
    if (frontier.length !== bitsSet(size) || frontier.some(({ length }) => length !== DIGEST_BYTES)) {
      refuse("frontier", "expected one hash of 32 bytes for each bit set in the size");
    }
    const range = new CompactRange(hash);
    range.#size = size;
    range.#frontier = frontier.map((node) => Uint8Array.from(node));
    return range;
  }

  /** How many leaves there are. */
  get size(): number {
    return this.#size;
  }

  /** Adds the hash of the next leaf. @param leaf - Kept; from {@link merkleLeaf}. Shape: 32 bytes. */
  append(leaf: Uint8Array): void {
    let node = leaf;
    // Each set low bit is a finished subtree of the same height as `node`, on its left.
    for (let size = this.#size; size % 2 === 1; size = Math.floor(size / 2)) {
      node = merkleNode(this.#frontier.pop() ?? node, node, this.#hash);
    }
    this.#frontier.push(node);
    this.#size += 1;
  }

  /** Computes the tree's root; of no leaves it is the hash of nothing. @returns Shape: 32 bytes. */
  root(): Uint8Array {
    if (this.#size === 0) return this.#hash(new Uint8Array(0));
    return this.#frontier.reduceRight((right, left) => merkleNode(left, right, this.#hash)).slice();
  }

  /** Copies the roots of the perfect subtrees, largest first, for {@link CompactRange.restore}. */
  frontier(): readonly Uint8Array[] {
    return this.#frontier.map((node) => node.slice());
  }

  /** Copies the range; the two go separate ways. */
  fork(): CompactRange {
    return CompactRange.restore(this.#size, this.#frontier, this.#hash);
  }
}

function bitsSet(size: number): number {
  let bits = 0;
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) bits += rest % 2;
  return bits;
}

function refuse(field: string, reason: string): never {
  throw new VramError("ERR_INPUT_INVALID", `${field}: ${reason}`, { field, reason });
}
