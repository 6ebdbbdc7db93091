/**
 * Names of files in a model, which must not lead out of it, and of ranges in a file.
 *
 * @module
 */
import { type ProvenanceRule, refuse } from "./rules.ts";

const NAME_UNITS_MAX = 4096;

/**
 * Checks a relative path: components with a slash between, none empty, `.` or `..`, no backslash, no NUL.
 *
 * @throws `ERR_PROVENANCE`: `rule`.
 */
export function assertInside(name: string, rule: ProvenanceRule): void {
  const parts = name.split("/");
  const fault =
    name.length > NAME_UNITS_MAX ||
    /[\0\\]/.test(name) ||
    parts.some((part) => ["", ".", ".."].includes(part));
  if (fault) refuse(rule, "a name does not stay inside the model's directory: do not use this model", name);
}

/** Compares text by Unicode code points, where JavaScript compares UTF-16 units: U+FFFD comes before U+1F600. */
export function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index += 1) {
    const [left, right] = [a.charCodeAt(index), b.charCodeAt(index)];
    // Half a pair stands for a code point above all that are written with one unit.
    if (left !== right) return rank(left) - rank(right);
  }
  return a.length - b.length;
}

function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

/** Compares paths component by component, as the reference implementation sorts them. */
export function comparePaths(a: string, b: string): number {
  const [left, right] = [a.split("/"), b.split("/")];
  for (const [index, part] of left.entries()) {
    const other = right[index];
    if (other === undefined) return 1;
    const order = compareCodePoints(part, other);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}
