/**
 * Arguments from callers that no compiler checked. Every package refuses them in the same words, and with a code.
 *
 * @module
 */
import { isVramError, VramError } from "@vram-residency/types";

const tagOf: (() => unknown) | undefined = /* @__PURE__ */ tagGetter();

/** @throws {@link VramError} `ERR_INPUT_INVALID`, always. */
export function refuseArgument(field: string, reason: string): never {
  throw new VramError("ERR_INPUT_INVALID", `${field}: ${reason}`, { field, reason });
}

/**
 * True for a `Uint8Array`, of any realm, whose bytes are still there. A proxy of one is none. Never throws.
 *
 * A buffer that was transferred away leaves an array that looks empty, and would hash like one.
 */
export function isBytes(value: unknown): value is Uint8Array {
  // The intrinsic getter answers undefined for anything else, and runs no code of the value's.
  if (tagOf === undefined || Reflect.apply(tagOf, value, []) !== "Uint8Array") return false;
  const bytes = value as Uint8Array;
  if (bytes.length > 0) return true;
  try {
    return new Uint8Array(bytes.buffer).length >= 0;
  } catch {
    return false;
  }
}

/** @throws {@link VramError} `ERR_INPUT_INVALID` unless {@link isBytes}. */
export function assertBytes(value: unknown, field: string): asserts value is Uint8Array {
  if (!isBytes(value)) refuseArgument(field, "expected a Uint8Array whose buffer was not transferred away");
}

/** @throws {@link VramError} `ERR_INPUT_INVALID` unless `value` is text. */
export function assertText(value: unknown, field: string): asserts value is string {
  if (typeof value !== "string") refuseArgument(field, "expected text");
}

/**
 * Runs code that reads a caller's object, whose getters and traps are the caller's code.
 *
 * @throws {@link VramError} what `read` refuses; `ERR_INPUT_INVALID` for anything else it throws, without its words.
 */
export function reading<Result>(field: string, read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    if (isVramError(error)) throw error;
    return refuseArgument(field, "cannot be read");
  }
}

/**
 * Takes the named fields of an options object, each read once.
 *
 * Other fields are nobody's business: one object of parts is often handed to several, and a later version of a port may say
 * more than an allocator of today knows.
 *
 * @returns A new object with those that are there and not undefined.
 * @throws {@link VramError} `ERR_INPUT_INVALID` for anything but an object, or a field that cannot be read.
 */
export function readOptions<Options extends object>(
  value: Options,
  field: string,
  names: readonly (keyof Options & string)[],
): Options {
  return reading(field, () => {
    if (typeof value !== "object" || value === null) refuseArgument(field, "expected an object");
    const found = names.map((name) => [name, value[name]] as const);
    return Object.fromEntries(found.filter(([, member]) => member !== undefined)) as Options;
  });
}

/**
 * Checks that a port is an object with the methods that will be called.
 *
 * @throws {@link VramError} `ERR_INPUT_INVALID` naming the first method that is missing.
 */
export function assertPort<Port extends object>(
  value: Port,
  field: string,
  ...methods: readonly (keyof Port & (string | symbol))[]
): void {
  reading(field, () => {
    if (typeof value !== "object" || value === null) refuseArgument(field, "expected an object");
    for (const method of methods) {
      if (typeof value[method] !== "function") {
        refuseArgument(field, `expected an object with the method ${String(method)}`);
      }
    }
  });
}

function tagGetter(): (() => unknown) | undefined {
  const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as object;
  return Object.getOwnPropertyDescriptor(typedArray, Symbol.toStringTag)?.get;
}
