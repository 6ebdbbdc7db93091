import { expect, spyOn, test } from "bun:test";
import { commandStep, runSteps, type Step } from "./step.ts";

async function count(steps: readonly Step[]): Promise<unknown> {
  const log = spyOn(console, "log").mockImplementation(() => {});
  try {
    return await runSteps(steps);
  } finally {
    log.mockRestore();
  }
}

const ended = (code: number) => async () => ({ code, output: "", timedOut: false, durationMs: 0 });

test("a step passes by its command's exit code, and one that throws has failed", async () => {
  const steps = [
    commandStep("ends well", ended(0)),
    commandStep("ends badly", ended(3)),
    { name: "throws", run: () => Promise.reject(new Error("no")) },
  ];

  expect(await count(steps)).toEqual({ passed: 1, failed: 2, skipped: 0 });
});

test("a step that cannot be done here is counted as skipped, and does not run", async () => {
  let ran = false;
  const run = async (): Promise<string> => {
    ran = true;
    return "";
  };

  const seen = await count([
    { name: "not here", skip: "no such program", run },
    { name: "here", skip: undefined, run: async () => "" },
  ]);

  expect(seen).toEqual({ passed: 1, failed: 0, skipped: 1 });
  expect(ran).toBe(false);
});
