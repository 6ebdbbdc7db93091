/**
 * A process that keeps a log and says which records were acknowledged, one a line: "acknowledged 7 life 1, record 3".
 *
 * Arguments: the log's directory, and a pipe that nobody writes to.
 *
 * @module
 */
import { open, writeSync } from "node:fs";
import { availableParallelism } from "node:os";
import { auditEvent } from "@vram-residency/audit";
import { nodeFileSystem } from "@vram-residency/types/node";
import { openOnDisk } from "./disk.ts";

const [directory = "", pipe = ""] = process.argv.slice(2);

// Opening the pipe never ends: each takes one of the runtime's threads for files, until a single one is left. strace counts the calls of
// each thread apart, so that only then "the fourth write" is the same one in every run.
for (let thread = 1; thread < Math.max(2, availableParallelism()); thread += 1) open(pipe, "r", () => {});

async function life(number: number): Promise<void> {
  const log = await openOnDisk(nodeFileSystem, directory);
  let written = 0;
  const append = async (): Promise<void> => {
    const text = `life ${number}, record ${written++}`;
    const { seq } = await log.append(auditEvent("PolicyChanged", { from: text, to: "to" }));
    writeSync(1, `acknowledged ${seq} ${text}\n`);
  };
  for (const count of [1, 4, 3]) await Promise.allSettled(Array.from({ length: count }, append));
  await log.checkpoint().catch(() => {});
  await Promise.allSettled([append()]);
  await log[Symbol.asyncDispose]();
}

for (const number of [1, 2]) await life(number).catch(() => {});
writeSync(1, "done\n");
process.exit(0);
