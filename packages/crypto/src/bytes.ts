import { assertBytes, assertText, isBytes, refuseArgument } from "./arguments.ts";

const HEX_DIGITS = "0123456789abcdef";

/** Writes bytes as lowercase hexadecimal. @throws `ERR_INPUT_INVALID` for anything but bytes. */
export function toHex(bytes: Uint8Array): string {
  assertBytes(bytes, "bytes");
  let text = "";
  for (const byte of bytes) text += HEX_DIGITS.charAt(byte >> 4) + HEX_DIGITS.charAt(byte & 15);
  return text;
}

/**
 * Reads lowercase hexadecimal.
 *
 * @throws `ERR_INPUT_INVALID` for an odd length or any other character, uppercase digits included: a
 * digest has one spelling.
 */
export function fromHex(text: string): Uint8Array {
  assertText(text, "hex");
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/.test(text)) {
    refuseArgument("hex", "expected pairs of lowercase hexadecimal digits");
  }
  const bytes = new Uint8Array(text.length / 2);
  for (let index = 0; index < bytes.length; index += 1) {
    bytes[index] = Number.parseInt(text.slice(2 * index, 2 * index + 2), 16);
  }
  return bytes;
}

/** True for text without a lone surrogate, which has exactly one UTF-8 encoding. Never throws. */
export function isWellFormed(text: string): boolean {
  return typeof text === "string" && !/\p{Surrogate}/u.test(text);
}

/**
 * Encodes text as UTF-8.
 *
 * @throws `ERR_INPUT_INVALID` for a lone surrogate. `TextEncoder` turns each one into U+FFFD, so two
 * different texts would have the same bytes, and the same MAC.
 */
export function utf8(text: string): Uint8Array {
  assertText(text, "text");
  if (!isWellFormed(text)) {
    refuseArgument("text", "expected well-formed Unicode without lone surrogates");
  }
  return new TextEncoder().encode(text);
}

/** Joins byte strings into a fresh one. @throws `ERR_INPUT_INVALID` for a part that is no bytes. */
export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  for (const part of parts) assertBytes(part, "parts");
  const whole = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/**
 * Compares two byte strings, or two hexadecimal texts, without telling by its duration where they differ.
 *
 * By hand, because `timingSafeEqual` of `node:crypto` does not exist in a browser. A length is no secret: unequal ones
 * answer at once.
 *
 * @throws `ERR_INPUT_INVALID` unless both are bytes or both are text: things without content would compare equal.
 */
export function equalBytes<Data extends Uint8Array | string>(a: Data, b: Data): boolean {
  const comparable = typeof a === "string" ? typeof b === "string" : isBytes(a) && isBytes(b);
  if (!comparable) refuseArgument("bytes", "expected two byte strings, or two texts");
  if (a.length !== b.length) return false;

  let difference = 0;
  for (let index = 0; index < a.length; index += 1) difference |= unitAt(a, index) ^ unitAt(b, index);
  return difference === 0;
}

function unitAt(data: Uint8Array | string, index: number): number {
  return typeof data === "string" ? data.charCodeAt(index) : (data[index] ?? 0);
}
