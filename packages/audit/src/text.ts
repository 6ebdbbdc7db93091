/** Longest text in a record. Unit: UTF-16 code units, so at most 1 KiB of ASCII. */
export const TEXT_LENGTH_MAX = 1024;

// C0 and C1 controls, line and paragraph separators, bidirectional overrides and isolates, zero-width characters, the BOM.
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/u;
const UNPRINTABLE_ALL = new RegExp(UNPRINTABLE, "gu");

/** True for well-formed text that shows on a terminal as what it is, and is short enough for a record. Never throws. */
export function isPrintable(text: string): boolean {
  return text.length <= TEXT_LENGTH_MAX && text.isWellFormed() && !UNPRINTABLE.test(text);
}

/**
 * Makes text from outside fit for a record, a message or a terminal.
 *
 * @param lengthMax - Longest result. Unit: UTF-16 code units.
 * @returns The text with every character that could hide or forge something written as `\u{…}`, cut with `…` when too long.
 */
export function printable(text: string, lengthMax: number = TEXT_LENGTH_MAX): string {
  const shown = text
    .toWellFormed()
    .replace(UNPRINTABLE_ALL, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
  return shown.length <= lengthMax ? shown : `${shown.slice(0, lengthMax - 1).toWellFormed()}…`;
}
