/**
 * `bun scripts/fake-driver.ts`: builds the fake driver into `native/build/fake-driver`, for tests alone.
 *
 * `libcuda.so.1` and `libnvidia-ml.so.1` are complete; `old/` holds the same without the functions that came after CUDA 10.1;
 * `libkernels.so` the project's kernels, for `vrfake_kernels`.
 * `--sanitize=address` (with undefined behaviour) or `--sanitize=thread` builds beside it; `--test` also runs the tests.
 *
 * @module
 */
import { existsSync, mkdirSync, renameSync, statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, join } from "node:path";
import { run } from "./process.ts";
import { filesIn, ROOT } from "./project.ts";

const SOURCES = join(ROOT, "native", "fake-driver");
const KERNELS = join(ROOT, "native", "kernels");
const FLAGS = ["-std=c++20", "-g", "-fPIC", "-fvisibility=hidden", "-pthread", "-Wall", "-Wextra", "-Werror"];
const OLD_DRIVER_VERSION = 10010;

/** What a sanitizer build adds to the compiler's flags. */
const SANITIZERS: Readonly<Record<string, readonly string[]>> = {
  address: ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
  thread: ["-fsanitize=thread"],
};

/** Which sanitizer watches; none by default. */
export type Sanitizer = "address" | "thread";

/** The folder that {@link buildFakeDriver} fills. */
export function fakeDriverFolder(sanitizer?: Sanitizer): string {
  return join(ROOT, "native", "build", sanitizer === undefined ? "fake-driver" : `fake-driver-${sanitizer}`);
}

/** Names the C++ compiler, or nothing where there is none. */
export function compiler(): string | undefined {
  return Bun.which("g++") ?? undefined;
}

function newest(paths: readonly string[]): number {
  return Math.max(...paths.map((path) => statSync(path).mtimeMs));
}

/**
 * Runs a compiler command whose last argument is its output, unless that is newer than its inputs.
 *
 * The output appears whole, so that two builds at once do not see each other's halves.
 *
 * @throws When it fails.
 */
async function make(inputs: readonly string[], command: readonly string[]): Promise<void> {
  const output = command.at(-1) ?? "";
  if (existsSync(output) && statSync(output).mtimeMs > newest(inputs)) return;
  const partial = `${output}.${process.pid}`;
  const { code, output: said } = await run([...command.slice(0, -1), partial]);
  if (code !== 0) throw new Error(`${basename(output)} does not build\n${said.trim()}`);
  renameSync(partial, output);
}

/** Where NVIDIA's headers are, for the test that compares our declarations with them. */
function cudaHeaders(): readonly string[] {
  const toolkit = process.env["CUDA_PATH"] ?? "/usr/local/cuda";
  return existsSync(join(toolkit, "include", "cuda.h")) ? ["-isystem", join(toolkit, "include")] : [];
}

