import { describe, test } from "bun:test";
import type { ContractRunner } from "@vram-residency/testing";

/** The test runner; one that skips every case, and counts it, where there is nothing to run them on. */
export function runnerWhere(there: boolean): ContractRunner {
  const skip = (name: string, body: () => Promise<void>): unknown => test.skip(name, body);
  return there ? { describe, test } : { describe, test: Object.assign(skip.bind(undefined), { skip }) };
}
