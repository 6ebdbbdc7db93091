/**
 * JSON from outside, taken apart member by member.
 *
 * @module
 */
import { decodeBase64, parseStrictJson } from "@vram-residency/crypto";
import { hasCode, type JsonValue } from "@vram-residency/types";
import { type ProvenanceRule, refuse } from "./rules.ts";

/** A JSON object without a prototype. */
export type Members = Readonly<Record<string, JsonValue>>;

/**
 * Parses strict JSON.
 *
 * @param what - Names it in the error.
 * @throws `ERR_PROVENANCE`: `json-duplicate-name`, `json-trailing-data`, or `json` for every other fault.
 */
export function parseJson(input: Uint8Array, what: string, maxBytes: number): JsonValue {
  try {
    return parseStrictJson(input, { format: what, maxBytes, maxDepth: 16 });
  } catch (cause) {
    const rule = hasCode(cause, "ERR_FORMAT_INVALID") ? cause.detail.rule : "";
    const named = rule === "duplicate-name" || rule === "trailing-data" ? (`json-${rule}` as const) : "json";
    return refuse(named, `the ${what} is not strict JSON: get it again from its publisher`, undefined, cause);
  }
}

/**
 * Takes an object with the members that are named, and no others.
 *
 * @param optional - Members that may be missing.
 */
export function membersOf(
  value: JsonValue | undefined,
  rule: ProvenanceRule,
  what: string,
  required: readonly string[],
  optional: readonly string[] = [],
): Members {
  const members = objectOf(value, rule, what);
  for (const name of required) {
    if (!(name in members)) refuse(rule, `${what} lacks "${name}"`);
  }
  const known = new Set([...required, ...optional]);
  if (Object.keys(members).some((name) => !known.has(name)))
    refuse(rule, `${what} has a member that is not known`);
  return members;
}

/** Takes an object, whatever its members. */
export function objectOf(value: JsonValue | undefined, rule: ProvenanceRule, what: string): Members {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    refuse(rule, `${what} is no JSON object`);
  return value as Members;
}

/** Takes a list. */
export function listOf(
  value: JsonValue | undefined,
  rule: ProvenanceRule,
  what: string,
): readonly JsonValue[] {
  return Array.isArray(value) ? (value as readonly JsonValue[]) : refuse(rule, `${what} is no list`);
}

/** Takes text. */
export function textOf(value: JsonValue | undefined, rule: ProvenanceRule, what: string): string {
  return typeof value === "string" ? value : refuse(rule, `${what} is no text`);
}

/** Takes bytes in base64, in the one spelling that an encoder writes. @throws `ERR_PROVENANCE`: `base64`. */
export function base64Of(value: JsonValue | undefined, what: string): Uint8Array {
  try {
    return decodeBase64(textOf(value, "bundle-shape", what));
  } catch (cause) {
    if (hasCode(cause, "ERR_PROVENANCE")) throw cause;
    return refuse("base64", `${what} is no padded standard base64`, undefined, cause);
  }
}
