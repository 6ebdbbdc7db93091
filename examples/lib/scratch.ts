/**
 * What the examples write goes here, and is gone afterwards.
 *
 * @module
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A folder that is removed when it goes out of scope. */
export interface Scratch extends AsyncDisposable {
  /** Shape: absolute path. */
  readonly path: string;
}

/** Makes an empty folder. */
export async function scratch(): Promise<Scratch> {
  const path = await mkdtemp(join(tmpdir(), "vram-example-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
