/**
 * The whole of the fault campaigns: `bun run long`. Prints how many faults there were of each kind, and writes them to
 * `bench/results/audit-syscalls-<date>.json`.
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
    console.log(`skipped: ${kinds} kinds of faults in ${child}, ${missing} is not installed`);
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

const date = new Date().toISOString();
const memory = await inMemory();
const keeper = await onDisk("a child that keeps a log", KEEPER);
const sealer = await onDisk("a child that seals", SEALER);
const syscalls = [...keeper, ...sealer];
const every = [...memory.faults, ...syscalls];
const failed = every.filter(({ problems }) => problems.length > 0).length;
const sum = (tallies: readonly Tally[]): number => tallies.reduce((total, { runs }) => total + runs, 0);
const disk = spawnSync("stat", ["-f", "-c", "%T", tmpdir()], { encoding: "utf8" }).stdout.trim();
const result = {
  apiVersion: "vram-residency.long/v1",
  kind: "AuditFaults",
  date,
  machine: { cores: availableParallelism(), bun: Bun.version, os: `${type()} ${process.arch}`, disk },
  inMemory: { ...memory, powerLossesEach: 4, runs: sum(memory.faults) },
  onDisk: { runs: sum(syscalls), faults: syscalls.map((tally) => ({ ...tally, fault: undefined })) },
  ok: failed === 0,
};
const path = join(ROOT, "bench", "results", `audit-syscalls-${date.slice(0, 10)}.json`);
await Bun.write(path, `${JSON.stringify(result, null, 2)}\n`);
console.log(
  `${sum(memory.faults)} faults in memory, ${sum(syscalls)} in child processes; ${failed} kinds failed`,
);
process.exitCode = failed === 0 ? 0 : 1;
