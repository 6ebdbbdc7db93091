import { VramError } from "@vram-residency/types";
import { assertBytes, assertText } from "./arguments.ts";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Encodes bytes in base64, standard alphabet, with padding (RFC 4648, section 4). */
export function encodeBase64(bytes: Uint8Array): string {
  assertBytes(bytes, "bytes");
  let text = "";
  for (let index = 0; index < bytes.length; index += 3) {
    const left = bytes.length - index;
    const word = ((bytes[index] ?? 0) << 16) | ((bytes[index + 1] ?? 0) << 8) | (bytes[index + 2] ?? 0);
    text += ALPHABET.charAt(word >> 18) + ALPHABET.charAt((word >> 12) & 63);
    text += left > 1 ? ALPHABET.charAt((word >> 6) & 63) : "=";
    text += left > 2 ? ALPHABET.charAt(word & 63) : "=";
  }
  return text;
}

/**
 * Decodes base64, and accepts the one spelling that {@link encodeBase64} would have written.
 *
 * A lenient decoder gives one signature many texts, which defeats whoever compares or counts envelopes.
 *
 * @throws {@link VramError} `ERR_FORMAT_INVALID` with rule "length", "alphabet", "padding" or "unused-bits";
 * `ERR_INPUT_INVALID` for anything but text.
 * @see RFC 4648, sections 3.3 and 3.5.
 */
export function decodeBase64(text: string): Uint8Array {
  assertText(text, "base64");
  if (text.length % 4 !== 0) refuse("length", text.length);
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const digits = text.length - padding;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);

  let bits = 0;
  let word = 0;
  let offset = 0;
  for (let index = 0; index < digits; index += 1) {
    const value = digitValue(text.charCodeAt(index));
    if (value < 0) refuse(text[index] === "=" ? "padding" : "alphabet", index);
    word = ((word << 6) | value) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[offset] = (word >> bits) & 0xff;
      offset += 1;
    }
  }
  if ((word & ((1 << bits) - 1)) !== 0) refuse("unused-bits", digits - 1);
  return bytes;
}

function digitValue(unit: number): number {
  if (unit >= 0x41 && unit <= 0x5a) return unit - 0x41;
  if (unit >= 0x61 && unit <= 0x7a) return unit - 0x61 + 26;
  if (unit >= 0x30 && unit <= 0x39) return unit - 0x30 + 52;
  if (unit === 0x2b) return 62;
  return unit === 0x2f ? 63 : -1;
}

function refuse(rule: string, offset: number): never {
  throw new VramError(
    "ERR_FORMAT_INVALID",
    `base64 breaks the rule "${rule}" at ${offset}: expected the padded standard alphabet, as an encoder writes it`,
    { format: "base64", rule, offset },
  );
}
