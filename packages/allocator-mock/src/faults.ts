import { invalid } from "./errors.ts";

/** The operations that a script can make go wrong. */
export type MockOperation =
  | "allocate"
  | "ingest"
  | "digest"
  | "readBlocks"
  | "writeBlocks"
  | "protect"
  | "evidence"
  | "wipe"
  | "free"
  | "capacity";

/**
 * What goes wrong.
 *
 * - `out-of-memory` (allocate): `ERR_VRAM_INSUFFICIENT` although there is room.
 * - `driver-error`: `ERR_DRIVER_ALLOCATION` from allocate, `ERR_DRIVER_COPY` from anything else.
 * - `short-copy` (ingest): only the first half arrives, and the report is of the whole source.
 * - `corrupt-copy` (ingest): one bit of the middle byte is flipped on the way.
 * - `wipe-nothing` (wipe): nothing is zeroed; the check that follows is real.
 * - `stale-digest` (digest): the answer is that of the last pass, if that was over the same range with the same algorithm.
 * - `device-lost`: `ERR_DEVICE_LOST`, now and in every later call for the device.
 * - `sticky`: the same, and only a new process would help.
 * - `hang`: no answer until the signal is aborted or the allocator is disposed of.
 * - `{ slowMs }`: the call waits that long first.
 */
export type MockFault =
  | "out-of-memory"
  | "driver-error"
  | "short-copy"
  | "corrupt-copy"
  | "wipe-nothing"
  | "stale-digest"
  | "device-lost"
  | "sticky"
  | "hang"
  | { readonly slowMs: number };

/** One call that goes wrong. */
export interface ScriptedFault {
  readonly operation: MockOperation;
  /** Which call of it, counted from 1 when the script is given. */
  readonly at: number;
  readonly fault: MockFault;
}

/** Calls that go wrong. Several faults may meet in one call. */
export type FaultScript = readonly ScriptedFault[];

/** The one operation in which these faults have a meaning. */
const ONLY_IN: { readonly [Fault in Exclude<MockFault, object>]?: MockOperation } = {
  "out-of-memory": "allocate",
  "short-copy": "ingest",
  "corrupt-copy": "ingest",
  "wipe-nothing": "wipe",
  "stale-digest": "digest",
};

/** Counts calls and keeps the script. */
export class FaultPlan {
  readonly #calls = new Map<MockOperation, number>();
  readonly #fired: string[] = [];
  #script: readonly ScriptedFault[] = [];

  /**
   * Adds faults to come.
   *
   * @throws `ERR_INPUT_INVALID` for a fault that could never fire.
   */
  add(script: FaultScript): void {
    for (const { operation, at, fault } of script) {
      if (!(Number.isSafeInteger(at) && at >= 1)) throw invalid("at", "expected an integer from 1");
      const only = typeof fault === "string" ? ONLY_IN[fault] : undefined;
      if (only !== undefined && only !== operation)
        throw invalid("fault", `this fault happens only in ${only}`);
    }
    const later = script.map((one) => ({ ...one, at: one.at + this.calls(one.operation) }));
    this.#script = [...this.#script, ...later];
  }

  calls(operation: MockOperation): number {
    return this.#calls.get(operation) ?? 0;
  }

  /** Every fault that fired, in order, as "ingest#2: short-copy". */
  fired(): readonly string[] {
    return [...this.#fired];
  }

  /** Counts a call. @returns What is scripted for it; not fired yet, because the call may be refused first. */
  count(operation: MockOperation): FaultScript {
    const call = this.calls(operation) + 1;
    this.#calls.set(operation, call);
    return this.#script.filter((one) => one.operation === operation && one.at === call);
  }

  /** Notes that a fault took effect. */
  fire({ operation, at, fault }: ScriptedFault): void {
    this.#fired.push(`${operation}#${at}: ${typeof fault === "string" ? fault : `slow ${fault.slowMs} ms`}`);
  }
}
