import type { Digester } from "@vram-residency/types";

/** Most bytes of one view. Unit: bytes. */
export const VIEW_BYTES_MAX: number = 1 << 20;

/** What every segment that was never written looks like. Never written to. */
const ZEROS: Uint8Array = new Uint8Array(VIEW_BYTES_MAX);

const NO_WORDS: Uint32Array = new Uint32Array(0);
const DIGEST_BYTES = 32;
const BLOCK_BYTES = 4096;

/** A view of `bytes` zeros, at most 1 MiB. */
export function zeros(bytes: number): Uint8Array {
  return ZEROS.subarray(0, bytes);
}

/** True when every byte is zero. */
export function isZero(bytes: Uint8Array): boolean {
  if (bytes.buffer === ZEROS.buffer) return true;
  const lead = Math.min(bytes.length, (4 - (bytes.byteOffset % 4)) % 4);
  const words = (bytes.length - lead) >> 2;
  // A view of no words may start nowhere but on a boundary either.
  const view = words === 0 ? NO_WORDS : new Uint32Array(bytes.buffer, bytes.byteOffset + lead, words);
  let seen = 0;
  for (let index = 0; index < lead; index += 1) seen |= bytes[index] ?? 0;
  for (let index = 0; index < words && seen === 0; index += 1) seen |= view[index] ?? 0;
  for (let index = lead + words * 4; index < bytes.length; index += 1) seen |= bytes[index] ?? 0;
  return seen === 0;
}

/**
 * Wraps a digester so that blocks of {@link zeros} cost one hash for each salt, and no more: gigabytes that were never written
 * are hashed in no time. Same bytes out.
 */
export function zeroAware(digester: Digester): Digester {
  // By the prefix array itself: each running digest keeps one and never changes it.
  const leaves = new WeakMap<Uint8Array, Uint8Array>();
  const leaf = (prefix: Uint8Array): Uint8Array => {
    let known = leaves.get(prefix);
    if (known === undefined) {
      known = new Uint8Array(DIGEST_BYTES);
      digester.sha256Blocks(zeros(BLOCK_BYTES), prefix, known);
      leaves.set(prefix, known);
    }
    return known;
  };
  return {
    name: digester.name,
    createSha256: () => digester.createSha256(),
    createBlake3: () => digester.createBlake3(),
    sha256Blocks(data, prefix, out) {
      const blocks = data.length / BLOCK_BYTES;
      if (data.buffer !== ZEROS.buffer || !Number.isInteger(blocks) || out.length !== blocks * DIGEST_BYTES) {
        digester.sha256Blocks(data, prefix, out);
        return;
      }
      const one = leaf(prefix);
      for (let start = 0; start < out.length; start += DIGEST_BYTES) out.set(one, start);
    },
  };
}
