import { refuse } from "./refusal.ts";

/** Stands for a property that is a getter: running it would be the caller's code, with an answer of its own each time. */
export const GETTER: unique symbol = Symbol("getter");

/** Names that may be repeated in an error: they cannot carry a secret of any length, or confuse a terminal. */
const SAFE_NAME = /^[A-Za-z][A-Za-z0-9]{0,31}$/;

/** Neither null nor of a primitive type. A function is none either. */
export function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** True for `{}`, `Object.create(null)` and their like of any realm; false for instances of classes. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === null) {
    return true;
  }
  // An Object.prototype of any realm: the end of the chain, with the intrinsic's own methods.
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype as object, "isPrototypeOf");
}

function propertyOf(owner: object, key: string): unknown {
  const descriptor = Object.getOwnPropertyDescriptor(owner, key);
  return descriptor === undefined || "value" in descriptor ? descriptor?.value : GETTER;
}

/**
 * Copies the own properties of a plain object, each read once, into an object without a prototype.
 *
 * Inherited values do not count, so a polluted `Object.prototype` sets nothing; a property that is `undefined` is absent.
 * Class instances are refused: their getters would be left out without a word.
 */
export function snapshotRecord(value: unknown, known: ReadonlySet<string>): Record<string, unknown> {
  if (!isObject(value) || Array.isArray(value)) {
    refuse("expected an object");
  }
  if (!isPlain(value)) {
    refuse("expected a plain object, not an instance of a class");
  }
  const copy = Object.create(null) as Record<string, unknown>;
  for (const key of Reflect.ownKeys(value)) {
    if (typeof key === "symbol") {
      refuse("has a symbol as a key: use the documented names");
    }
    if (!known.has(key)) {
      const name = SAFE_NAME.test(key) ? `unknown key ${key}` : "unknown key";
      refuse(`${name}: known are ${[...known].join(", ")}`);
    }
    const property = propertyOf(value, key);
    if (property !== undefined) {
      copy[key] = property;
    }
  }
  return copy;
}

/** Copies an array's elements, each read once. A hole becomes `undefined`. */
export function snapshotList(value: unknown, lengthMax: number): unknown[] {
  if (!Array.isArray(value)) {
    refuse("expected an array");
  }
  const length = propertyOf(value, "length");
  if (typeof length !== "number" || !(length <= lengthMax)) {
    refuse(`expected at most ${lengthMax} elements`);
  }
  const copy: unknown[] = [];
  for (let index = 0; index < length; index++) {
    copy.push(propertyOf(value, String(index)));
  }
  return copy;
}
