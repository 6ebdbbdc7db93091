import {
  type ByteCount,
  byteCount,
  type HexDigest,
  hexDigest,
  type ShardId,
  shardId,
} from "@vram-residency/types";
import fc from "fast-check";
import { seededRandom } from "../fakes/random.ts";

const ID_CHARACTERS: readonly string[] =
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-".split("");

/** Where the blocks and levels of the tree begin and end, the second level at 64 MiB. Unit: bytes. */
const EDGES: readonly number[] = [4096, 524_288, 1_048_576, 4_194_304, 67_108_864];

/** Accepted shard ids, the longest ones often among them. */
export function shardIds(): fc.Arbitrary<ShardId> {
  const unit = fc.constantFrom(...ID_CHARACTERS);
  const long = fc.string({ unit, minLength: 255, maxLength: 256, size: "max" });
  const text = fc.oneof(
    { weight: 8, arbitrary: fc.string({ unit, minLength: 1, maxLength: 40 }) },
    { weight: 1, arbitrary: long },
  );
  return text.map((one) => shardId(one));
}

/** 32-byte digests as text. */
export function digests(): fc.Arbitrary<HexDigest> {
  return hex(32).map((text) => hexDigest(text));
}

/** Lowercase hexadecimal text of `bytes` bytes. */
export function hex(bytes: number): fc.Arbitrary<string> {
  const length = 2 * bytes;
  return fc.string({
    unit: fc.constantFrom(..."0123456789abcdef".split("")),
    minLength: length,
    maxLength: length,
  });
}

/** How large shards get, for {@link shardSizes} and {@link shardBytes}. */
export interface ShardLimit {
  /** At least 1. Unit: bytes. */
  readonly max: number;
}

/** Sizes of shards, from 1, most of them at or next to where a block, a group or a level ends. */
export function shardSizes(limit: ShardLimit): fc.Arbitrary<ByteCount> {
  const edges = [1, ...EDGES, limit.max].flatMap((edge) => [edge - 1, edge, edge + 1]);
  const near = edges.filter((bytes) => bytes >= 1 && bytes <= limit.max);
  const bytes = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...near) },
    { weight: 2, arbitrary: fc.integer({ min: 1, max: limit.max }) },
  );
  return bytes.map((one) => byteCount(one, "bytes"));
}

/**
 * Contents of shards, of such sizes: random, but some zero all through, and some zero up to their last byte.
 *
 * Shrinks by size; the content follows from a seed, so that large ones are quick to make.
 */
export function shardBytes(limit: ShardLimit): fc.Arbitrary<Uint8Array> {
  const kind = fc.constantFrom("random", "random", "random", "zeros", "last byte");
  return fc.tuple(shardSizes(limit), fc.integer(), kind).map(([bytes, seed, one]) => {
    const content = one === "random" ? seededRandom(seed).bytes(bytes) : new Uint8Array(bytes);
    if (one === "last byte") content[bytes - 1] = 1;
    return content;
  });
}

/** One bit of a shard. */
export interface ByteFlip {
  /** Unit: bytes. */
  readonly offset: number;
  /** 0 to 7. */
  readonly bit: number;
}

/** Single bits in `bytes` bytes: anywhere, and often in the first and last byte, and at the edges of blocks and groups. */
export function byteFlips(bytes: number): fc.Arbitrary<ByteFlip> {
  const edges = [0, bytes - 1, ...EDGES.flatMap((edge) => [edge - 1, edge])];
  const near = edges.filter((offset) => offset >= 0 && offset < bytes);
  const offset = fc.oneof(fc.constantFrom(...near), fc.nat(bytes - 1));
  return fc.record({ offset, bit: fc.nat(7) });
}
