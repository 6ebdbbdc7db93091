/**
 * `bun run mutants [name…] [--json FILE]`: weakens the code in every way listed under `mutants/`, and demands that a test
 * fails each time.
 *
 * @module
 */
import { parseArgs } from "node:util";
import type { Mutant } from "./mutant.ts";
import { readMutants } from "./mutant.ts";
import { MutantBench, type Outcome } from "./mutant-bench.ts";
import { ROOT } from "./project.ts";

const PARALLEL = 2;
const MUTANTS_MIN = 20;

/**
 * Tries every mutant.
 *
 * @param source - The repository.
 * @param onOutcome - Called once a mutant, as they finish.
 * @returns One outcome a mutant, in the given order. A mutant that cannot be tried counts as a survivor.
 * @throws When the suite is red without any mutant.
 */
export async function tryMutants(
  source: string,
  mutants: readonly Mutant[],
  onOutcome: (outcome: Outcome) => void,
): Promise<readonly Outcome[]> {
  const outcomes = new Map<string, Outcome>();
  const queue = [...mutants];
  const folders = [...new Set(mutants.flatMap(({ tests }) => tests))];
  const red: string[] = [];
  const benches = Array.from({ length: Math.min(PARALLEL, mutants.length) }, () => MutantBench.open(source));
  try {
    await Promise.all(
      benches.map(async (opening) => {
        const bench = await opening;
        for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
          red.push(await bench.baseline(folder));
        }
      }),
    );
    const problems = red.filter((problem) => problem !== "");
    if (problems.length > 0) throw new Error(`the suite fails without any mutant\n${problems.join("\n")}`);
    await Promise.all(
      benches.map(async (opening) => {
        const bench = await opening;
        for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
          const { name, guards } = mutant;
          const outcome = await bench.try(mutant).catch((error: unknown) => {
            const by = error instanceof Error ? error.message : String(error);
            return { name, guards, killed: false, by };
          });
          outcomes.set(name, outcome);
          onOutcome(outcome);
        }
      }),
    );
  } finally {
    for (const opening of await Promise.allSettled(benches)) {
      if (opening.status === "fulfilled") await opening.value[Symbol.asyncDispose]();
    }
  }
  return mutants.flatMap(({ name }) => outcomes.get(name) ?? []);
}

async function main(): Promise<number> {
  const { positionals: names, values } = parseArgs({
    allowPositionals: true,
    options: { json: { type: "string" } },
  });
  const all = await readMutants(ROOT);
  const unknown = names.filter((name) => !all.some((mutant) => mutant.name === name));
  if (unknown.length > 0) throw new Error(`no such mutant: ${unknown.join(", ")}`);
  const chosen = names.length === 0 ? all : all.filter(({ name }) => names.includes(name));

  const outcomes = await tryMutants(ROOT, chosen, ({ name, killed, by }) =>
    console.log(killed ? `killed ${name} (by: ${by})` : `SURVIVED ${name} (${by})`),
  );
  if (values.json !== undefined) await Bun.write(values.json, `${JSON.stringify(outcomes, null, 2)}\n`);

  const killed = outcomes.filter((outcome) => outcome.killed).length;
  const tooFew = names.length === 0 && all.length < MUTANTS_MIN;
  if (tooFew) console.log(`fewer than ${MUTANTS_MIN} mutants`);
  console.log(`${outcomes.length} mutants: ${killed} killed, ${outcomes.length - killed} survived`);
  return killed < outcomes.length || tooFew ? 1 : 0;
}

if (import.meta.main) {
  process.exitCode = await main().catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    return 1;
  });
}
