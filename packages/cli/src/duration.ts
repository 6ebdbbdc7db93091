import { refuseArgument } from "./report.ts";

const UNITS_MS: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
]);

/**
 * Parses a time span: a number with ms, s, m, h or d.
 *
 * @param field - Name of the argument, for the error.
 * @returns Unit: ms, rounded down. Range: integers 0 to 2^53 - 1.
 * @throws {@link VramError} `ERR_INPUT_INVALID`.
 */
export function parseDuration(text: string, field: string): number {
  const [, number = "", unit = ""] = /^(\d{1,16}(?:\.\d{1,9})?) ?([a-z]{1,2})$/.exec(text) ?? [];
  const ms = Math.floor(Number(number) * (UNITS_MS.get(unit) ?? Number.NaN));
  if (number === "" || !Number.isSafeInteger(ms))
    refuseArgument(field, "expected a time such as 90s, 5m or 1h");
  return ms;
}
