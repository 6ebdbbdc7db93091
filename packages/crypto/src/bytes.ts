import { assertBytes, assertText, isBytes, refuseArgument } from "./arguments.ts";

const ENCODER = new TextEncoder();
const DECODER = new TextDecoder();
const [ZERO, NINE, LETTER_A] = [0x30, 0x39, 0x61];
const HEX_DIGITS: Uint8Array = ENCODER.encode("0123456789abcdef");

/** Writes bytes as lowercase hexadecimal. @throws `ERR_INPUT_INVALID` for anything but bytes. */
export function toHex(bytes: Uint8Array): string {
  assertBytes(bytes, "bytes");
  // Decoded at once: joining digit by digit takes four times as long.
  const digits = new Uint8Array(2 * bytes.length);
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index] ?? 0;
    digits[2 * index] = HEX_DIGITS[byte >> 4] ?? 0;
    digits[2 * index + 1] = HEX_DIGITS[byte & 15] ?? 0;
  }
  return DECODER.decode(digits);
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
    bytes[index] = 16 * digitAt(text, 2 * index) + digitAt(text, 2 * index + 1);
  }
  return bytes;
}

/** @param text - Its digits are known to be lowercase hexadecimal. */
function digitAt(text: string, index: number): number {
  const unit = text.charCodeAt(index);
  return unit <= NINE ? unit - ZERO : unit - LETTER_A + 10;
}

/** True for text without a lone surrogate, which has exactly one UTF-8 encoding. Never throws. */
export function isWellFormed(text: string): boolean {
  return typeof text === "string" && text.isWellFormed();
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
  return ENCODER.encode(text);
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
