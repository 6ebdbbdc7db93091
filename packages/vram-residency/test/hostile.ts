/** What a careless or hostile JavaScript caller hands over, and how an API must answer. */
import { isVramError } from "@vram-residency/types";

function thrower(): never {
  throw new Error("the caller's own words");
}

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

function detached(): Uint8Array {
  const bytes = new Uint8Array(64);
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  return bytes;
}

/** Makes of wrong values, by name; fresh ones for every call. */
export const WRONG: Readonly<Record<string, () => unknown>> = {
  undefined: () => undefined,
  null: () => null,
  true: () => true,
  zero: () => 0,
  "minus one": () => -1,
  NaN: () => Number.NaN,
  bigint: () => 1n,
  symbol: () => Symbol("hostile"),
  "empty text": () => "",
  "lone surrogate": () => "\ud800",
  "text with NUL": () => "a\0b",
  "function that throws": () => thrower,
  "empty array": () => [],
  "array of objects": () => [{}, null],
  "empty object": () => ({}),
  "object without prototype": () => Object.create(null) as unknown,
  "own __proto__": () => JSON.parse('{"__proto__":{"polluted":true},"constructor":1}') as unknown,
  "getters that throw": () =>
    Object.defineProperties(
      {},
      Object.fromEntries(
        [
          "device",
          "bytes",
          "length",
          "shardId",
          "type",
          "stream",
          "signal",
          "fileSystem",
          "manager",
          "shards",
        ].map((name) => [name, { get: thrower, enumerable: true, configurable: true }]),
      ),
    ),
  "proxy that throws": () =>
    new Proxy(
      {},
      {
        get: thrower,
        has: thrower,
        ownKeys: thrower,
        getPrototypeOf: thrower,
        getOwnPropertyDescriptor: thrower,
      },
    ),
  "revoked proxy": revoked,
  "object with a length": () => ({ length: 2, 0: {}, 1: {} }),
  "wide array": () => new Uint16Array(4),
  "bare buffer": () => new ArrayBuffer(8),
  "detached array": detached,
  promise: () => Promise.resolve(1),
  date: () => new Date(Number.NaN),
};

/** How a call answered: "ok", an error's code, or what was wrong with the answer. */
export type Answer =
  | { readonly kind: "ok"; readonly value: unknown }
  | { readonly kind: "refused"; readonly code: string }
  | { readonly kind: "fault"; readonly what: string };

/** Calls, and judges the answer: a value, or one coded error of one line that repeats nothing of the caller's. */
export async function answerOf(call: () => unknown): Promise<Answer> {
  try {
    return { kind: "ok", value: await call() };
  } catch (error) {
    if (!isVramError(error)) return { kind: "fault", what: `threw ${String(error)}` };
    if (error.code === "ERR_BUG") return { kind: "fault", what: `${error.message}: ${String(error.cause)}` };
    if (/[\n\r]|the caller's own words|object Object/.test(error.message))
      return { kind: "fault", what: `says ${error.message}` };
    return { kind: "refused", code: error.code };
  }
}
