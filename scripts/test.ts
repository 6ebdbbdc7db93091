/**
 * `bun run test`: runs every suite of the repository and counts from their reports, never from their word.
 *
 * @module
 */
import { rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { bunOnPath, run, tool } from "./process.ts";
import { packages, ROOT, testFiles } from "./project.ts";
import { propertySeed } from "./seed.ts";
import { evidencePaths, judgeFolder, lastLine, NEVER_RAN, sum, type Verdict } from "./tally.ts";
import { testFolder } from "./test-package.ts";

/** Folders beside the packages that may hold tests. `scripts` must. */
const OTHER_SUITES = ["scripts", "examples", "docs"];

/** Runs the packages' `test` scripts. @returns Turborepo's own output when it ended badly. */
async function runPackages(root: string, env: Readonly<Record<string, string>>): Promise<string | undefined> {
  const command = tool("turbo/bin/turbo", "run", "test", "--continue", "--output-logs=none");
  const { code, output } = await run([...command, `--concurrency=${availableParallelism()}`], {
    cwd: root,
    env: { TURBO_TELEMETRY_DISABLED: "1", DO_NOT_TRACK: "1", ...bunOnPath(), ...env },
    timeoutMs: 30 * 60_000,
  });
  return code === 0 ? undefined : `exited ${code}\n${output.trim()}`;
}

/**
 * Runs every suite below `root`.
 *
 * @param others - Folders beside the packages.
 * @returns One verdict a suite; and one for Turborepo when it went wrong in a way that no package explains.
 */
export async function runSuites(
  root: string,
  others: readonly string[] = OTHER_SUITES,
): Promise<readonly Verdict[]> {
  const reports = join(root, "out", "junit");
  await rm(reports, { recursive: true, force: true });
  const env = { FC_SEED: String(propertySeed(process.env)), VRAM_REPORTS: reports };
  const folders = (await packages(root)).map(({ folder }) => folder);
  const trouble = await runPackages(root, env);
  const verdicts = await Promise.all(folders.map((folder) => judgeFolder(folder, reports)));
  const unexplained = verdicts.every(({ failed, problems }) => failed === 0 || problems.includes(NEVER_RAN));
  if (trouble !== undefined && unexplained) {
    verdicts.push({ suite: "turbo", passed: 0, failed: 1, skipped: 0, problems: [trouble] });
  }
  for (const name of others) {
    const folder = join(root, name);
    if (name !== "scripts" && testFiles(folder).length === 0) continue;
    await testFolder(folder, reports, { env });
    verdicts.push(await judgeFolder(folder, reports));
  }
  return verdicts;
}

/** Prints what a suite had to say, its count, and what counts as failed. */
async function print(verdict: Verdict): Promise<void> {
  const log = Bun.file(evidencePaths(join(ROOT, "out", "junit"), verdict.suite).log);
  const told = (await log.exists()) ? (await log.text()).trim() : "";
  if (told !== "") console.log(told.replace(/^/gm, `${verdict.suite} | `));
  console.log(`${verdict.failed > 0 ? "FAIL" : "ok"} ${verdict.suite}: ${lastLine(verdict)}`);
  for (const problem of verdict.problems) console.log(`FAIL ${verdict.suite}: ${problem}`);
}

if (import.meta.main) {
  const started = performance.now();
  const verdicts = await runSuites(ROOT);
  for (const verdict of verdicts) await print(verdict);
  const total = sum(verdicts);
  console.log(`${verdicts.length} suites in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  console.log(lastLine(total));
  process.exitCode = total.failed === 0 ? 0 : 1;
}
