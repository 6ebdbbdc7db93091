import { Bench, type CaseDefinition, type ContractSubject } from "./bench.ts";
import { CAPACITY_CASES } from "./capacity-cases.ts";
import { DIGEST_CASES } from "./digest-cases.ts";
import { HANDLE_CASES } from "./handle-cases.ts";
import { INGEST_CASES } from "./ingest-cases.ts";
import { LIFECYCLE_CASES } from "./lifecycle-cases.ts";
import { MEMORY_CASES } from "./memory-cases.ts";

/** One case of the suite, ready to run. */
export interface ContractCase {
  readonly name: string;
  /** Why the subject cannot run it; absent when it can. */
  readonly skip?: string;
  /** Makes a fresh allocator, checks one promise, and disposes of it. @throws An error that says what was broken. */
  readonly run: () => Promise<void>;
}

/** The two functions of a test runner that the suite needs; those of bun:test, node:test and vitest fit. */
export interface ContractRunner {
  describe(name: string, body: () => void): unknown;
  test: {
    (name: string, body: () => Promise<void>): unknown;
    /** Used for cases that the subject cannot run, where the runner has it. */
    skip?(name: string, body: () => Promise<void>): unknown;
  };
}

const DEFINITIONS: readonly CaseDefinition[] = [
  ...MEMORY_CASES,
  ...CAPACITY_CASES,
  ...HANDLE_CASES,
  ...INGEST_CASES,
  ...DIGEST_CASES,
  ...LIFECYCLE_CASES,
];

const GRANULES = 16;
const ROOM_BYTES = 8 << 20;

/** Every promise of the {@link Allocator} port, as cases for one subject. For runners that {@link describeAllocatorContract} does not fit. */
export function allocatorContract(subject: ContractSubject): readonly ContractCase[] {
  return DEFINITIONS.map((definition) => {
    const skip = lacking(definition, subject);
    const run = (): Promise<void> => runCase(definition, subject);
    return { name: definition.name, ...(skip === undefined ? {} : { skip }), run };
  });
}

/**
 * Declares the whole contract with a test runner. A new allocator passes this before anything else.
 *
 * @example
 * ```ts
 * import { describe, test } from "bun:test";
 * describeAllocatorContract(subject, { describe, test });
 * ```
 */
export function describeAllocatorContract(subject: ContractSubject, runner: ContractRunner): void {
  runner.describe(`${subject.name}: allocator contract`, () => {
    for (const { name, skip, run } of allocatorContract(subject)) {
      if (skip === undefined) runner.test(name, run);
      else runner.test.skip?.(`${name} (${skip})`, run);
    }
  });
}

function lacking(definition: CaseDefinition, subject: ContractSubject): string | undefined {
  const needs = definition.needs ?? {};
  if (needs.capacity === true && subject.setsCapacity === false) return "needs a capacity it can set";
  if (needs.corrupt === true && subject.corrupt === undefined) return "needs a way to flip bits";
  if ((needs.devices ?? 1) > (subject.devicesMax ?? 2)) return `needs ${needs.devices} devices`;
  return undefined;
}

async function runCase(definition: CaseDefinition, subject: ContractSubject): Promise<void> {
  const room = Math.ceil((definition.roomBytes ?? ROOM_BYTES) / subject.granularity);
  const capacityBytes = (GRANULES + room) * subject.granularity;
  const allocator = await subject.create({ capacityBytes, devices: definition.needs?.devices ?? 1 });
  try {
    await definition.run(new Bench(allocator, subject, capacityBytes));
  } finally {
    await allocator[Symbol.asyncDispose]();
  }
}
