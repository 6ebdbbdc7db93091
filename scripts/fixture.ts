/**
 * Throw-away repositories for the scripts' own tests.
 *
 * @module
 */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ROOT } from "./project.ts";

/** A folder that is removed when it goes out of scope. */
export interface Fixture extends Disposable {
  /** Shape: absolute path without symbolic links. */
  readonly root: string;
}

/**
 * Writes `files` (relative path to text) into a fresh folder.
 *
 * @param place - "repository" lets the files import the repository's development dependencies; "elsewhere" hides them from its
 * ignore files.
 */
export function plant(files: Readonly<Record<string, string>>, place: "repository" | "elsewhere"): Fixture {
  const parent = place === "repository" ? join(ROOT, "out") : tmpdir();
  mkdirSync(parent, { recursive: true });
  const root = realpathSync(mkdtempSync(join(parent, "fixture-")));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return { root, [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }) };
}
