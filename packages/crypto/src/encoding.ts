/**
 * Encodings that are put under a MAC, so that no two inputs share one.
 *
 * @module
 */
import { assertBytes } from "./arguments.ts";
import { concatBytes, utf8 } from "./bytes.ts";

/**
 * Length-prefixes a value: `u32be(byteLength) || bytes`. Concatenations of such values are unambiguous.
 *
 * @param value - Text is taken as UTF-8. Range: under 2^32 bytes.
 * @throws `ERR_INPUT_INVALID` for text with a lone surrogate.
 */
export function lp(value: string | Uint8Array): Uint8Array {
  const bytes = typeof value === "string" ? utf8(value) : value;
  assertBytes(bytes, "value");
  const prefix = new Uint8Array(4);
  new DataView(prefix.buffer).setUint32(0, bytes.length);
  return concatBytes(prefix, bytes);
}

/**
 * DSSE's pre-authentication encoding: `"DSSEv1" SP len(type) SP type SP len(body) SP body`, lengths in bytes, decimal.
 *
 * @throws `ERR_INPUT_INVALID` for a type with a lone surrogate.
 * @see https://github.com/secure-systems-lab/dsse/blob/master/protocol.md
 */
export function pae(payloadType: string, body: Uint8Array): Uint8Array {
  assertBytes(body, "body");
  const type = utf8(payloadType);
  return concatBytes(utf8(`DSSEv1 ${type.length} `), type, utf8(` ${body.length} `), body);
}
