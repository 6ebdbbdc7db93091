/**
 * Native fs-verity against the `fsverity` tool, `vramr digest` against it, and two of the library's threads against one, over
 * files in page cache.
 *
 * @module
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { Glob } from "bun";
import { type NativeDigests, openNativeDigests } from "../packages/allocator-cuda/src/index.ts";
import { round } from "./machine.ts";
import { interleave, type Part, part, programMs, reported, skipped } from "./part.ts";
import { writeRandomFile } from "./random-file.ts";

const PAIRS = 9;
/** Short runs fit between what else the machine does; of many, some are not disturbed. Unit: bytes. */
const SHORT_BYTES = 16 << 20;
const SHORT_PAIRS = 401;
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
  measures: "shortest time of digestFile on one thread divided by that on two",
  limit: { atLeast: 1.6 },
} as const;
const PROGRAM = {
  name: "vramr-digest-fsverity",
  measures: "processor time of `fsverity digest` divided by that of `vramr digest`, whole programs",
  limit: undefined,
} as const;

/** Measures all three. @param path - A file of `bytes` bytes. @param folder - Where the program is built. */
export async function nativeDigestParts(
  path: string,
  bytes: number,
  folder: string,
): Promise<readonly Part[]> {
  const missing = ["g++", "taskset", "fsverity"].find((name) => Bun.which(name) === null);
  const { digests } = await openNativeDigests();
  if (missing !== undefined || digests === undefined) {
    const why =
      missing === undefined ? "the native library: bun run native" : `there is no program ${missing}`;
    return [ONE_CORE, PROGRAM, TWO_THREADS].map(({ name, measures, limit }) =>
      skipped(name, measures, limit, why),
    );
  }
  const program = await buildProgram(folder);
  const tool = ["fsverity", "digest", "--compact", path] as const;
  const vramr = [
    process.execPath,
    "--conditions=vram-residency-source",
    join(import.meta.dir, "..", "packages", "cli", "src", "main.ts"),
    ...["digest", "--algorithm", "fsverity-sha256", path],
  ];
  const digest = (await programMs(tool)).printed.trim();
  for (const other of [[program, "1", path], vramr]) {
    if (!(await programMs(other)).printed.startsWith(digest)) throw new Error("the digests differ");
  }
  return [
    await oneCore(program, tool, path, bytes),
    await wholeProgram(vramr, tool, bytes),
    await twoThreads(digests, folder),
  ];
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

/** On every processor, as somebody would run it. */
async function wholeProgram(vramr: readonly string[], tool: readonly string[], bytes: number): Promise<Part> {
  const wall: Record<"ours" | "theirs", number[]> = { ours: [], theirs: [] };
  const run = async (side: "ours" | "theirs", command: readonly string[]): Promise<number> => {
    const { cpuMs, wallMs } = await programMs(command);
    wall[side].push(round(wallMs));
    return cpuMs;
  };
  const pairs = await interleave(
    PAIRS,
    () => run("ours", vramr),
    () => run("theirs", tool),
  );
  const shortest = { oursMs: Math.min(...wall.ours), theirsMs: Math.min(...wall.theirs) };
  const cpu = { oursMs: pairs.ours, theirsMs: pairs.theirs };
  return reported(PROGRAM.name, PROGRAM.measures, pairs.ratio, { bytes, pairs: PAIRS, cpu, shortest });
}

/** Processor time cannot tell how well threads share work; the shortest of many short runs is the one least disturbed. */
async function twoThreads({ digestFile }: NativeDigests, folder: string): Promise<Part> {
  const path = join(folder, "short.bin");
  await writeRandomFile(path, SHORT_BYTES);
  const wall: Record<1 | 2, number[]> = { 1: [], 2: [] };
  const run = async (threads: 1 | 2): Promise<number> => {
    const started = performance.now();
    await digestFile(path, "fsverity-sha256", { threads });
    const wallMs = performance.now() - started;
    wall[threads].push(wallMs);
    return wallMs;
  };
  const pairs = await interleave(
    SHORT_PAIRS,
    () => run(2),
    () => run(1),
  );
  await rm(path);
  const [one, two] = [Math.min(...wall[1]), Math.min(...wall[2])];
  const { name, measures, limit } = TWO_THREADS;
  return part(name, measures, limit, one / two, {
    bytes: SHORT_BYTES,
    pairs: SHORT_PAIRS,
    shortestMs: { one: round(one), two: round(two) },
    medianMs: { one: pairs.theirs, two: pairs.ours },
    twoThreadsGBs: round(SHORT_BYTES / two / 1e6, 2),
  });
}
