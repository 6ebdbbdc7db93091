import { VramError } from "@vram-residency/types";
import fc from "fast-check";
import { ALLOCATOR_OPERATIONS, type CallFault } from "../fakes/with-faults.ts";

/**
 * Values that a parser of outside data must refuse without tripping: wrong types, prototype keys, getters and proxies that
 * throw, objects with no prototype, cycles, lone surrogates, numbers that are not quite integers.
 */
export function hostileObjects(): fc.Arbitrary<unknown> {
  const made = fc.constantFrom<() => unknown>(
    () => undefined,
    () => Symbol("hostile"),
    () => () => "hostile",
    () => 1n,
    () => Number.NaN,
    () => Number.POSITIVE_INFINITY,
    () => -0,
    () => 2 ** 53,
    () => "\ud800",
    () => "\u202e\u0000",
    () => "x".repeat(100_000),
    () => new Date(Number.NaN),
    () => new Map([["shardId", "a"]]),
    () => Object.create(null) as unknown,
    () =>
      JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}') as unknown,
    () => ({ toString: null, valueOf: null, hasOwnProperty: null }),
    () => ({
      get shardId(): never {
        throw new Error("a getter was called");
      },
    }),
    () => new Proxy({}, { get: touched, has: touched, ownKeys: fail, getOwnPropertyDescriptor: fail }),
    () => {
      const cycle: { self?: unknown } = {};
      cycle.self = cycle;
      return cycle;
    },
  );
  return fc.oneof(
    made.map((make) => make()),
    fc.anything({ withBigInt: true, withNullPrototype: true, withSparseArray: true, withTypedArray: true }),
  );
}

/** fast-check itself looks for a symbol on every value. */
function touched(_: object, name: string | symbol): false {
  return typeof name === "symbol" ? false : fail();
}

function fail(): never {
  throw new Error("a proxy was touched");
}

/** Scripts for {@link withFaults}: up to four faults, each with an error that the port allows. */
export function faultScripts(): fc.Arbitrary<readonly CallFault[]> {
  const fault = fc.record({
    operation: fc.constantFrom(...ALLOCATOR_OPERATIONS),
    at: fc.integer({ min: 1, max: 8 }),
    lost: fc.boolean(),
    when: fc.constantFrom("before" as const, "after" as const),
  });
  return fc.array(fault, { minLength: 1, maxLength: 4 }).map((faults) =>
    faults.map(({ operation, at, lost, when }) => ({
      operation,
      at,
      // An allocation whose id was lost could not be freed by anybody.
      when: operation === "allocate" ? ("before" as const) : when,
      error: driverError(operation, lost),
    })),
  );
}

function driverError(operation: CallFault["operation"], lost: boolean): VramError {
  const device = 0;
  if (lost) {
    const detail = { device, driverCode: 999, restartNeeded: true };
    return new VramError("ERR_DEVICE_LOST", "the device was lost by script, restart the process", detail);
  }
  const detail = { device, driverCode: 999, driverName: "SCRIPTED" };
  const code = operation === "allocate" ? "ERR_DRIVER_ALLOCATION" : "ERR_DRIVER_COPY";
  return new VramError(code, "the driver call failed by script, try again", detail);
}
