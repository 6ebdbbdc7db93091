/**
 * Native fs-verity against the `fsverity` tool, and two of its threads against one: whole programs over a file in page cache.
 *
 * @module
 */
import { join } from "node:path";
import { Glob } from "bun";
import { round } from "./machine.ts";
import { interleave, type Part, part, programMs, skipped } from "./part.ts";

const PAIRS = 9;
const NATIVE = join(import.meta.dir, "..", "native");
/** As the library is compiled. */
const FLAGS = ["-std=c++20", "-O2", "-pthread"] as const;

const ONE_CORE = {
  name: "native-fsverity-on-one-core",
  measures: "processor time of `fsverity digest` divided by ours, whole programs",
  limit: { atLeast: 1.8 },
} as const;
const TWO_THREADS = {
  name: "native-fsverity-on-two-threads",
  measures: "shortest time on one thread divided by that on two, whole programs",
  limit: { atLeast: 1.6 },
} as const;

/** Measures both. @param path - A file of `bytes` bytes. @param folder - Where the program is built. */
export async function nativeDigestParts(
  path: string,
  bytes: number,
  folder: string,
): Promise<readonly Part[]> {
  const missing = ["g++", "taskset", "fsverity"].find((name) => Bun.which(name) === null);
  if (missing !== undefined) {
    const why = `there is no program ${missing}`;
    return [ONE_CORE, TWO_THREADS].map(({ name, measures, limit }) => skipped(name, measures, limit, why));
  }
  const program = await buildProgram(folder);
  const digest = (await programMs([program, "1", path])).printed.trim();
  const tool = ["fsverity", "digest", "--compact", path] as const;
  for (const other of [tool, [program, "2", path]]) {
    if ((await programMs(other)).printed.trim() !== digest) throw new Error("the digests differ");
  }
  return [await oneCore(program, tool, path, bytes), await twoThreads(program, path, bytes)];
}

async function buildProgram(folder: string): Promise<string> {
  const sources = await Array.fromAsync(new Glob("src/digest/*.cc").scan({ cwd: NATIVE, absolute: true }));
  const program = join(folder, "digest_file");
  const main = join(NATIVE, "test", "digest", "digest_file.cc");
  const errors = join(NATIVE, "src", "errors.cc");
  const include = `-I${join(NATIVE, "include")}`;
  await programMs(["g++", ...FLAGS, include, main, errors, ...sources, "-o", program]);
  return program;
}

async function oneCore(program: string, tool: readonly string[], path: string, bytes: number): Promise<Part> {
  const pinned = ["taskset", "--cpu-list", "0"];
  const cpu = async (command: readonly string[]): Promise<number> =>
    (await programMs([...pinned, ...command])).cpuMs;
  const pairs = await interleave(
    PAIRS,
    () => cpu([program, "1", path]),
    () => cpu(tool),
  );
  const { name, measures, limit } = ONE_CORE;
  const rate = (ms: number): number => round(bytes / ms / 1e6, 2);
  return part(name, measures, limit, pairs.ratio, {
    bytes,
    pairs: PAIRS,
    oursMs: pairs.ours,
    theirsMs: pairs.theirs,
    oursGBs: rate(pairs.ours),
    theirsGBs: rate(pairs.theirs),
  });
}

/** Processor time cannot tell how well threads share work; the shortest of several runs is the one least disturbed. */
async function twoThreads(program: string, path: string, bytes: number): Promise<Part> {
  const wall: Record<"1" | "2", number[]> = { "1": [], "2": [] };
  const run = async (threads: "1" | "2"): Promise<number> => {
    const { wallMs } = await programMs([program, threads, path]);
    wall[threads].push(round(wallMs));
    return wallMs;
  };
  await interleave(
    PAIRS,
    () => run("2"),
    () => run("1"),
  );
  const [one, two] = [Math.min(...wall["1"]), Math.min(...wall["2"])];
  const { name, measures, limit } = TWO_THREADS;
  const detail = { bytes, pairs: PAIRS, wallMs: wall, twoThreadsGBs: round(bytes / two / 1e6, 2) };
  return part(name, measures, limit, one / two, detail);
}
