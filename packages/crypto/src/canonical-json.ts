import type { JsonValue } from "@vram-residency/types";
import { reading, refuseArgument } from "./arguments.ts";
import { isWellFormed } from "./bytes.ts";

/** Deeper nesting is refused rather than left to the stack. */
const DEPTH_MAX = 256;

/**
 * Writes JSON so that equal values have equal bytes: names sorted by UTF-16 code unit, no spaces, ECMAScript's numbers.
 *
 * @throws `ERR_INPUT_INVALID` for what JSON cannot carry: a number that is not finite, a lone
 * surrogate, `undefined` and other foreign values, nesting beyond 256.
 * @see RFC 8785.
 */
export function canonicalJson(value: JsonValue): string {
  return reading("value", () => write(value, 0));
}

function write(value: JsonValue, depth: number): string {
  if (depth > DEPTH_MAX) refuse(`expected at most ${DEPTH_MAX} levels`);
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "string") return writeText(value);
  if (typeof value === "number") {
    if (!Number.isFinite(value)) refuse("expected finite numbers");
    // Minus zero is written as 0, as RFC 8785, section 3.2.2.3 wants it.
    return String(value);
  }
  if (typeof value !== "object") refuse("expected only JSON values");
  if (Array.isArray(value)) return `[${Array.from(value, (item) => write(item, depth + 1)).join(",")}]`;

  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${writeText(name)}:${write(member, depth + 1)}`).join(",")}}`;
}

function writeText(text: string): string {
  if (!isWellFormed(text)) refuse("expected well-formed Unicode without lone surrogates");
  return JSON.stringify(text);
}

function refuse(reason: string): never {
  refuseArgument("value", reason);
}
