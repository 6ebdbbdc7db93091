/**
 * The Merkle tree of Linux fs-verity, SHA-256, 4096-byte blocks (docs/spec/digests-v1.md, section 3).
 *
 * @module
 */
import { type Digester, invariant } from "@vram-residency/types";
import { assertBytes, assertPort, refuseArgument } from "./arguments.ts";
import { equalBytes } from "./bytes.ts";
import {
  DIGEST_BYTES,
  FSVERITY_BLOCK_BYTES,
  portableDigester,
  SALT_PREFIX_BYTES,
  sha256,
} from "./digester.ts";

/** Digests that fill one block of the tree. */
export const FSVERITY_GROUP_LEAVES = 128;

/** Data under one level-1 digest. Unit: bytes. */
export const FSVERITY_GROUP_BYTES = 524_288;

/** Longest salt. Unit: bytes. */
export const FSVERITY_SALT_BYTES_MAX = 32;

const DESCRIPTOR_BYTES = 256;
const NO_SALT = new Uint8Array(0);

/**
 * Pads a salt to the block that precedes every hashed block.
 *
 * @returns Shape: 64 bytes, or none without a salt.
 * @throws `ERR_INPUT_INVALID` unless the salt has 1 to 32 bytes.
 */
export function saltPrefix(salt: Uint8Array | undefined): Uint8Array {
  if (salt === undefined) return NO_SALT;
  assertBytes(salt, "salt");
  if (salt.length < 1 || salt.length > FSVERITY_SALT_BYTES_MAX) {
    refuseArgument("salt", `expected 1 to ${FSVERITY_SALT_BYTES_MAX} bytes`);
  }
  const prefix = new Uint8Array(SALT_PREFIX_BYTES);
  prefix.set(salt);
  return prefix;
}

/** How many 4096-byte blocks hold `bytes` bytes. */
export function fsverityBlocks(bytes: number): number {
  return Math.ceil(bytes / FSVERITY_BLOCK_BYTES);
}

/**
 * Hashes every block of a buffer; the last one is padded with zeros.
 *
 * @returns Shape: 32 x ceil(length / 4096) bytes.
 */
export function fsverityLeaves(
  data: Uint8Array,
  digester: Digester = portableDigester,
  salt?: Uint8Array,
): Uint8Array {
  assertBytes(data, "data");
  const prefix = saltPrefix(salt);
  const leaves = new Uint8Array(fsverityBlocks(data.length) * DIGEST_BYTES);
  hashPadded(data, prefix, leaves, digester);
  return leaves;
}

/**
 * The level-1 entry over one group of leaves.
 *
 * @param leaves - Shape: 32 x 1 to 128 bytes.
 * @param totalBlocks - Blocks of the whole file: the only leaf of a one-block file stands for itself.
 * @returns Shape: 32 bytes.
 * @throws `ERR_INPUT_INVALID` for another shape, or more leaves than blocks.
 */
export function fsverityGroup(
  leaves: Uint8Array,
  totalBlocks: number,
  salt?: Uint8Array,
  digester: Digester = portableDigester,
): Uint8Array {
  assertBytes(leaves, "leaves");
  if (!Number.isSafeInteger(totalBlocks)) refuseArgument("totalBlocks", "expected an integer");
  const count = leaves.length / DIGEST_BYTES;
  if (!Number.isInteger(count) || count < 1 || count > FSVERITY_GROUP_LEAVES || count > totalBlocks) {
    refuseArgument("leaves", "expected 1 to 128 digests of 32 bytes, no more than there are blocks");
  }
  if (totalBlocks === 1) return leaves.slice();
  return nextLevel(leaves, saltPrefix(salt), digester);
}

/**
 * Folds level 1 up to the file digest: the digest of the descriptor, never a bare root.
 *
 * @param level1 - Shape: 32 x ceil(bytes / 512 KiB) bytes; of a single block, its leaf.
 * @param bytes - Size of the file. Unit: bytes.
 * @returns Shape: 32 bytes.
 * @throws `ERR_INPUT_INVALID` when level 1 does not have the length that `bytes` asks for.
 */
export function fsverityFromLevel1(
  level1: Uint8Array,
  bytes: number,
  salt?: Uint8Array,
  digester: Digester = portableDigester,
): Uint8Array {
  if (!Number.isSafeInteger(bytes) || bytes < 0)
    refuseArgument("bytes", "expected an integer from 0 to 2^53 - 1");
  assertBytes(level1, "level1");
  if (level1.length !== Math.ceil(bytes / FSVERITY_GROUP_BYTES) * DIGEST_BYTES) {
    refuseArgument("level1", "expected one 32-byte digest for each 512 KiB begun");
  }
  const prefix = saltPrefix(salt);

  let level = bytes === 0 ? new Uint8Array(DIGEST_BYTES) : level1;
  while (level.length > DIGEST_BYTES) level = nextLevel(level, prefix, digester);
  return sha256(descriptor(level, bytes, salt ?? NO_SALT));
}

/**
 * Finds the 32-byte entries in which two levels differ.
 *
 * @returns Their indexes, ascending.
 * @throws `ERR_BUG` when the lengths differ or are no multiple of 32: levels of one size are compared, or none.
 */
export function differingDigests(a: Uint8Array, b: Uint8Array): number[] {
  assertBytes(a, "level");
  assertBytes(b, "level");
  invariant(a.length === b.length, "compared levels have one length");
  invariant(a.length % DIGEST_BYTES === 0, "a level consists of 32-byte digests");
  const indexes: number[] = [];
  for (let start = 0; start < a.length; start += DIGEST_BYTES) {
    const end = start + DIGEST_BYTES;
    if (!equalBytes(a.subarray(start, end), b.subarray(start, end))) indexes.push(start / DIGEST_BYTES);
  }
  return indexes;
}

/** One level up: 128 digests fill a block, the last block is padded with zeros, and each block is hashed like data. */
function nextLevel(level: Uint8Array, prefix: Uint8Array, digester: Digester): Uint8Array {
  const next = new Uint8Array(fsverityBlocks(level.length) * DIGEST_BYTES);
  hashPadded(level, prefix, next, digester);
  return next;
}

function hashPadded(data: Uint8Array, prefix: Uint8Array, out: Uint8Array, digester: Digester): void {
  assertPort(digester, "digester", "sha256Blocks");
  const whole = data.length - (data.length % FSVERITY_BLOCK_BYTES);
  const wholeDigests = (whole / FSVERITY_BLOCK_BYTES) * DIGEST_BYTES;
  if (whole > 0) digester.sha256Blocks(data.subarray(0, whole), prefix, out.subarray(0, wholeDigests));
  if (whole === data.length) return;

  const padded = new Uint8Array(FSVERITY_BLOCK_BYTES);
  padded.set(data.subarray(whole));
  digester.sha256Blocks(padded, prefix, out.subarray(wholeDigests));
}

function descriptor(root: Uint8Array, bytes: number, salt: Uint8Array): Uint8Array {
  const fields = new Uint8Array(DESCRIPTOR_BYTES);
  fields.set([1, 1, 12, salt.length]);
  new DataView(fields.buffer).setBigUint64(8, BigInt(bytes), true);
  fields.set(root, 16);
  fields.set(salt, 80);
  return fields;
}
