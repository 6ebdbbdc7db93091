/**
 * `bun run example [NAME]`: runs one example, or lists them all.
 *
 * @module
 */
import { join } from "node:path";
import { Glob } from "bun";

/** The names of the examples, in the order in which to read them. */
export const EXAMPLES: readonly string[] = [...new Glob("[0-9][0-9]-*.ts").scanSync(import.meta.dir)]
  .map((file) => file.replace(/\.ts$/, ""))
  .sort();

/** What an example shows: the first sentence of its first comment. */
export async function titleOf(name: string): Promise<string> {
  const text = await Bun.file(join(import.meta.dir, `${name}.ts`)).text();
  return /^\/\*\*\s*(?:\* )?(.*?)(?:\s*\*\/)?$/m.exec(text)?.[1] ?? "";
}

if (import.meta.main) {
  const asked = process.argv[2];
  // "13" and "schedule" are as good as the whole name, when they fit one example only.
  const fitting = EXAMPLES.filter((name) => asked !== undefined && name.includes(asked));
  const [name] = fitting;
  if (name !== undefined && fitting.length === 1) {
    await import(`./${name}.ts`);
  } else {
    console.error("usage: bun run example NAME");
    for (const one of EXAMPLES) console.error(`  ${one.padEnd(24)} ${await titleOf(one)}`);
    process.exitCode = 2;
  }
}
