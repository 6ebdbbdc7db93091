/** Longest text in a record. Unit: UTF-16 code units, so at most 1 KiB of ASCII. */
export const TEXT_LENGTH_MAX = 1024;

// Controls, line and paragraph separators, and Unicode's format characters: every bidirectional mark, override and
// isolate, zero-width characters, soft hyphens, the BOM, invisible tags.
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;
const UNPRINTABLE_ALL = new RegExp(UNPRINTABLE, "gu");

import { assertText } from "@vram-residency/crypto";

/** True for well-formed text that shows on a terminal as what it is, and is short enough for a record. Never throws. */
export function isPrintable(text: string): boolean {
  return (
    typeof text === "string" &&
    text.length <= TEXT_LENGTH_MAX &&
    text.isWellFormed() &&
    !UNPRINTABLE.test(text)
  );
}

/**
 * Makes text from outside fit for a record, a message or a terminal.
 *
 * @param lengthMax - Longest result. Unit: UTF-16 code units. Over {@link TEXT_LENGTH_MAX}, it is too long for a record.
 * @returns The text with every character that could hide or forge something written as `\u{…}`, cut with `…` when too long.
 */
export function printable(text: string, lengthMax: number = TEXT_LENGTH_MAX): string {
  assertText(text, "text");
  if (typeof lengthMax !== "number" || !(lengthMax >= 1)) return "";
  // One more than is shown is enough to know that something was cut; the rest need not be looked at.
  const shown = text
    .slice(0, lengthMax + 1)
    .toWellFormed()
    .replace(UNPRINTABLE_ALL, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
  return shown.length <= lengthMax ? shown : `${shown.slice(0, lengthMax - 1).toWellFormed()}…`;
}
