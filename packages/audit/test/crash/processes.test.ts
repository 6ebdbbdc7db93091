/** A real process on a real disk, whose system calls fail, or which is killed in them. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { INJECTIONS, missingTool, openRange, type Range, SYSCALLS } from "./strace.ts";

const missing = missingTool();
if (missing !== undefined) {
  console.log(`skipped: ${SYSCALLS.length} system calls in a child process, ${missing} is not installed`);
}

describe.skipIf(missing !== undefined)(
  "a child that is told off by its system calls loses nothing it acknowledged",
  () => {
    let range: Range | undefined;

    beforeAll(async () => {
      range = await openRange();
    });

    afterAll(() => range?.[Symbol.dispose]());

    test.each(SYSCALLS)("%s", async (syscall) => {
      const calls = range?.counts[syscall] ?? 0;
      expect(calls).toBeGreaterThan(0);
      const problems: string[] = [];
      // Spread over the run: the long run has every one of them.
      for (const [index, injection] of INJECTIONS.entries()) {
        const at = 1 + Math.floor(((index + 0.5) / INJECTIONS.length) * calls);
        const problem = await range?.shoot({ syscall, at, injection });
        if (problem !== undefined) problems.push(`${injection} at ${at} of ${calls}: ${problem}`);
      }

      expect(problems).toEqual([]);
    });
  },
);
