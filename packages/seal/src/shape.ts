/**
 * Checks records field by field, against a table that reads like the page of the format.
 *
 * @module
 */
import { isWellFormed } from "@vram-residency/crypto";

/** What one value must be: a scalar that satisfies `holds`, a record of fields, or a list of exactly one such record. */
export type Rule =
  | { readonly says: string; readonly holds: (value: unknown) => boolean }
  | { readonly record: readonly Field[] }
  | { readonly only: readonly Field[] };

/** One field of a record. The order of fields is the order of the encoding. */
export interface Field {
  readonly name: string;
  readonly rule: Rule;
  readonly optional?: true;
}

/** A record that has been checked: fresh, frozen, without a prototype, its fields in the table's order. */
export type Checked = Readonly<Record<string, unknown>>;

/** Answers a misfit by throwing. `field` is a dotted path of names from the table, never the value's own. */
export type Refuse = (field: string, says: string) => never;

/** Demands a field. */
export function field(name: string, rule: Rule): Field {
  return { name, rule };
}

/** Allows a field. */
export function optional(name: string, rule: Rule): Field {
  return { name, rule, optional: true };
}

/** Text that fits a pattern. */
export function text(says: string, pattern: RegExp): Rule {
  return { says, holds: (value) => typeof value === "string" && pattern.test(value) };
}

/** Well-formed text without control characters. Range: 1 to `maxUnits` UTF-16 code units. */
export function printable(maxUnits: number): Rule {
  return {
    says: `1 to ${maxUnits} printable characters`,
    holds: (value) =>
      typeof value === "string" &&
      value.length >= 1 &&
      value.length <= maxUnits &&
      isWellFormed(value) &&
      !/\p{Cc}/u.test(value),
  };
}

/** An integer from `min` to `max`. Minus zero is none: it is written as 0. */
export function integer(min: number, max: number = Number.MAX_SAFE_INTEGER): Rule {
  return {
    says: `an integer from ${min} to ${max}`,
    holds: (value) =>
      typeof value === "number" &&
      Number.isSafeInteger(value) &&
      value >= min &&
      value <= max &&
      !Object.is(value, -0),
  };
}

/** Exactly one of these values. */
export function oneOf(...values: readonly (string | number | boolean)[]): Rule {
  return { says: values.join(" or "), holds: (value) => values.some((allowed) => allowed === value) };
}

/**
 * Copies a record field by field, and checks the copy.
 *
 * Each own property is read once, by its descriptor: a getter never runs, a prototype gives nothing, and what a proxy
 * answers later does not matter. Names that are not in the table are refused, symbols included.
 */
export function checkRecord(value: unknown, fields: readonly Field[], path: string, refuse: Refuse): Checked {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return refuse(path, "an object");
  const known = fields.map(({ name }): string | symbol => name);
  if (!Reflect.ownKeys(value).every((name) => known.includes(name))) refuse(path, "no unknown field");

  // Without a prototype, or an optional field that is missing could be inherited.
  const copy: Record<string, unknown> = Object.create(null);
  for (const { name, rule, optional: mayMiss } of fields) {
    const place = path === "" ? name : `${path}.${name}`;
    const member = readOwn(value, name, place, refuse);
    if (member === undefined && mayMiss) continue;
    copy[name] = checkValue(member, rule, place, refuse);
  }
  return Object.freeze(copy);
}

function checkValue(value: unknown, rule: Rule, path: string, refuse: Refuse): unknown {
  if ("record" in rule) return checkRecord(value, rule.record, path, refuse);
  if ("holds" in rule) return rule.holds(value) ? value : refuse(path, rule.says);
  if (!Array.isArray(value) || Reflect.ownKeys(value).length !== 2)
    return refuse(path, "a list of exactly one");
  return Object.freeze([checkRecord(readOwn(value, "0", path, refuse), rule.only, path, refuse)]);
}

function readOwn(value: object, name: string, path: string, refuse: Refuse): unknown {
  const descriptor = Reflect.getOwnPropertyDescriptor(value, name);
  if (descriptor && !("value" in descriptor)) refuse(path, "a plain value");
  return descriptor?.value;
}
