/**
 * Where damage lies: from level-1 digests that differ to 4 KiB blocks and tensors.
 *
 * @module
 */
import {
  differingDigests,
  equalBytes,
  FSVERITY_BLOCK_BYTES,
  FSVERITY_GROUP_BYTES,
  FSVERITY_GROUP_LEAVES,
  fromHex,
  fsverityFromLevel1,
  fsverityGroup,
} from "@vram-residency/crypto";
import { byteCount, type Mismatch, type TensorRange } from "@vram-residency/types";
import type { Core } from "./core.ts";
import type { Sealed, Slot } from "./slots.ts";

/** Most mismatches an error or a record names. */
export const MISMATCHES_MAX = 64;
const TENSORS_MAX = 8;
const DIGEST_BYTES = 32;

/** Damage, located as far as the digests that were kept allow. */
export interface Damage {
  /** At most {@link MISMATCHES_MAX}, by offset. */
  readonly mismatches: readonly Mismatch[];
  /** How many further blocks or groups differ. */
  readonly more: number;
}

/**
 * Names the blocks that differ from what was sealed.
 *
 * @param found - Level-1 digests of what lies in device memory.
 */
export async function locateDamage(
  core: Core,
  slot: Slot,
  sealed: Sealed,
  found: Uint8Array,
  signal: AbortSignal,
): Promise<Damage> {
  const groups =
    trustedLevel1(sealed) && found.length === sealed.level1.length
      ? differingDigests(sealed.level1, found)
      : [];
  // The roots differ, but no level-1 digest does, or none can be trusted: nothing better can be said than "somewhere".
  if (groups.length === 0) return { mismatches: [describe(slot, 0, slot.bytes)], more: 0 };
  const mismatches: Mismatch[] = [];
  let more = 0;
  for (const group of groups) {
    if (mismatches.length >= MISMATCHES_MAX) {
      more++;
      continue;
    }
    for (const { offset, bytes } of await damagedBlocks(core, slot, sealed, group, signal)) {
      if (mismatches.length < MISMATCHES_MAX) mismatches.push(describe(slot, offset, bytes));
      else more++;
    }
  }
  return { mismatches, more };
}

/** True when the kept level-1 digests fold up to the sealed digest. */
export function trustedLevel1({ level1, body }: Sealed): boolean {
  return equalBytes(fsverityFromLevel1(level1, body.bytes), fromHex(body.residency.digest));
}

/** Byte range of one group of 128 blocks. */
export function groupRange(slot: Slot, group: number): { offset: number; bytes: number } {
  const offset = group * FSVERITY_GROUP_BYTES;
  return { offset, bytes: Math.min(FSVERITY_GROUP_BYTES, slot.bytes - offset) };
}

/**
 * The sealed leaves of one group, from where they are stored in device memory.
 *
 * @returns Shape: 32 bytes a block; undefined when none were stored, or when what is stored does not fold up to the seal.
 */
export async function storedLeaves(
  core: Core,
  slot: Slot,
  sealed: Sealed,
  group: number,
): Promise<Uint8Array | undefined> {
  const blocks = Math.ceil(groupRange(slot, group).bytes / FSVERITY_BLOCK_BYTES);
  const total = Math.ceil(slot.bytes / FSVERITY_BLOCK_BYTES);
  // A single block is its own leaf, and that is what level 1 holds then.
  if (total === 1) return sealed.level1;
  if (slot.leaves === undefined) return undefined;
  const offset = byteCount(group * FSVERITY_GROUP_LEAVES * DIGEST_BYTES, "offset");
  const leaves = await core.allocator.readBlocks(
    slot.leaves.id,
    offset,
    byteCount(blocks * DIGEST_BYTES, "bytes"),
  );
  return foldsTo(leaves, sealed, group, total) ? leaves : undefined;
}

/** True when the leaves of a group fold up to its sealed level-1 digest. */
export function foldsTo(leaves: Uint8Array, sealed: Sealed, group: number, totalBlocks: number): boolean {
  const entry = sealed.level1.subarray(group * DIGEST_BYTES, (group + 1) * DIGEST_BYTES);
  return entry.length === DIGEST_BYTES && equalBytes(fsverityGroup(leaves, totalBlocks), entry);
}

/** The leaves of one group as device memory has them now. Shape: 32 bytes a block. */
export async function currentLeaves(
  core: Core,
  slot: Slot,
  group: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const main = slot.main;
  if (main === undefined) return new Uint8Array(0);
  const range = groupRange(slot, group);
  const report = await core.allocator.digest(main.id, {
    algorithm: "fsverity-sha256",
    range,
    tree: "leaves",
    signal,
  });
  return report.leaves ?? new Uint8Array(0);
}

/** Byte range of a block of a group, cut at the shard's end. */
export function blockRange(slot: Slot, group: number, block: number): { offset: number; bytes: number } {
  const offset = group * FSVERITY_GROUP_BYTES + block * FSVERITY_BLOCK_BYTES;
  return { offset, bytes: Math.min(FSVERITY_BLOCK_BYTES, slot.bytes - offset) };
}

async function damagedBlocks(
  core: Core,
  slot: Slot,
  sealed: Sealed,
  group: number,
  signal: AbortSignal,
): Promise<readonly { offset: number; bytes: number }[]> {
  const wanted = await storedLeaves(core, slot, sealed, group);
  if (wanted === undefined) return [groupRange(slot, group)];
  const leaves = await currentLeaves(core, slot, group, signal);
  const blocks = leaves.length === wanted.length ? differingDigests(wanted, leaves) : [];
  // It was wrong a moment ago and is right now: still damage, but no block can be named.
  if (blocks.length === 0) return [groupRange(slot, group)];
  return blocks.map((block) => blockRange(slot, group, block));
}

function describe(slot: Slot, offset: number, bytes: number): Mismatch {
  const tensors = overlapping(slot.tensors, offset, bytes).map(({ name }) => name);
  const [only, ...others] = tensors;
  return {
    offset,
    bytes,
    ...(only !== undefined && others.length === 0 ? { tensor: only } : {}),
    tensors: tensors.slice(0, TENSORS_MAX),
  };
}

/** Tensors that share a byte with the range; `tensors` is sorted by offset and free of overlaps. */
function overlapping(tensors: readonly TensorRange[], offset: number, bytes: number): readonly TensorRange[] {
  let low = 0;
  let high = tensors.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const tensor = tensors[middle];
    if (tensor !== undefined && tensor.offset + tensor.bytes <= offset) low = middle + 1;
    else high = middle;
  }
  const found: TensorRange[] = [];
  for (let index = low; index < tensors.length && found.length <= TENSORS_MAX; index++) {
    const tensor = tensors[index];
    if (tensor === undefined || tensor.offset >= offset + bytes) break;
    if (tensor.bytes > 0) found.push(tensor);
  }
  return found;
}
