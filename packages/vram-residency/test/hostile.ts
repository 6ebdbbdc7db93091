/** What a careless or hostile JavaScript caller hands over, and how an API answered. */
import { isVramError } from "@vram-residency/types";

/** No error may repeat it. */
const WORDS = "the caller's own words";

function thrower(): never {
  throw new Error(WORDS);
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

const FIELDS = [
  "allocator",
  "bytes",
  "device",
  "fileSystem",
  "manager",
  "owned",
  "shardId",
  "shards",
  "stream",
  "type",
];

function withGetters(): unknown {
  const getter = { get: thrower, enumerable: true, configurable: true };
  return Object.defineProperties({}, Object.fromEntries(FIELDS.map((name) => [name, getter])));
}

function trapped(): unknown {
  const handler = { get: thrower, has: thrower, ownKeys: thrower, getPrototypeOf: thrower };
  return new Proxy({}, { ...handler, getOwnPropertyDescriptor: thrower });
}

/** Makers of wrong values, by name: every call gets a fresh one. */
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
  "array of junk": () => [{}, null],
  "empty object": () => ({}),
  "no prototype": () => Object.create(null) as unknown,
  "own __proto__": () => JSON.parse('{"__proto__":{"polluted":true},"constructor":1}') as unknown,
  "getters that throw": withGetters,
  "proxy that throws": trapped,
  "revoked proxy": revoked,
  "object with a length": () => ({ length: 2, 0: {}, 1: {} }),
  "wide array": () => new Uint16Array(4),
  "bare buffer": () => new ArrayBuffer(8),
  "detached array": detached,
  promise: () => Promise.resolve(1),
  date: () => new Date(Number.NaN),
};

/** How a call ended: with a value, a coded error of one line in our own words, or anything else. */
export async function outcome(call: () => unknown): Promise<string> {
  try {
    // In an array: a value that is awaited would be asked whether it is a promise.
    const [value] = [call()];
    if (value instanceof Promise) await value;
    return "accepted";
  } catch (error) {
    if (!isVramError(error)) return `threw ${String(error)}`;
    if (error.code === "ERR_BUG") return `${error.message}, because of ${String(error.cause)}`;
    if (/[\r\n]|object Object/.test(error.message) || error.message.includes(WORDS))
      return `says ${error.message}`;
    return error.code;
  }
}

/** Puts every wrong value in the place of one argument. @returns Names of those that were accepted, and every fault. */
export async function tryAll(
  call: (...args: readonly unknown[]) => unknown,
  args: readonly unknown[],
  place: number,
): Promise<{ accepted: string[]; faults: string[] }> {
  const accepted: string[] = [];
  const faults: string[] = [];
  for (const [name, make] of Object.entries(WRONG)) {
    const answer = await outcome(() => call(...args.slice(0, place), make(), ...args.slice(place + 1)));
    if (answer === "accepted") accepted.push(name);
    else if (!/^ERR_[A-Z_]+$/.test(answer)) faults.push(`${name}: ${answer}`);
  }
  return { accepted, faults };
}

/** A function as plain JavaScript sees it. */
export type Loose = (...args: readonly unknown[]) => unknown;

/** Which wrong values one argument takes, by their names; "any" for one that has no wrong values. */
export type Takes = readonly string[] | "any";

/** One public function, good arguments for it, and what each takes besides. */
export interface Case {
  readonly call: Loose;
  readonly args: readonly unknown[];
  readonly takes: readonly (Takes | undefined)[];
}

/** An argument that may be left out. */
export const OPTIONAL: readonly string[] = ["undefined"];
/** An options object of which nothing is required. */
export const OPTIONS: readonly string[] = ["undefined", "empty object", "no prototype"];
/** The same, of any object: what it holds besides is nobody's business. */
export const OBJECTS: readonly string[] = [
  ...OPTIONS,
  ...[
    "empty array",
    "array of junk",
    "own __proto__",
    "getters that throw",
    "object with a length",
    "wide array",
  ],
  ...["bare buffer", "detached array", "promise", "date"],
];

/** Describes a case. @param takes - By place; default none. */
export function of(call: unknown, args: readonly unknown[], ...takes: readonly (Takes | undefined)[]): Case {
  if (typeof call !== "function") throw new Error("expected a function");
  return { call: (...given) => Reflect.apply(call, undefined, given) as unknown, args, takes };
}

/** Tries every argument of a case. @returns One line for each answer that should not be. */
export async function complaints({ call, args, takes }: Case): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const place of args.keys()) {
    const { accepted, faults } = await tryAll(call, args, place);
    lines.push(...faults.map((fault) => `argument ${place}, ${fault}`));
    const allowed = takes[place] ?? [];
    if (allowed === "any") continue;
    lines.push(
      ...accepted.filter((name) => !allowed.includes(name)).map((name) => `argument ${place} takes ${name}`),
    );
    lines.push(
      ...allowed
        .filter((name) => !accepted.includes(name))
        .map((name) => `argument ${place} refuses ${name}`),
    );
  }
  return lines;
}
