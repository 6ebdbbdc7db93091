/**
 * The whole of the fault campaigns: `bun run long [files | syscalls]`. Prints how many faults there were of each kind, and writes
 * them to `bench/results/audit-<part>-<date>.json`.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { availableParallelism, tmpdir, type } from "node:os";
import { join } from "node:path";
import { SEALER } from "../../../manager/test/sealer.ts";
import { callsOf, FAULT_KINDS, KEPT, LOST, runWithFault, scattered } from "./campaign.ts";
import { KEEPER } from "./keeper.ts";
import {
  INJECTIONS,
  type Injection,
  missingTool,
  openRange,
  type Subject,
  SYSCALLS,
  type Syscall,
} from "./strace.ts";

const ROOT = join(import.meta.dir, "..", "..", "..", "..");

/** One kind of fault: how many of them there were, and what was wrong afterwards. */
interface Tally {
  readonly fault: string;
  readonly runs: number;
  readonly problems: readonly string[];
}

function tell(tally: Tally): Tally {
  const { fault, runs, problems } = tally;
  console.log(`${problems.length === 0 ? "ok  " : "FAIL"} ${String(runs).padStart(5)} x ${fault}`);
  for (const problem of problems) console.log(`     ${problem}`);
  return tally;
}

/** Every file call of the script in memory, with every fault, and four power losses after each. */
async function inMemory(): Promise<{ readonly calls: number; readonly faults: readonly Tally[] }> {
  const calls = await callsOf();
  const faults: Tally[] = [];
  for (const kind of FAULT_KINDS) {
    const problems: string[] = [];
    for (let at = 1; at <= calls; at += 1) {
      const crashes = {
        lost: () => LOST,
        kept: () => KEPT,
        "scattered, one way": scattered(at),
        "scattered, another way": scattered(-at),
      };
      const run = await runWithFault({ operation: "any", at, ...kind }, crashes);
      problems.push(...run.faults.map((fault) => `call ${at}, ${run.fired}, ${fault}`));
    }
    faults.push(tell({ fault: `file call in memory, ${JSON.stringify(kind)}`, runs: calls, problems }));
  }
  return { calls, faults };
}

/** Faults of a child process. */
interface ChildTally extends Tally {
  readonly child: string;
  readonly syscall: Syscall;
  readonly injection: Injection;
}

/** Every system call of a child on a real disk, with every fault. */
async function onDisk(child: string, subject: Subject): Promise<readonly ChildTally[]> {
  const missing = missingTool();
  if (missing !== undefined) {
    const kinds = SYSCALLS.length * INJECTIONS.length;
    console.log(`skipped: ${kinds} kinds of faults in ${child}, ${missing}`);
    return [];
  }
  using range = await openRange(subject);
  const tallies: ChildTally[] = [];
  for (const syscall of SYSCALLS) {
    for (const injection of INJECTIONS) {
      const runs = range.counts[syscall];
      const problems: string[] = [];
      for (let at = 1; at <= runs; at += 1) {
        const problem = await range.shoot({ syscall, at, injection });
        if (problem !== undefined) problems.push(`at ${at}: ${problem}`);
      }
      const { fault } = tell({ fault: `${syscall} ${injection} of ${child}`, runs, problems });
      tallies.push({ fault, child, syscall, injection, runs, problems });
    }
  }
  return tallies;
}

/** Writes what a part came to, and ends with 1 when something was wrong. */
async function conclude(part: string, tallies: readonly Tally[], more: object): Promise<void> {
  const date = new Date().toISOString();
  const runs = tallies.reduce((total, tally) => total + tally.runs, 0);
  const failed = tallies.filter(({ problems }) => problems.length > 0).length;
  const disk = spawnSync("stat", ["-f", "-c", "%T", tmpdir()], { encoding: "utf8" }).stdout.trim();
  const machine = { cores: availableParallelism(), bun: Bun.version, os: `${type()} ${process.arch}`, disk };
  const result = {
    apiVersion: "vram-residency.long/v1",
    kind: "AuditFaults",
    date,
    machine,
    runs,
    ok: failed === 0,
  };
  const path = join(ROOT, "bench", "results", `audit-${part}-${date.slice(0, 10)}.json`);
  await Bun.write(path, `${JSON.stringify({ ...result, ...more, faults: tallies }, null, 2)}\n`);
  console.log(`${part}: ${runs} faults of ${tallies.length} kinds, ${failed} of which failed`);
  if (failed > 0) process.exitCode = 1;
}

const part = process.argv[2];
if (part === undefined || part === "files") {
  const { calls, faults } = await inMemory();
  await conclude("files", faults, { calls, powerLossesEach: 4 });
}
if (part === undefined || part === "syscalls") {
  const keeper = await onDisk("a child that keeps a log", KEEPER);
  const sealer = await onDisk("a child that seals", SEALER);
  await conclude("syscalls", [...keeper, ...sealer], {});
}
