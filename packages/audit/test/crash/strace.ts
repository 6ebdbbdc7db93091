/**
 * Runs the child under strace, which makes one of its system calls fail, or kills it there.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openLogSource } from "@vram-residency/audit/file";
import { AuditRoot, deriveVerifySecret, verifyLog } from "@vram-residency/audit/log";
import { nodeEd25519 } from "@vram-residency/crypto/node";
import { nodeFileSystem } from "@vram-residency/types/node";
import { DISK_HASHES, DISK_ROOT, openOnDisk } from "./disk.ts";
import { recordsOf } from "./session.ts";

/** The calls that change what is on the disk, or let it be changed. */
export const SYSCALLS = [
  "openat",
  "pwrite64",
  "fdatasync",
  "fsync",
  "rename",
  "unlink",
  "ftruncate",
  "mkdir",
] as const;
export type Syscall = (typeof SYSCALLS)[number];

/** What happens to one of them. */
export const INJECTIONS = ["EIO", "ENOSPC", "EINTR", "KILL"] as const;
export type Injection = (typeof INJECTIONS)[number];

/** Which call, and what happens to it. */
export interface Shot {
  readonly syscall: Syscall;
  /** Counted from 1. */
  readonly at: number;
  readonly injection: Injection;
}

/** The child, ready to be run. */
export interface Range extends Disposable {
  /** How many calls of each kind a run without faults makes. */
  readonly counts: Readonly<Record<Syscall, number>>;
  /** Runs the child with one fault. @returns What was wrong then; undefined when nothing was. */
  shoot(shot: Shot): Promise<string | undefined>;
}

/** Why there is nothing to run the child with; undefined when there is. */
export function missingTool(): string | undefined {
  return ["strace", "mkfifo"].find((name) => Bun.which(name) === null);
}

/** Builds the child, and counts its calls. @param under - Where on the disk. */
export async function openRange(under: string = tmpdir()): Promise<Range> {
  const folder = mkdtempSync(join(under, "vram-strace-"));
  const child = join(folder, "child.js");
  const { success, logs } = await Bun.build({
    entrypoints: [join(import.meta.dir, "child.ts")],
    target: "bun",
    conditions: ["vram-residency-source"],
    outdir: folder,
  });
  if (!success) throw new Error(logs.join("\n"));
  spawnSync("mkfifo", [join(folder, "pipe")]);
  const place = { folder, child, names: [] as readonly string[] };
  const first = await run(place, undefined);
  if (first.problem !== undefined) throw new Error(`a run without faults: ${first.problem}`);
  // What strace looks at has to be named, and the names are known only now.
  const clean = await run({ ...place, names: first.names }, undefined);
  const counts = countsOf(clean.trace);
  if (clean.acknowledged === 0) throw new Error("a run without faults acknowledged nothing");
  return {
    counts,
    shoot: async (shot) => (await run({ ...place, names: first.names }, shot)).problem,
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}

interface Place {
  readonly folder: string;
  readonly child: string;
  /** The files of the log. */
  readonly names: readonly string[];
}

interface Run {
  readonly problem: string | undefined;
  readonly trace: string;
  readonly names: readonly string[];
  readonly acknowledged: number;
}

async function run({ folder, child, names }: Place, shot: Shot | undefined): Promise<Run> {
  const state = join(folder, "state");
  rmSync(state, { recursive: true, force: true });
  mkdirSync(state);
  const directory = join(state, "new", "audit");
  const traced = join(folder, "trace");
  const paths = ["", "/..", "/../..", ...names.flatMap((name) => [`/${name}`, `/${name}.new`])].map(
    (name) => ["-P", `${directory}${name}`],
  );
  const what =
    shot === undefined ? [] : ["-e", `inject=${shot.syscall}:${answer(shot.injection)}:when=${shot.at}`];
  const strace = ["-f", "-qq", "-o", traced, "-e", `trace=${SYSCALLS.join(",")}`, ...what, ...paths.flat()];
  const { status, signal, stdout } = spawnSync(
    "strace",
    [...strace, process.execPath, child, directory, join(folder, "pipe")],
    { stdio: ["ignore", "pipe", "inherit"], encoding: "utf8", timeout: 60_000 },
  );
  const trace = readFileSync(traced, "utf8");
  const ended = `exit ${status ?? signal}`;
  const finished = stdout.endsWith("done\n");
  const problem =
    problemOf(trace, shot) ??
    (finished === (shot?.injection === "KILL")
      ? `the child ended with ${ended}: ${stdout.slice(-100)}`
      : undefined) ??
    (await problemIn(directory, stdout).catch((error: unknown) => String(error)));
  const left = existsSync(directory) ? await nodeFileSystem.list(directory) : [];
  return { problem, trace, names: left, acknowledged: stdout.split("acknowledged").length - 1 };
}

function answer(injection: Injection): string {
  return injection === "KILL" ? "signal=KILL" : `error=${injection}`;
}

function problemOf(trace: string, shot: Shot | undefined): string | undefined {
  if (shot === undefined) return undefined;
  const fired = shot.injection === "KILL" ? /\+\+\+ killed by SIGKILL/ : /\(INJECTED\)/;
  return fired.test(trace) ? undefined : "the fault did not come up";
}

/** How many calls of each kind a trace has. @throws Error when they come from more than one thread. */
function countsOf(trace: string): Readonly<Record<Syscall, number>> {
  const lines = trace.split("\n").filter((line) => !line.includes(" resumed>"));
  const threads = new Map<string, Set<string>>();
  const count = (syscall: Syscall): number => {
    const calls = lines.filter((line) => line.includes(` ${syscall}(`));
    threads.set(syscall, new Set(calls.map((line) => line.split(" ")[0] ?? "")));
    return calls.length;
  };
  const counts = Object.fromEntries(SYSCALLS.map((syscall) => [syscall, count(syscall)]));
  for (const [syscall, ids] of threads) {
    if (ids.size > 1) throw new Error(`${syscall} is called by ${ids.size} threads, and cannot be counted`);
  }
  return counts as Record<Syscall, number>;
}

/** Opens what the child has left, and looks for everything that it said. Twice: what was put right stays right. */
async function problemIn(directory: string, said: string): Promise<string | undefined> {
  for (const time of ["first", "second"]) {
    const log = await openOnDisk(nodeFileSystem, directory);
    await log[Symbol.asyncDispose]();
    if (time === "second" && log.opened.found !== "clean")
      return `found ${log.opened.found} after it was closed`;
    const verdict = await verdictOf(directory, log.log);
    if (verdict !== "sound") return verdict;
    const lines = await recordsOf(nodeFileSystem, directory);
    for (const [, seq, text] of said.matchAll(/^acknowledged (\d+) (.*)$/gm)) {
      if (lines[Number(seq)]?.data["from"] !== text) return `record ${seq} was acknowledged and is lost`;
    }
  }
  return undefined;
}

async function verdictOf(directory: string, log: string): Promise<string> {
  await using source = await openLogSource(nodeFileSystem, directory);
  const secrets = [deriveVerifySecret(new AuditRoot(DISK_ROOT), log)];
  const options = { ed25519: nodeEd25519, hashes: DISK_HASHES, now: Date.now(), secrets };
  const { verdict, bad } = await verifyLog(source, options);
  return bad === undefined ? verdict : `${verdict}: ${JSON.stringify(bad)}`;
}
