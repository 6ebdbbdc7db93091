/**
 * The keyed functions that seals and logs rest on. Wycheproof's vectors run on exactly these.
 *
 * @module
 */
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 as nobleSha256 } from "@noble/hashes/sha2.js";
import { assertBytes, refuseArgument } from "./arguments.ts";
import { concatBytes } from "./bytes.ts";
import { DIGEST_BYTES } from "./digester.ts";

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
  return hmacSha256(salt, ikm);
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
  const okm = new Uint8Array(length);
  let block: Uint8Array = new Uint8Array(0);
  for (let at = 0, counter = 1; at < length; at += DIGEST_BYTES, counter += 1) {
    const previous = block;
    block = hmacSha256(prk, concatBytes(previous, info, Uint8Array.of(counter)));
    okm.set(block.subarray(0, length - at), at);
    previous.fill(0);
  }
  block.fill(0);
  return okm;
}