/** Runs `jobs`, as many at a time as there are processors. */
async function atOnce(jobs: readonly (() => Promise<void>)[]): Promise<void> {
  const left = [...jobs];
  const worker = async (): Promise<void> => {
    for (let job = left.shift(); job !== undefined; job = left.shift()) await job();
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
}

/** The linker's text that exports the interface and hides `hidden`, along with everything else. */
function exportsText(hidden: readonly string[]): string {
  return `{ global: cu*; vrfake_*; nvml*; local: ${["*", ...hidden].join("; ")}; };\n`;
}

/** The functions that came after the old driver. */
async function newerFunctions(): Promise<readonly string[]> {
  const table = await Bun.file(join(SOURCES, "src", "functions.def")).text();
  return [...table.matchAll(/^VRFAKE_FUNCTION\(\w+, (\w+), (\d+),/gm)]
    .filter(([, , since]) => Number(since) > OLD_DRIVER_VERSION)
    .map(([, symbol = ""]) => symbol);
}

/** Writes a file only when that changes it. @returns Its path. */
async function put(path: string, text: string): Promise<string> {
  const file = Bun.file(path);
  if (!(await file.exists()) || (await file.text()) !== text) await Bun.write(path, text);
  return path;
}

/** Files below `folder` that match, by their whole paths. */
function pathsIn(folder: string, pattern: string): readonly string[] {
  return filesIn(folder, pattern).map((path) => join(folder, path));
}

/** A build in progress: where it goes and how everything in it is compiled. */
interface Build {
  readonly folder: string;
  readonly objects: string;
  /** The compiler and the flags of every file. */
  readonly command: readonly string[];
}

function buildOf(sanitizer: Sanitizer | undefined, optimise: string): Build {
  const cxx = compiler();
  if (cxx === undefined) throw new Error("the fake driver needs g++: install a C++20 compiler");
  const folder = fakeDriverFolder(sanitizer);
  const command = [cxx, optimise, ...FLAGS, ...(SANITIZERS[sanitizer ?? ""] ?? [])];
  return { folder, objects: join(folder, "objects"), command };
}

/** Links objects into a library that exports what the version script `exported` names. */
function link(build: Build, parts: readonly string[], library: string, exported: string): Promise<void> {
  const linker = [`-Wl,-soname,${basename(library)}`, "-Wl,-z,nodelete", `-Wl,--version-script=${exported}`];
  return make(
    [...parts, exported],
    [...build.command, "-shared", ...parts, ...linker, "-Wl,-rpath,$ORIGIN", "-ldl", "-o", library],
  );
}

/**
 * Builds the two libraries, the old driver's, and the kernels'.
 *
 * @returns Their folder.
 * @throws When there is no compiler or something does not build.
 */
export async function buildFakeDriver(sanitizer?: Sanitizer): Promise<string> {
  const build = buildOf(sanitizer, "-O1");
  const { folder, objects } = build;
  const old = join(folder, "old");
  for (const each of [objects, old]) mkdirSync(each, { recursive: true });
  const headers = [...pathsIn(SOURCES, "**/*.{h,def}"), ...pathsIn(KERNELS, "*.{h,cu}")];
  const compile = (source: string, object: string, ...more: readonly string[]): Promise<void> =>
    make([source, ...headers], [...build.command, ...more, "-c", source, "-o", object]);
  const objectOf = (source: string): string => join(objects, `${basename(source, ".cc")}.o`);

  const sources = pathsIn(SOURCES, "src/*.cc");
  const kernels = pathsIn(KERNELS, "*.cc");
  const defaultProfile = join(SOURCES, "src", "default_profile.cc");
  const oldProfile = join(objects, "default_profile_old.o");
  await atOnce([
    ...[...sources, ...kernels].map((source) => () => compile(source, objectOf(source))),
    () => compile(defaultProfile, oldProfile, '-DVRFAKE_DEFAULT_PROFILE="old-driver"'),
  ]);

  const everything = await put(join(objects, "all.version"), exportsText([]));
  const older = await put(join(objects, "old.version"), exportsText(await newerFunctions()));
  const common = sources.filter((source) => !/\/(nvml|default_profile)\.cc$/.test(source)).map(objectOf);
  await link(build, [...common, objectOf(defaultProfile)], join(folder, "libcuda.so.1"), everything);
  await link(build, [...common, oldProfile], join(old, "libcuda.so.1"), older);
  await link(build, kernels.map(objectOf), join(folder, "libkernels.so"), everything);
  for (const into of [folder, old]) {
    const parts = [objectOf("nvml.cc"), join(into, "libcuda.so.1")];
    await link(build, parts, join(into, "libnvidia-ml.so.1"), everything);
  }
  return folder;
}

/** Builds the test programs and runs them. @returns One line for each, and whether all passed. */
export async function testFakeDriver(sanitizer?: Sanitizer): Promise<{ lines: string[]; passed: boolean }> {
  const folder = await buildFakeDriver(sanitizer);
  const { command, objects } = buildOf(sanitizer, "-O0");
  const headers = pathsIn(SOURCES, "**/*.{h,def}");
  const lines: string[] = [];
  let passed = true;
  await atOnce(
    pathsIn(SOURCES, "test/*.test.cc").map((source) => async () => {
      const program = join(objects, basename(source, ".cc"));
      await make([source, ...headers], [...command, ...cudaHeaders(), source, "-ldl", "-o", program]);
      const { code, output } = await run([program, folder]);
      passed &&= code === 0;
      lines.push(`${code === 0 ? "ok  " : "FAIL"} ${basename(source, ".test.cc")}: ${output.trim()}`);
    }),
  );
  return { lines: lines.sort(), passed };
}

if (import.meta.main) {
  const [named] = process.argv.flatMap(
    (argument) => /^--sanitize=(address|thread)$/.exec(argument)?.[1] ?? [],
  );
  const sanitizer = named === "address" || named === "thread" ? named : undefined;
  console.log(await buildFakeDriver(sanitizer));
  if (process.argv.includes("--test")) {
    const { lines, passed } = await testFakeDriver(sanitizer);
    console.log(lines.join("\n"));
    process.exitCode = passed ? 0 : 1;
  }
}
