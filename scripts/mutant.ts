/**
 * Hand-written weakenings of the code: what one is, and how it is put in.
 *
 * @module
 */
import { join } from "node:path";
import { filesIn } from "./project.ts";

/** One weakening, as a file of `mutants/` lists it. */
export interface Mutant {
  /** Unique, in kebab-case. */
  readonly name: string;
  /** The property it breaks, as a sentence without a full stop. */
  readonly guards: string;
  /** Relative to the repository. */
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly find: string;
  readonly replace: string;
  /** The packages whose tests must notice, for example "packages/seal". */
  readonly tests: readonly string[];
}

const TEXT_FIELDS = ["name", "guards", "file", "find", "replace"] as const;

function isMutant(value: unknown): value is Mutant {
  if (typeof value !== "object" || value === null) return false;
  const fields = new Map(Object.entries(value));
  const tests: unknown = fields.get("tests");
  return (
    fields.size === TEXT_FIELDS.length + 1 &&
    TEXT_FIELDS.every((name) => typeof fields.get(name) === "string") &&
    Array.isArray(tests) &&
    tests.length > 0 &&
    tests.every((path) => typeof path === "string" && /^packages\/[\w-]+$/.test(path))
  );
}

/**
 * Reads every mutant below `root`, in the order of files and lists.
 *
 * @throws When a file is malformed, a name is not kebab-case, or two mutants share a name.
 */
export async function readMutants(root: string): Promise<readonly Mutant[]> {
  const mutants: Mutant[] = [];
  for (const path of filesIn(join(root, "mutants"), "*.json")) {
    const list: unknown = await Bun.file(join(root, "mutants", path)).json();
    if (!Array.isArray(list)) throw new Error(`mutants/${path} is not a list`);
    for (const [index, value] of list.entries()) {
      if (!isMutant(value))
        throw new Error(`mutants/${path}, entry ${index}: see mutants/README.md for its shape`);
      if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(value.name))
        throw new Error(`mutants/${path}: ${value.name} is not kebab-case`);
      if (mutants.some(({ name }) => name === value.name))
        throw new Error(`mutants/${path}: ${value.name} is taken`);
      mutants.push(value);
    }
  }
  return mutants;
}

/**
 * Weakens `text`.
 *
 * @throws When the place to weaken is missing, ambiguous, or would stay as it is.
 */
export function weaken(text: string, { file, find, replace }: Mutant): string {
  const places = find === "" ? 0 : text.split(find).length - 1;
  if (places !== 1) throw new Error(`"find" occurs ${places} times in ${file}, not once`);
  if (find === replace) throw new Error(`"replace" changes nothing`);
  return text.replace(find, () => replace);
}
