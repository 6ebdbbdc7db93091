/**
 * The keyed functions that seals and logs rest on. Wycheproof's vectors run on exactly these.
 *
 * @module
 */
import { expand, extract } from "@noble/hashes/hkdf.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 as nobleSha256 } from "@noble/hashes/sha2.js";
import { assertBytes, refuseArgument } from "./arguments.ts";

/** Most bytes one {@link hkdfExpand} gives: 255 blocks of SHA-256. */
export const HKDF_BYTES_MAX: number = 255 * 32;

/** HMAC-SHA256. @returns Shape: 32 bytes. @see RFC 2104. */
export function hmacSha256(key: Uint8Array, data: Uint8Array): Uint8Array {
  assertBytes(key, "key");
  assertBytes(data, "data");
  return hmac(nobleSha256, key, data);
}

/** HKDF-SHA256, first half: a pseudorandom key from input keying material. @returns Shape: 32 bytes. @see RFC 5869, section 2.2. */
export function hkdfExtract(salt: Uint8Array, ikm: Uint8Array): Uint8Array {
  assertBytes(salt, "salt");
  assertBytes(ikm, "ikm");
  return extract(nobleSha256, ikm, salt);
}

/**
 * HKDF-SHA256, second half: a key for one purpose from a pseudorandom key.
 *
 * @param info - The purpose and its context, unambiguously encoded (see `lp`).
 * @param length - Unit: bytes. Range: 1 to 8160.
 * @throws `ERR_INPUT_INVALID` for any other length.
 * @see RFC 5869, section 2.3.
 */
export function hkdfExpand(prk: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  if (!Number.isInteger(length) || length < 1 || length > HKDF_BYTES_MAX) {
    refuseArgument("length", `expected an integer from 1 to ${HKDF_BYTES_MAX}`);
  }
  assertBytes(prk, "prk");
  assertBytes(info, "info");
  return expand(nobleSha256, prk, info, length);
}
