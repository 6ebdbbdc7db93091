/** The digest that can be recomputed in parallel over device memory (docs/spec/digests-v1.md). */
export type ResidencyAlgorithm = "fsverity-sha256" | "blake3";

/** Every digest this project computes. */
export type DigestAlgorithm = "sha256" | ResidencyAlgorithm;

/** A running hash. Use once: `update` any number of times, then `digest`. */
export interface HashStream {
  update(data: Uint8Array): void;
  /** @returns Shape: 32 bytes. */
  digest(): Uint8Array;
}

/**
 * Hash functions for bulk bytes. The portable one is always there; a faster one (node:crypto, the native library) is injected.
 *
 * Every implementation gives the same bytes; only the speed differs.
 */
export interface Digester {
  /** What does the work, for reports: "portable", "node", "native". */
  readonly name: string;
  createSha256(): HashStream;
  createBlake3(): HashStream;
  /**
   * Hashes each whole 4096-byte block of `data` as SHA-256(prefix || block).
   *
   * @param data - Shape: n x 4096 bytes.
   * @param prefix - Empty, or one 64-byte block (a salt, zero-padded).
   * @param out - Receives n x 32 bytes.
   */
  sha256Blocks(data: Uint8Array, prefix: Uint8Array, out: Uint8Array): void;
}
