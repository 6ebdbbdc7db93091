import type { Brand } from "./brand.ts";
import { VramError } from "./error.ts";

/** A size or an offset. Unit: bytes. Range: integers 0 to 2^53 - 1. */
export type ByteCount = Brand<number, "ByteCount">;

/** Which device of an allocator. Range: integers 0 to 255. */
export type DeviceIndex = Brand<number, "DeviceIndex">;

/** The caller's name for a shard. Shape: 1 to 256 characters of `[A-Za-z0-9_-]`. */
export type ShardId = Brand<string, "ShardId">;

/** A 32-byte digest as text. Shape: 64 lowercase hexadecimal digits. */
export type HexDigest = Brand<string, "HexDigest">;

/** The largest device index. */
export const DEVICE_INDEX_MAX = 255;

/** The longest shard id. Unit: bytes. */
export const SHARD_ID_BYTES_MAX = 256;

function refuse(field: string, reason: string): never {
  throw new VramError("ERR_INPUT_INVALID", `${field}: ${reason}`, { field, reason });
}

/** -0 is refused: it is equal to 0, yet another text in JSON and another key in a division. */
function isNatural(value: unknown): value is number {
  return Number.isSafeInteger(value) && !Object.is(value, -0) && (value as number) >= 0;
}

/**
 * Checks a size or offset. The only guard between a bad number and a device: `bun:ffi` wraps instead of refusing.
 *
 * @param value - Unit: bytes.
 * @param field - Name of the argument, for the error.
 * @throws {@link VramError} `ERR_INPUT_INVALID` when `value` is not an integer from 0 to 2^53 - 1.
 */
export function byteCount(value: unknown, field: string): ByteCount {
  if (!isNatural(value)) refuse(field, "expected an integer from 0 to 2^53 - 1");
  return value as ByteCount;
}

/**
 * Checks a device number.
 *
 * @throws {@link VramError} `ERR_INPUT_INVALID` when `value` is not an integer from 0 to 255.
 */
export function deviceIndex(value: unknown, field = "gpuDevice"): DeviceIndex {
  if (!isNatural(value) || value > DEVICE_INDEX_MAX) refuse(field, "expected an integer from 0 to 255");
  return value as DeviceIndex;
}

/**
 * Checks a shard id. ASCII letters, digits, `_` and `-` only, so it is safe in a path, a log and a shell.
 *
 * @throws {@link VramError} `ERR_INPUT_INVALID` when it is not 1 to 256 such characters.
 */
export function shardId(value: unknown, field = "shardId"): ShardId {
  // `$` without the m flag is the end of input in ECMAScript, never a place before a final newline.
  if (typeof value !== "string" || value.length > SHARD_ID_BYTES_MAX || !/^[A-Za-z0-9_-]+$/.test(value)) {
    refuse(field, "expected 1 to 256 bytes of A-Z, a-z, 0-9, _ and -");
  }
  return value as ShardId;
}

/**
 * Checks a 32-byte digest in hexadecimal.
 *
 * @throws {@link VramError} `ERR_INPUT_INVALID` when it is not exactly 64 lowercase hexadecimal digits.
 */
export function hexDigest(value: unknown, field = "digest"): HexDigest {
  if (typeof value !== "string" || !/^[0-9a-f]{64}$/.test(value)) {
    refuse(field, "expected 64 lowercase hexadecimal digits");
  }
  return value as HexDigest;
}
