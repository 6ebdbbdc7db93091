/**
 * What `.ci/run` runs: install, check, test, package, demo. The last line counts tests and steps together.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { CHECK_STEPS } from "./check.ts";
import { packSteps } from "./pack-check.ts";
import { run } from "./process.ts";
import { ROOT } from "./project.ts";
import { commandStep, runSteps } from "./step.ts";
import { type Count, lastLine, parseLastLine, sum } from "./tally.ts";

const NOTHING: Count = { passed: 0, failed: 0, skipped: 0 };

/** Runs the tests with the command that the README gives, and takes the count from its last line. */
async function tests(): Promise<Count> {
  const started = performance.now();
  const { code, output } = await run([process.execPath, "run", "test"], { timeoutMs: 20 * 60_000 });
  console.log(output.trimEnd());
  const count = parseLastLine(output) ?? NOTHING;
  const agrees = count.passed > 0 && (code === 0) === (count.failed === 0);
  console.log(
    `${code === 0 && agrees ? "ok  " : "FAIL"} ${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s  tests`,
  );
  if (agrees) return count;
  console.log(`       exited ${code}, which its count does not explain`);
  return sum([count, { ...NOTHING, failed: 1 }]);
}

/** The demo, as the README gives it. */
const DEMO = commandStep("demo", async () => {
  const demo = await run([process.execPath, "run", "demo"], { timeoutMs: 5 * 60_000 });
  return demo.code === 0 && demo.output.trim() === ""
    ? { ...demo, code: 1, output: "it printed nothing" }
    : demo;
});

const counts: Count[] = [
  await runSteps([
    commandStep("install (frozen)", () => run([process.execPath, "install", "--frozen-lockfile"])),
    ...CHECK_STEPS,
  ]),
  await tests(),
  await runSteps(await packSteps()),
  existsSync(join(ROOT, "packages/cli/src/main.ts")) ? await runSteps([DEMO]) : { ...NOTHING, skipped: 1 },
];
const total = sum(counts);
console.log(`everything in ${(performance.now() / 1000).toFixed(0)} s`);
console.log(lastLine(total));
process.exitCode = total.failed === 0 ? 0 : 1;
