/**
 * Every file call of a log's life goes wrong in turn. The package's tests run a part of it, `bun run long` the whole.
 *
 * @module
 */
import type { CrashChoice, FileFault } from "@vram-residency/testing";
import { memoryFileSystem, seededRandom } from "@vram-residency/testing";
import { cleanRun, judgeCrashes, newTold, play } from "./session.ts";

/** What goes wrong, wherever it does. */
export type FaultKind =
  | { readonly code: string; readonly effect?: "all" | "dropped" }
  | { readonly halt: "before" | "after" };

/** What can go wrong with any call. */
export const FAULT_KINDS: readonly FaultKind[] = [
  { code: "EIO" },
  { code: "ENOSPC" },
  { code: "EINTR" },
  { code: "EIO", effect: "all" },
  { code: "EIO", effect: "dropped" },
  { halt: "before" },
  { halt: "after" },
];

/** Loses whatever can be lost. */
export const LOST: CrashChoice = () => 0;
/** Loses nothing: only the process ended. */
export const KEPT: CrashChoice = ({ options }) => options - 1;

/** Decides by chance, the same way every time. */
export function scattered(seed: number): () => CrashChoice {
  return () => {
    const random = seededRandom(seed);
    return ({ options }) => new DataView(random.bytes(4).buffer).getUint32(0) % options;
  };
}

/** What a run with one fault came to. */
export interface FaultRun {
  /** Such as "write#3: EIO". */
  readonly fired: string;
  /** What was wrong afterwards. */
  readonly faults: readonly string[];
}

/** Plays the script with one fault, and judges what could be left after it. @throws Error when the fault did not come up. */
export async function runWithFault(
  fault: FileFault,
  crashes: Readonly<Record<string, () => CrashChoice>>,
): Promise<FaultRun> {
  const files = memoryFileSystem();
  const told = newTold();
  files.fail(fault);
  await play(files, told);
  const [fired, ...more] = files.fired();
  if (fired === undefined || more.length > 0) throw new Error(`${JSON.stringify(fault)} did not fire once`);
  return { fired, faults: await judgeCrashes(files, told, crashes) };
}

/** Every call of the script, with the operation that it is. */
export async function callsOf(): Promise<number> {
  return (await cleanRun()).calls("any");
}
