import { stat } from "node:fs/promises";
import type { DigestAlgorithm } from "@vram-residency/types";
import { systemClock } from "@vram-residency/types/node";
import { refuseArgument } from "../report.ts";
import type { Terminal } from "../terminal.ts";
import { digestProgress, type Progress } from "./progress.ts";

/** The name of standard input. A file of that name is `./-`. */
export const STANDARD_INPUT = "-";

/** What to hash, and how. */
export interface HashTask {
  readonly name: string;
  readonly algorithm: DigestAlgorithm;
}

/**
 * Standard input ends once: a second reading would give the digest of nothing, as if it meant something.
 *
 * @throws `ERR_INPUT_INVALID` when it is among the names twice.
 */
export function assertOneInput(names: readonly string[]): void {
  if (names.filter((name) => name === STANDARD_INPUT).length > 1) {
    refuseArgument("file", "standard input can be read only once");
  }
}

/** Progress over everything that will be hashed. */
export async function watch(tasks: readonly HashTask[], terminal: Terminal): Promise<Progress> {
  const total = await totalBytesOf(tasks.map(({ name }) => name));
  return digestProgress(terminal, tasks.length, total, () => Number(systemClock.mono() / 1_000_000n));
}

/** Size of all these files. @returns Unit: bytes; undefined unless each is a regular file that can be looked at. */
async function totalBytesOf(names: readonly string[]): Promise<number | undefined> {
  let total = 0;
  for (const name of names) {
    const found = name === STANDARD_INPUT ? undefined : await stat(name).catch(() => undefined);
    if (found?.isFile() !== true) return undefined;
    total += found.size;
  }
  return total;
}
