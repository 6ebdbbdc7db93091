/**
 * Where things are in this repository.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { Glob } from "bun";

/** The repository's root. Shape: absolute path without a trailing slash. */
export const ROOT: string = resolve(import.meta.dir, "..");

/** The export condition under which the packages resolve to their sources. */
export const SOURCE_CONDITION = "vram-residency-source";

/** The parts of a `package.json` that the scripts read. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly exports?: Readonly<Record<string, unknown>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

/** A workspace package. */
export interface Package {
  /** Its folder's name, for example "seal". */
  readonly id: string;
  /** Shape: absolute path. */
  readonly folder: string;
  readonly manifest: Manifest;
}

/** Finds every workspace package under `root`, sorted by folder name. */
export async function packages(root: string): Promise<readonly Package[]> {
  const paths = [...new Glob("packages/*/package.json").scanSync(root)];
  const found = await Promise.all(
    paths.map(async (path) => {
      const folder = join(root, path, "..");
      const manifest = (await Bun.file(join(root, path)).json()) as Manifest;
      return { id: basename(folder), folder, manifest };
    }),
  );
  return found.sort((left, right) => (left.id < right.id ? -1 : 1));
}

/**
 * Lists the files of `folder` that match, without looking into `node_modules`, `dist` or `out`.
 *
 * @returns Shape: paths relative to `folder`, sorted. Empty when there is no such folder.
 */
export function filesIn(folder: string, pattern: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return [...new Glob(pattern).scanSync({ cwd: folder, dot: true })]
    .filter((path) => !/(^|\/)(node_modules|dist|out|\.turbo)\//.test(path))
    .sort();
}

/** Lists the test files of `folder`: the names `bun test` itself looks for. */
export function testFiles(folder: string): readonly string[] {
  return filesIn(folder, "**/*{.,_}{test,spec}.{ts,tsx,js,jsx,mts,mjs,cts,cjs}");
}
