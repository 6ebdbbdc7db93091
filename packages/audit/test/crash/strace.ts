/**
 * Runs a child under strace, which makes one of its system calls fail, or kills it there.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodeFileSystem } from "@vram-residency/types/node";

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

/** A child, and what must be true of what it leaves. It takes the log's directory and a pipe, and says "done" at its end. */
export interface Subject {
  /** Its source. */
  readonly entry: string;
  /** What it says for each thing that it was told. */
  readonly says: string;
  /** @returns What is wrong with the directory, given all that the child said; undefined when nothing is. */
  judge(directory: string, said: string): Promise<string | undefined>;
}

/** A child, ready to be run. */
export interface Range extends Disposable {
  /** How many calls of each kind a run without faults makes. */
  readonly counts: Readonly<Record<Syscall, number>>;
  /** Runs the child with one fault. @returns What was wrong then; undefined when nothing was. */
  shoot(shot: Shot): Promise<string | undefined>;
}

/** Why there is nothing to run the child with; undefined when there is. */
export function missingTool(): string | undefined {
  const absent = ["strace", "mkfifo"].find((name) => Bun.which(name) === null);
  if (absent !== undefined) return `${absent} is not installed`;
  // In a sandbox it may be there, and not be allowed to stop anything.
  const works = spawnSync("strace", ["-f", "-o", "/dev/null", "-e", "inject=getcwd:error=EIO", "true"]);
  return works.status === 0 ? undefined : "strace may not trace here";
}

/** Builds a child, and counts its calls. */
export async function openRange(subject: Subject): Promise<Range> {
  const folder = mkdtempSync(join(tmpdir(), "vram-strace-"));
  const { success, logs } = await Bun.build({
    entrypoints: [subject.entry],
    target: "bun",
    conditions: ["vram-residency-source"],
    outdir: folder,
    naming: "child.js",
  });
  if (!success) throw new Error(logs.map(({ message }) => message).join("\n"));
  spawnSync("mkfifo", [join(folder, "pipe")]);
  const place = { subject, folder, names: [] as readonly string[] };
  const first = await run(place, undefined);
  if (first.problem !== undefined) throw new Error(`a run without faults: ${first.problem}`);
  // What strace looks at has to be named, and the names are known only now.
  const clean = await run({ ...place, names: first.names }, undefined);
  const counts = countsOf(clean.trace);
  if (!clean.said.includes(subject.says)) throw new Error("a run without faults was told nothing");
  return {
    counts,
    shoot: async (shot) => (await run({ ...place, names: first.names }, shot)).problem,
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}

interface Place {
  readonly subject: Subject;
  readonly folder: string;
  /** The files of the log. */
  readonly names: readonly string[];
}

interface Run {
  readonly problem: string | undefined;
  readonly trace: string;
  readonly names: readonly string[];
  readonly said: string;
}

async function run({ subject, folder, names }: Place, shot: Shot | undefined): Promise<Run> {
  const state = join(folder, "state");
  rmSync(state, { recursive: true, force: true });
  mkdirSync(state);
  const directory = join(state, "new", "audit");
  const traced = join(folder, "trace");
  const paths = pathsOf(directory, names).flatMap((path) => ["-P", path]);
  const what =
    shot === undefined ? [] : ["-e", `inject=${shot.syscall}:${answer(shot.injection)}:when=${shot.at}`];
  const strace = ["-f", "-qq", "-o", traced, "-e", `trace=${SYSCALLS.join(",")}`, ...what, ...paths];
  const { status, signal, stdout } = spawnSync(
    "strace",
    [...strace, process.execPath, join(folder, "child.js"), directory, join(folder, "pipe")],
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
    (await subject.judge(directory, stdout).catch((error: unknown) => String(error)));
  const left = existsSync(directory) ? await nodeFileSystem.list(directory) : [];
  return { problem, trace, names: left, said: stdout };
}

/** All that the log's calls can name: its files, its directory, and what this lies in, also as it is named from below. */
function pathsOf(directory: string, names: readonly string[]): readonly string[] {
  const above = join(directory, "..");
  const files = names.flatMap((name) => [`${directory}/${name}`, `${directory}/${name}.new`]);
  return [directory, `${directory}/..`, above, `${above}/..`, join(above, ".."), ...files];
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
