/** A real process that is killed between what it records and what it answers. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { missingTool, openRange, type Range } from "../../audit/test/crash/strace.ts";
import { SEALER } from "./sealer.ts";

const missing = missingTool();
if (missing !== undefined) console.log(`skipped: 2 system calls of a process that seals, ${missing}`);

describe.skipIf(missing !== undefined)(
  "VramSealed is durable before the shard is there, SealVerified before the answer",
  () => {
    let range: Range | undefined;

    beforeAll(async () => {
      range = await openRange(SEALER);
    });

    afterAll(() => range?.[Symbol.dispose]());

    test.each(["pwrite64", "fdatasync"] as const)("when the process is killed at a %s", async (syscall) => {
      const calls = range?.counts[syscall] ?? 0;
      expect(calls).toBeGreaterThan(8);
      const problems: string[] = [];
      // Every third of them: the long run has them all.
      for (let at = syscall === "pwrite64" ? 2 : 3; at <= calls; at += 3) {
        const problem = await range?.shoot({ syscall, at, injection: "KILL" });
        if (problem !== undefined) problems.push(`at ${at} of ${calls}: ${problem}`);
      }

      expect(problems).toEqual([]);
    });
  },
);
