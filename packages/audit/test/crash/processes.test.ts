/** A real process on a real disk, whose system calls fail, or which is killed in them. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { KEEPER } from "./keeper.ts";
import { INJECTIONS, missingTool, openRange, type Range, SYSCALLS } from "./strace.ts";

const missing = missingTool();
if (missing !== undefined) {
  console.log(`skipped: ${SYSCALLS.length} system calls in a child process, ${missing}`);
}

describe.skipIf(missing !== undefined)(
  "a child that is told off by its system calls loses nothing it acknowledged",
  () => {
    let range: Range | undefined;

    beforeAll(async () => {
      range = await openRange(KEEPER);
    });

    afterAll(() => range?.[Symbol.dispose]());

    test.each(SYSCALLS.map((syscall, index) => [syscall, index] as const))("%s", async (syscall, index) => {
      const calls = range?.counts[syscall] ?? 0;
      expect(calls).toBeGreaterThan(0);
      const problems: string[] = [];
      // Two of them, spread over the run: the long run has every fault at every call.
      for (const [turn, injection] of [INJECTIONS[index % 3], INJECTIONS[3]].entries()) {
        const at = 1 + Math.floor(((turn + 0.5) / 2) * calls);
        const problem = await range?.shoot({ syscall, at, injection: injection ?? "KILL" });
        if (problem !== undefined) problems.push(`${injection} at ${at} of ${calls}: ${problem}`);
      }

      expect(problems).toEqual([]);
    });
  },
);
