/**
 * A log that dies while it writes a batch of several pages, and what its recovery makes of it, also when that dies too.
 *
 * @module
 */
import {
  type CrashChoice,
  type FileFault,
  type MemoryFileSystem,
  memoryFileSystem,
} from "@vram-residency/testing";
import { appendAll, copyTold, DIRECTORY, judge, newTold, openLife, type Told } from "./session.ts";

/** Records in the batch: about 19 KiB, five pages. */
const BATCH = 40;

/** A log with one acknowledged record, and then a batch that meets a fault. */
export async function batchWith(
  fault: FileFault | undefined,
  count: number = BATCH,
): Promise<{ readonly files: MemoryFileSystem; readonly told: Told }> {
  const files = memoryFileSystem();
  const told = newTold();
  const log = await openLife(files, 1, told);
  await appendAll(log, ["before"], told);
  if (fault !== undefined) files.fail(fault);
  const texts = Array.from({ length: count }, (_, index) => `record ${index} of the batch`);
  await Promise.race([appendAll(log, texts, told), files.halted]);
  if (fault !== undefined && files.fired().length !== 1) throw new Error("the fault did not fire");
  return { files, told };
}

/** The log after a power loss between the write of the batch and the end of its sync. */
export async function tornBatch(
  choose: CrashChoice,
): Promise<{ readonly files: MemoryFileSystem; readonly told: Told }> {
  // The first record is a batch of its own: the others come while it is written.
  const { files, told } = await batchWith({ operation: "dataSync", at: 2, halt: "before" });
  return { files: files.crash(choose), told };
}

/** What was put aside. */
export async function tornFiles(files: MemoryFileSystem): Promise<readonly string[]> {
  const names = await files.list(DIRECTORY);
  return names
    .filter((name) => name.startsWith("torn-"))
    .map((name) => Buffer.from(files.get(`${DIRECTORY}/${name}`)).toString("latin1"));
}

/**
 * Kills the recovery of a log after each of its file calls, loses what it did not sync, and lets the next one finish.
 *
 * @returns What was wrong then, and how many recoveries were killed.
 */
export async function recoverTwice(
  files: MemoryFileSystem,
  told: Told,
  choose: CrashChoice,
): Promise<{ readonly killed: number; readonly faults: readonly string[] }> {
  const whole = files.crash(choose);
  await openLife(whole, 2, copyTold(told));
  const aside = await tornFiles(whole);
  const faults: string[] = [];
  let killed = 0;
  for (let at = 1; at <= whole.calls("any"); at += 1) {
    const dying = files.crash(choose);
    dying.fail({ operation: "any", at, halt: "after" });
    const toldThen = copyTold(told);
    await Promise.race([openLife(dying, 2, toldThen), dying.halted]);
    if (dying.fired().length === 0) break;
    killed += 1;
    const left = dying.crash(choose);
    const fault = await judge(left, toldThen).catch((error: unknown) => String(error));
    if (fault !== undefined) faults.push(`${dying.fired().join()}: ${fault}`);
    const kept = await tornFiles(left);
    if (kept.join("\n") !== aside.join("\n"))
      faults.push(`${dying.fired().join()}: ${kept.length} torn files`);
  }
  return { killed, faults };
}
