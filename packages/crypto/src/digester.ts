import { blake3 } from "@noble/hashes/blake3.js";
import { sha256 as nobleSha256 } from "@noble/hashes/sha2.js";
import { type Digester, type HashStream, invariant } from "@vram-residency/types";
import { assertBytes } from "./arguments.ts";

/** Size of a SHA-256 or BLAKE3-256 digest. Unit: bytes. */
export const DIGEST_BYTES = 32;

/** Size of a data block of fs-verity, and of a block of its tree. Unit: bytes. */
export const FSVERITY_BLOCK_BYTES = 4096;

/** Size of the zero-padded salt: one block of SHA-256. Unit: bytes. */
export const SALT_PREFIX_BYTES = 64;

/** SHA-256 of short data: keys, records, descriptors. @returns Shape: 32 bytes. */
export function sha256(bytes: Uint8Array): Uint8Array {
  assertBytes(bytes, "bytes");
  return nobleSha256(bytes);
}

/**
 * Checks the arguments of `Digester.sha256Blocks`, for every implementation.
 *
 * @returns How many blocks there are.
 * @throws `ERR_BUG` when a length is not what the port says.
 */
export function checkBlocks(data: Uint8Array, prefix: Uint8Array, out: Uint8Array): number {
  for (const bytes of [data, prefix, out]) assertBytes(bytes, "blocks");
  invariant(data.length % FSVERITY_BLOCK_BYTES === 0, "block data is a multiple of 4096 bytes");
  invariant(prefix.length === 0 || prefix.length === SALT_PREFIX_BYTES, "a block prefix has 0 or 64 bytes");
  const blocks = data.length / FSVERITY_BLOCK_BYTES;
  invariant(out.length === blocks * DIGEST_BYTES, "the output has 32 bytes for each block");
  return blocks;
}

/** The {@link Digester} that runs everywhere, in JavaScript alone. */
export const portableDigester: Digester = {
  name: "portable",
  createSha256: () => portableStream(nobleSha256.create()),
  createBlake3: () => portableStream(blake3.create({})),
  sha256Blocks(data, prefix, out) {
    const blocks = checkBlocks(data, prefix, out);
    for (let index = 0; index < blocks; index += 1) {
      const start = index * FSVERITY_BLOCK_BYTES;
      const hash = nobleSha256.create();
      hash.update(prefix).update(data.subarray(start, start + FSVERITY_BLOCK_BYTES));
      hash.digestInto(out.subarray(index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES));
    }
  },
};

interface NobleHash {
  update(data: Uint8Array): unknown;
  digest(): Uint8Array;
}

function portableStream(hash: NobleHash): HashStream {
  return {
    update(data) {
      assertBytes(data, "data");
      hash.update(data);
    },
    digest: () => hash.digest(),
  };
}
