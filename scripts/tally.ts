/**
 * Decides from what a suite left behind how its tests went. A suite that left too little behind has failed.
 *
 * @module
 */
import { rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { parseReport } from "./junit.ts";
import { testFiles } from "./project.ts";

/** The problem of a suite that left no exit status. */
export const NEVER_RAN = "never ran to its end";

/** What one suite left behind. */
export interface Evidence {
  /** Exit status of `bun test`; undefined when the suite never ran to its end. */
  readonly exitCode: number | undefined;
  /** The JUnit report; undefined when there is none. */
  readonly report: string | undefined;
  /** Every test file that had to be in the report. */
  readonly files: readonly string[];
}

/** How many tests went how. */
export interface Count {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** How one suite went. */
export interface Verdict extends Count {
  readonly suite: string;
  /** One line for each thing that counts as failed. Empty exactly when nothing failed. */
  readonly problems: readonly string[];
}

/** The files of one suite below `reports`: its JUnit report, its exit status, and what it printed. */
export function evidencePaths(
  reports: string,
  suite: string,
): Readonly<Record<"xml" | "exit" | "log", string>> {
  const path = join(reports, suite);
  return { xml: `${path}.xml`, exit: `${path}.exit`, log: `${path}.log` };
}

/** Removes what an earlier run left, so that it cannot be taken for this run's. */
export async function clearEvidence(reports: string, suite: string): Promise<void> {
  await Promise.all(Object.values(evidencePaths(reports, suite)).map((path) => rm(path, { force: true })));
}

/** Judges the suite whose tests live in `folder` by what lies in `reports`. */
export async function judgeFolder(folder: string, reports: string): Promise<Verdict> {
  const suite = basename(folder);
  const { xml, exit } = evidencePaths(reports, suite);
  const [report, status] = await Promise.all([textOf(xml), textOf(exit)]);
  const exitCode = status === undefined || !/^\d+$/.test(status) ? undefined : Number(status);
  return judge(suite, { exitCode, report, files: testFiles(folder) });
}

async function textOf(path: string): Promise<string | undefined> {
  const file = Bun.file(path);
  return (await file.exists()) ? file.text() : undefined;
}

/**
 * Judges one suite. Exit status, report and the files on disk must tell one story.
 *
 * `bun test` reports no failure for a file that does not load, and nothing at all when a test ends the process; so every
 * file missing from the report is one failure, and so is every contradiction.
 */
export function judge(suite: string, { exitCode, report, files }: Evidence): Verdict {
  const lost = (problem: string): Verdict => ({
    suite,
    passed: 0,
    failed: 1,
    skipped: 0,
    problems: [problem],
  });
  if (files.length === 0) return lost("has no test file");
  if (exitCode === undefined) return lost(NEVER_RAN);
  const cases = report === undefined ? undefined : parseReport(report);
  if (cases === undefined) {
    return lost(`left ${report === undefined ? "no" : "a broken"} report and exited ${exitCode}`);
  }
  const problems = cases
    .filter((test) => test.outcome === "failed")
    .map((test) => `${test.file}: ${test.name}`);
  const reported = new Set(cases.map((test) => test.file));
  for (const file of files) {
    if (!reported.has(file)) problems.push(`${file}: did not load, or holds no test`);
  }
  if (problems.length === 0 && exitCode !== 0) problems.push(`exited ${exitCode} though no test failed`);
  if (problems.length > 0 && exitCode === 0) problems.push("exited 0 in spite of that");
  return {
    suite,
    passed: cases.filter((test) => test.outcome === "passed").length,
    failed: problems.length,
    skipped: cases.filter((test) => test.outcome === "skipped").length,
    problems,
  };
}

/** Adds counts up. */
export function sum(counts: readonly Count[]): Count {
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const count of counts) {
    total.passed += count.passed;
    total.failed += count.failed;
    total.skipped += count.skipped;
  }
  return total;
}

/** The line every run ends with. */
export function lastLine({ passed, failed, skipped }: Count): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/** Reads what {@link lastLine} wrote as the last line of `output`. */
export function parseLastLine(output: string): Count | undefined {
  const line = output.trimEnd().split("\n").at(-1) ?? "";
  const [, passed, failed, skipped] = /^(\d+) passed, (\d+) failed, (\d+) skipped$/.exec(line) ?? [];
  if (skipped === undefined) return undefined;
  return { passed: Number(passed), failed: Number(failed), skipped: Number(skipped) };
}
