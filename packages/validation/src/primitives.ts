/**
 * Checks of single values, shared by every parser.
 *
 * @module
 */
import { isWellFormed, utf8 } from "@vram-residency/crypto";
import { type ByteCount, byteCount } from "@vram-residency/types";
import { refuse } from "./refusal.ts";
import { branded, type Check } from "./schema.ts";
import { isObject } from "./snapshot.ts";

/** The longest delay `setTimeout` keeps: anything above fires at once. Unit: ms. */
export const TIMER_MS_MAX: number = 2 ** 31 - 1;

/** The longest path Linux takes. Unit: bytes. */
export const PATH_BYTES_MAX = 4096;

/** A number of bytes. */
export const bytes: Check<ByteCount> = branded(byteCount);

/** An integer from `min` to `max`, both at least 0. */
export function integer<T extends number = number>(min: number, max: number): Check<T> {
  return (value) => {
    if (typeof value !== "number" || !(value >= min && value <= max)) {
      refuse(`expected an integer from ${min} to ${max}`);
    }
    return bytes(value) as number as T;
  };
}

/** A delay that timers keep. Unit: ms. */
export const delay: Check<number> = integer(1, TIMER_MS_MAX);

/** An integer of at least 1. */
export const positive: Check<ByteCount> = integer(1, Number.MAX_SAFE_INTEGER);

/** True or false. */
export function flag(value: unknown): boolean {
  return typeof value === "boolean" ? value : refuse("expected true or false");
}

/** One of a few words. */
export function oneOf<const Word extends string>(...words: readonly Word[]): Check<Word> {
  return (value) =>
    words.find((word) => word === value) ??
    refuse(`expected ${words.map((word) => `"${word}"`).join(" or ")}`);
}

/** Well-formed text of `bytesMin` to `bytesMax` bytes of UTF-8. */
export function text(bytesMin: number, bytesMax: number): Check<string> {
  const range = `expected text of ${bytesMin} to ${bytesMax} bytes`;
  return (value) => {
    // UTF-8 is never shorter than the count of code units: this bounds the work before any character is looked at.
    if (typeof value !== "string" || value.length > bytesMax) {
      return refuse(range);
    }
    // TextEncoder turns every lone surrogate into the same three bytes: two names would become one.
    if (!isWellFormed(value)) {
      refuse("expected well-formed text, without lone surrogates");
    }
    const bytes = utf8(value).length;
    return bytes >= bytesMin && bytes <= bytesMax ? value : refuse(range);
  };
}

/** ASCII text in which every character matches; `wanted` says so in words. */
export function charset(lengthMax: number, pattern: RegExp, wanted: string): Check<string> {
  return (value) =>
    typeof value === "string" && value.length <= lengthMax && pattern.test(value)
      ? value
      : refuse(`expected 1 to ${lengthMax} bytes of ${wanted}`);
}

const pathText = text(1, PATH_BYTES_MAX);

/** A path as the kernel takes it: a NUL would end it early. */
export function path(value: unknown): string {
  const checkedPath = pathText(value);
  return checkedPath.includes("\0") ? refuse("expected a path without NUL") : checkedPath;
}

/** Whether a value is an object with an own property `key`. What a trap throws is a no. */
export function hasOwn(value: unknown, key: string): boolean {
  try {
    return isObject(value) && Object.hasOwn(value, key);
  } catch {
    return false;
  }
}

/** A live object with these methods, which may be inherited. It is passed on as it is. */
export function port<T extends object>(name: string, ...methods: readonly PropertyKey[]): Check<T> {
  return (value) => {
    if (!isObject(value)) {
      refuse(`expected ${name}`);
    }
    for (const method of methods) {
      if (typeof Reflect.get(value, method) !== "function") {
        refuse(`expected ${name}: it lacks the method ${String(method)}`);
      }
    }
    return value as T;
  };
}

/** A signal of this runtime. */
export function abortSignal(value: unknown): AbortSignal {
  // Reading `aborted` throws for an object that only inherits from AbortSignal.
  return value instanceof AbortSignal && typeof value.aborted === "boolean"
    ? value
    : refuse("expected an AbortSignal");
}
