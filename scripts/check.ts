/**
 * `bun run check`: format, lint, types, and the house rules.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { bunOnPath, type Finished, run, tool } from "./process.ts";
import { ROOT } from "./project.ts";
import { commandStep, runSteps, type Step } from "./step.ts";
import { lastLine } from "./tally.ts";
import { digestOf } from "./test-package.ts";

/** Folders beside the packages that hold TypeScript of their own. */
const TYPED_FOLDERS = ["scripts", "bench", "examples", "docs"];

/** Formats and lints `root` without changing it. */
export function biome(root: string): Promise<Finished> {
  return run(tool("@biomejs/biome/bin/biome", "ci", "--colors=off", "--error-on-warnings", "."), {
    cwd: root,
  });
}

/** Lints `root` with what needs types or the whole module graph: floating promises, import cycles, `any`. */
export function oxlint(root: string): Promise<Finished> {
  const config = join(ROOT, ".oxlintrc.json");
  return run(tool("oxlint/bin/oxlint", "--type-aware", "--deny-warnings", "-c", config, "."), { cwd: root });
}

/** Type-checks the project of `folder`. */
export function typeCheck(folder: string): Promise<Finished> {
  return run(tool("typescript/bin/tsc", "-p", "tsconfig.json"), { cwd: folder });
}

/** The steps of `bun run check`. */
export const CHECK_STEPS: readonly Step[] = [
  commandStep("format and lint (biome)", () => biome(ROOT)),
  commandStep("promises, cycles, any (oxlint)", () => oxlint(ROOT)),
  commandStep("types of packages (tsc)", () =>
    run(tool("turbo/bin/turbo", "run", "check", "--continue", "--output-logs=errors-only"), {
      env: bunOnPath(),
    }),
  ),
  ...TYPED_FOLDERS.filter((name) => existsSync(join(ROOT, name, "tsconfig.json"))).map((name) =>
    commandStep(`types of ${name} (tsc)`, () => typeCheck(join(ROOT, name))),
  ),
  commandStep("house rules (tidy)", async () => {
    const tidy = await run([process.execPath, "test", "./tidy.test.ts"], { cwd: join(ROOT, "scripts") });
    return { ...tidy, output: digestOf(tidy.output) };
  }),
];

if (import.meta.main) {
  const count = await runSteps(CHECK_STEPS);
  console.log(lastLine(count));
  process.exitCode = count.failed === 0 ? 0 : 1;
}
