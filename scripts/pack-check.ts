/**
 * `bun run pack:check`: builds and packs every package as it would be published, and uses the result.
 *
 * @module
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { consumerSteps } from "./consumers.ts";
import { bunOnPath, type Finished, run, tool } from "./process.ts";
import { type Package, packages, ROOT } from "./project.ts";
import { commandStep, runSteps, type Step } from "./step.ts";
import { lastLine } from "./tally.ts";
import { contentFaults, pack, tarballOf } from "./tarball.ts";

const DESTINATION = join(ROOT, "out", "packages");

async function build(all: readonly Package[]): Promise<Finished> {
  // A file that is no longer built must not be packed.
  await Promise.all(all.map(({ folder }) => rm(join(folder, "dist"), { recursive: true, force: true })));
  await rm(DESTINATION, { recursive: true, force: true });
  return run(tool("turbo/bin/turbo", "run", "build", "--continue", "--output-logs=errors-only"), {
    env: bunOnPath(),
  });
}

/** Packs one package and lets the packaging tools look at it. @returns What they found. */
async function packageFaults(subject: Package): Promise<string> {
  const tarball = await pack(subject, DESTINATION);
  const faults = [...(await contentFaults(tarball))];
  const publint = await run(tool("publint/src/cli.js", "--strict", tarball.path));
  if (publint.code !== 0) faults.push(`publint\n${publint.output.trim()}`);
  // A package that only has a command has nothing to import.
  if (subject.manifest.exports?.["."] !== undefined) {
    const attw = await run(
      tool(
        "@arethetypeswrong/cli/dist/index.js",
        "--profile",
        "esm-only",
        "--no-color",
        "--no-emoji",
        tarball.path,
      ),
    );
    if (attw.code !== 0) faults.push(`are the types wrong\n${attw.output.trim()}`);
  }
  return faults.join("\n");
}

/** The steps of `bun run pack:check`. */
export async function packSteps(): Promise<readonly Step[]> {
  const all = (await packages(ROOT)).filter(({ manifest }) => manifest.private !== true);
  return [
    commandStep("build (turbo, tsc)", () => build(all)),
    ...all.map((subject) => ({ name: `package: ${subject.id}`, run: () => packageFaults(subject) })),
    ...consumerSteps(() => all.map((subject) => tarballOf(subject, DESTINATION))),
  ];
}

if (import.meta.main) {
  const count = await runSteps(await packSteps());
  console.log(lastLine(count));
  process.exitCode = count.failed === 0 ? 0 : 1;
}
