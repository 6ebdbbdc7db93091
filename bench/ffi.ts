/**
 * What crossing into the native library costs: a call that does nothing there, and a piece of work from its submission until
 * its result is here, over the fake driver.
 *
 * @module
 */
import { loadLibrary } from "../packages/allocator-cuda/src/library.ts";
import { BUILT, driver, openFake } from "../packages/allocator-cuda/test/fake-driver.ts";
import { deviceIndex } from "../packages/types/src/index.ts";
import { median } from "./machine.ts";
import { type Part, part, reported, skipped } from "./part.ts";

const CALLS = 1_000_000;
const ROUNDS = 21;
const SUBMISSIONS = 2000;
const MISSING = "the native library and the fake driver: bun run native";

const CALL = {
  name: "ffi-scalar-call",
  measures: "shortest time of one call that returns a number, loop included (ns)",
  limit: { atMost: 25 },
} as const;
const WORK = {
  name: "ffi-submit-to-completion",
  measures: "median time from submitting work to its result, over the fake driver (µs)",
  limit: undefined,
} as const;

async function scalarCall(): Promise<Part> {
  const { vr_abi_version } = (await loadLibrary(undefined)).native;
  const costs: number[] = [];
  let sum = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const started = Bun.nanoseconds();
    for (let call = 0; call < CALLS; call++) sum += vr_abi_version();
    costs.push((Bun.nanoseconds() - started) / CALLS);
  }
  // Used, so that nothing may leave the calls out.
  const detail = { calls: CALLS, rounds: ROUNDS, answered: sum / CALLS / ROUNDS, medianNs: median(costs) };
  return part(CALL.name, CALL.measures, CALL.limit, Math.min(...costs), detail);
}

async function submitted(): Promise<Part> {
  driver.reset("profile=h200");
  await using cuda = await openFake();
  const costs: number[] = [];
  for (let index = 0; index < SUBMISSIONS; index++) {
    const started = Bun.nanoseconds();
    await cuda.capacity(deviceIndex(0));
    costs.push((Bun.nanoseconds() - started) / 1000);
  }
  const detail = { submissions: SUBMISSIONS, shortestUs: Math.min(...costs) };
  return reported(WORK.name, WORK.measures, median(costs), detail);
}

/** Both parts. */
export async function ffiParts(): Promise<readonly Part[]> {
  if (!BUILT) return [CALL, WORK].map(({ name, measures, limit }) => skipped(name, measures, limit, MISSING));
  return [await scalarCall(), await submitted()];
}
