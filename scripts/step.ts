/**
 * A run of named steps, each one line with its time, and what went wrong below the line of a step that failed.
 *
 * @module
 */
import type { Finished } from "./process.ts";
import type { Count } from "./tally.ts";

/** One thing that passes, fails, or cannot be done on this machine. */
export interface Step {
  readonly name: string;
  /** Why it cannot be done here; undefined when it can. A skipped step is counted as one. */
  readonly skip?: string | undefined;
  /** @returns What went wrong; empty when nothing did. */
  readonly run: () => Promise<string>;
}

/** Makes a step of a command: it passes when the command exits 0. */
export function commandStep(name: string, start: () => Promise<Finished>): Step {
  return {
    name,
    run: async () => {
      const { code, output } = await start();
      return code === 0 ? "" : `exited ${code}\n${output.trim()}`;
    },
  };
}

/** Runs the steps one after another, all of them, and prints each. A step that throws has failed. */
export async function runSteps(steps: readonly Step[]): Promise<Count> {
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const { name, skip, run } of steps) {
    if (skip !== undefined) {
      console.log(`skip      -    ${name}: ${skip}`);
      total.skipped += 1;
      continue;
    }
    const started = performance.now();
    const problem = await run().catch((error: unknown) =>
      error instanceof Error ? error.message : String(error),
    );
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(`${problem === "" ? "ok  " : "FAIL"} ${seconds.padStart(6)} s  ${name}`);
    if (problem !== "") console.log(problem.replace(/^/gm, "       "));
    total[problem === "" ? "passed" : "failed"] += 1;
  }
  return total;
}
