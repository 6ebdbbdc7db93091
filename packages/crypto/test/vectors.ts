import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const REPOSITORY = join(import.meta.dir, "../../..");

/**
 * Reads a published vector file: from `$VRAM_VECTORS`, else from beside the repository. Such files are never committed.
 *
 * @param cases - How many cases the file holds, to say what was skipped.
 * @returns The parsed file; undefined, with a line printed, when it is nowhere.
 */
export function publishedVectors<File>(name: string, cases: number): File | undefined {
  const folders = [process.env["VRAM_VECTORS"], join(REPOSITORY, "../shared/vectors")];
  const path = folders.map((folder) => (folder ? join(folder, name) : "")).find((file) => existsSync(file));
  if (path === undefined) {
    console.warn(`skipped ${cases} cases of ${name}: set VRAM_VECTORS to the folder that has it`);
    return undefined;
  }
  return JSON.parse(readFileSync(path, "utf8"));
}
