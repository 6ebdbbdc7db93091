/**
 * Runs the tests of the folder it is started in; every package's `test` script.
 *
 * @module
 */
import { mkdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { type RunOptions, run } from "./process.ts";
import { ROOT, SOURCE_CONDITION } from "./project.ts";
import { propertySeed } from "./seed.ts";
import { clearEvidence, evidencePaths, judgeFolder, lastLine } from "./tally.ts";

/** Where reports go unless `VRAM_REPORTS` says otherwise. */
export const REPORTS: string = join(ROOT, "out", "junit");

/** How long one test may take. The runtime's own five seconds are too few on a machine with other work. Unit: ms. */
const TEST_MS = 30_000;

/** Options of {@link testFolder}. */
export interface TestOptions {
  /** Stop at the first failing test. */
  readonly bail?: boolean;
  readonly env?: NonNullable<RunOptions["env"]>;
  readonly timeoutMs?: number;
}

/** What {@link testFolder} saw. */
export interface TestRun {
  readonly code: number;
  /** What the tests printed, without what went well. */
  readonly output: string;
}

/**
 * Runs the tests of `folder` from source, and leaves report, exit status and output in `reports`.
 *
 * `CI` is set for the tests, so that a forgotten `test.only` is refused instead of hiding its neighbours, and processes they
 * start resolve the packages' sources as they do.
 */
export async function testFolder(
  folder: string,
  reports: string,
  options: TestOptions = {},
): Promise<TestRun> {
  const suite = basename(folder);
  const { xml, exit, log } = evidencePaths(reports, suite);
  const seed = propertySeed({ ...process.env, ...options.env });
  await mkdir(reports, { recursive: true });
  await clearEvidence(reports, suite);
  const command = [process.execPath, "test", `--conditions=${SOURCE_CONDITION}`];
  command.push(`--preload=${join(ROOT, "scripts", "test-preload.ts")}`);
  command.push(`--timeout=${TEST_MS}`, "--reporter=junit", `--reporter-outfile=${xml}`);
  if (options.bail === true) command.push("--bail");
  const { code, output, timedOut } = await run(command, {
    cwd: folder,
    env: {
      BUN_OPTIONS: `--conditions=${SOURCE_CONDITION}`,
      CI: "1",
      ...options.env,
      FC_SEED: String(seed),
    },
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
  });
  const told = [digestOf(output)].filter((text) => text !== "");
  if (timedOut) told.push("killed: it ran for too long");
  if (code !== 0) told.push(`the same again: FC_SEED=${seed} bun run test, in ${suite}`);
  await Promise.all([Bun.write(exit, String(code)), Bun.write(log, told.join("\n"))]);
  return { code, output: told.join("\n") };
}

/** Leaves out of the output of `bun test` what went well, and its own heads and sums. */
export function digestOf(output: string): string {
  return output
    .split("\n")
    .filter(
      (line) =>
        !/^(\((pass|skip|todo)\) | *\d+ (pass|skip|todo|fail|error|expect\(\) calls)|bun test v|Ran \d+ tests?)/.test(
          line,
        ),
    )
    .join("\n")
    .replace(/^[^\s:]+\.(test|spec)\.\w+:\n(?=\n|$|[^\s:]+\.(test|spec)\.\w+:\n)/gm, "")
    .replace(/\n{2,}/g, "\n")
    .trim();
}

if (import.meta.main) {
  const folder = process.cwd();
  const reports = process.env["VRAM_REPORTS"] ?? REPORTS;
  const { output } = await testFolder(folder, reports);
  const verdict = await judgeFolder(folder, reports);
  if (output !== "") console.log(output);
  for (const problem of verdict.problems) console.log(`FAIL ${problem}`);
  console.log(lastLine(verdict));
  process.exitCode = verdict.failed === 0 ? 0 : 1;
}
