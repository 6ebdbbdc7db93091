import { refuseArgument } from "./report.ts";

const UNITS: ReadonlyMap<string, number> = new Map([
  ["", 1],
  ["B", 1],
  ...["K", "M", "G", "T"].flatMap((prefix, index): [string, number][] => [
    [`${prefix}iB`, 1024 ** (index + 1)],
    [prefix, 1024 ** (index + 1)],
    [`${prefix}B`, 1000 ** (index + 1)],
  ]),
]);

/**
 * Parses a size: `BYTES`, or a number with B, KiB to TiB (or K to T, the same), KB to TB (powers of 1000).
 *
 * @param field - Name of the argument, for the error.
 * @returns Unit: bytes, rounded down. Range: integers 0 to 2^53 - 1.
 * @throws {@link VramError} `ERR_INPUT_INVALID`.
 */
export function parseSize(text: string, field: string): number {
  const [, number = "", unit = ""] = /^(\d{1,16}(?:\.\d{1,9})?) ?([A-Za-z]*)$/.exec(text) ?? [];
  const factor = UNITS.get(unit);
  const bytes = Math.floor(Number(number) * (factor ?? Number.NaN));
  if (number === "" || !Number.isSafeInteger(bytes)) {
    refuseArgument(field, "expected a size such as 1073741824, 80GiB or 24GB");
  }
  return bytes;
}
