import { computeDigest, createFsVerity, toHex } from "@vram-residency/crypto";
import type { DigestAlgorithm, HexDigest } from "@vram-residency/types";

/** What the fs-verity tree over some bytes looks like, computed on the host. */
export interface ReferenceTree {
  readonly digest: string;
  readonly level1: Uint8Array;
  /** Shape: 32 bytes for each 4096-byte block. */
  readonly leaves: Uint8Array;
}

/** The digest an allocator must report for these bytes. */
export function referenceDigest(bytes: Uint8Array, algorithm: DigestAlgorithm): HexDigest {
  return computeDigest(bytes, algorithm);
}

/** The tree an allocator must report for these bytes. */
export function referenceTree(bytes: Uint8Array, salt?: Uint8Array): ReferenceTree {
  const leaves = new Uint8Array(Math.ceil(bytes.length / 4096) * 32);
  const stream = createFsVerity({
    ...(salt === undefined ? {} : { salt }),
    onLeaves: (run, firstBlock) => leaves.set(run, firstBlock * 32),
  });
  stream.update(bytes);
  const { digest, level1 } = stream.finish();
  return { digest: toHex(digest), level1, leaves };
}

/** Sizes at which blocks, groups and the tree's levels begin and end. Unit: bytes. */
export const BOUNDARY_SIZES: readonly number[] = [
  1, 31, 4095, 4096, 4097, 8192, 524_287, 524_288, 524_289, 1_048_576, 1_048_577,
];
