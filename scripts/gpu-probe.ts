/**
 * `bun scripts/gpu-probe.ts [--fake]`: builds `native/probe` and asks a driver every question, each in a process of its own with a
 * deadline, so that an answer which nothing survives ends one question and not the run. One JSON document.
 *
 * `--fake` asks the fake driver, to try the probe itself: the document then says `"fake": true`, and says nothing of hardware.
 *
 * @module
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { buildFakeDriver } from "./fake-driver.ts";
import { compiler } from "./native.ts";
import { run } from "./process.ts";
import { filesIn, ROOT } from "./project.ts";

const FOLDER = join(ROOT, "native", "build", "probe");
const DEADLINE_MS = 30_000;

/** How one question ended. */
export interface Answer {
  readonly question: string;
  /** Exit status; 128 + n when signal n ended it. */
  readonly code: number;
  readonly timedOut: boolean;
  /** What the probe printed, parsed; or, where it ended badly, as text. */
  readonly said: unknown;
}

/** Builds the probe. @returns Its path. @throws When it does not build. */
async function buildProbe(): Promise<string> {
  const cxx = compiler();
  if (cxx === undefined) throw new Error("the probe needs a C++20 compiler: install g++");
  mkdirSync(FOLDER, { recursive: true });
  const sources = filesIn(join(ROOT, "native", "probe"), "*.cc").map((path) => join("native/probe", path));
  const program = join(FOLDER, "probe");
  const command = [cxx, "-std=c++20", "-O1", "-Wall", "-Wextra", "-Werror", ...sources];
  const { code, output } = await run([...command, "native/src/json.cc", "-ldl", "-o", program]);
  if (code !== 0) throw new Error(`the probe does not build\n${output.trim()}`);
  return program;
}

/** Asks every question of a driver. @param paths - Of its library and NVML's. */
export async function askAll(paths: readonly [cuda: string, nvml: string]): Promise<readonly Answer[]> {
  const program = await buildProbe();
  const answers: Answer[] = [];
  for (const question of (await run([program, "--list"])).output.trim().split("\n")) {
    const { code, output, timedOut } = await run([program, ...paths, question], { timeoutMs: DEADLINE_MS });
    const said: unknown = code === 0 ? JSON.parse(output) : output.trim();
    answers.push({ question, code, timedOut, said });
  }
  return answers;
}

if (import.meta.main) {
  const fake = process.argv.includes("--fake");
  const folder = fake ? `${await buildFakeDriver()}/` : "";
  const answers = await askAll([`${folder}libcuda.so.1`, `${folder}libnvidia-ml.so.1`]);
  console.log(JSON.stringify({ date: new Date().toISOString(), fake, answers }, null, 2));
  process.exitCode = answers.every(({ code }) => code === 0) ? 0 : 1;
}
