/**
 * `bun run native`: builds `native/build/libvram_residency.so` with a C++20 compiler alone; where there is nvcc, with the kernels
 * in it.
 *
 * Only what changed is compiled again. `--test` also builds and runs the native tests; `--sanitize` runs them once under the
 * address and undefined-behaviour sanitizers and once under the thread sanitizer. `--fake-driver` builds what tests put in the
 * place of a GPU's driver. `--if-possible` is for commands that work without: no failure, and nothing on standard output.
 *
 * @module
 */
import { existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { buildFakeDriver } from "./fake-driver.ts";
import { buildImages } from "./kernels.ts";
import { run } from "./process.ts";
import { filesIn, ROOT } from "./project.ts";

/** How a library is compiled: for use, or so that a sanitizer watches it. */
export type Variant = "release" | "address" | "thread";

/** What a native test program, or all of them, came to. */
export interface NativeTests {
  readonly lines: readonly string[];
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

const NATIVE = join(ROOT, "native");
const BUILD = join(NATIVE, "build");
const FLAGS = ["-std=c++20", "-fPIC", "-fvisibility=hidden", "-pthread", "-Wall", "-Wextra", "-Werror"];
const VARIANTS: Readonly<Record<Variant, readonly string[]>> = {
  release: ["-O2"],
  address: [
    "-O1",
    "-g",
    "-fno-omit-frame-pointer",
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
  ],
  thread: ["-O1", "-g", "-fsanitize=thread"],
};
/** Nothing but the ABI is exported, whatever the C++ library's headers think. */
const EXPORTS = "{ global: vr_*; local: *; };\n";
const TEST_TIMEOUT_MS = 5 * 60_000;

/** Names the C++ compiler, or nothing where there is none. */
export function compiler(): string | undefined {
  for (const name of ["g++", "c++", "clang++"]) {
    const found = Bun.which(name);
    if (found !== null) return found;
  }
  return undefined;
}

/** Where {@link buildNative} puts the library of a variant. */
export function nativeLibrary(variant: Variant = "release"): string {
  return join(variant === "release" ? BUILD : join(BUILD, variant), "libvram_residency.so");
}

function modified(path: string): number {
  return existsSync(path) ? statSync(path).mtimeMs : Number.POSITIVE_INFINITY;
}

/** The files that an output was made from, as the compiler noted them. */
function inputsOf(notes: string): readonly string[] {
  if (!existsSync(notes)) return [notes];
  const [, list = ""] = readFileSync(notes, "utf8").split(/:\s/, 2);
  return list.split(/[\s\\]+/).filter((path) => path !== "");
}

/** Runs a compiler unless `output` is newer than everything it is made from. @throws When it fails. */
async function make(output: string, inputs: readonly string[], command: readonly string[]): Promise<void> {
  const noted = `${output}.command`;
  const text = command.join("\n");
  const same = existsSync(output) && existsSync(noted) && readFileSync(noted, "utf8") === text;
  if (same && inputs.every((input) => modified(input) <= modified(output))) return;
  mkdirSync(dirname(output), { recursive: true });
  const { code, output: said } = await run([...command, "-o", output]);
  if (code !== 0) throw new Error(`${output.slice(ROOT.length + 1)} does not build\n${said.trim()}`);
  await Bun.write(noted, text);
}

/** Runs jobs, as many at a time as there are processors. */
async function atOnce(jobs: readonly (() => Promise<void>)[]): Promise<void> {
  const left = [...jobs];
  const worker = async (): Promise<void> => {
    for (let job = left.shift(); job !== undefined; job = left.shift()) await job();
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
}

async function version(): Promise<string> {
  const manifest: unknown = await Bun.file(join(ROOT, "packages/vram-residency/package.json")).json();
  const found =
    typeof manifest === "object" && manifest !== null && "version" in manifest ? manifest.version : "";
  return typeof found === "string" ? found : "";
}

let images: Promise<string | undefined> | undefined;

/** The kernels, made once; a library without them is whole, and the build says that it has none. */
function kernelImages(): Promise<string | undefined> {
  images ??= buildImages().then((path) => {
    if (path === undefined)
      console.error("native: there is no nvcc, so the library has no kernels: it digests what it reads back");
    return path;
  });
  return images;
}

/** Compiles sources below `native`, and says where their objects are. */
async function compile(sources: readonly string[], variant: Variant): Promise<readonly string[]> {
  const cxx = compiler();
  if (cxx === undefined) throw new Error("the native library needs a C++20 compiler: install g++");
  const flags = [...FLAGS, ...VARIANTS[variant], `-I${join(NATIVE, "include")}`];
  const versioned = [`-DVRAM_VERSION="${await version()}"`];
  const kernels = await kernelImages();
  const carried = kernels === undefined ? [] : [`-DVRAM_KERNEL_IMAGES="${kernels}"`];
  const folder = join(BUILD, "objects", variant);
  const objects = sources.map((source) => join(folder, `${source}.o`));
  const jobs = sources.map((source, index) => async (): Promise<void> => {
    const object = objects[index] ?? "";
    const notes = `${object}.d`;
    const own = new Map([
      ["src/build_info.cc", versioned],
      ["src/digest/kernel_images.cc", carried],
    ]);
    const more = own.get(source) ?? [];
    const command = [cxx, ...flags, ...more, "-MMD", "-MF", notes, "-c", join(NATIVE, source)];
    await make(object, inputsOf(notes), command);
  });
  await atOnce(jobs);
  return objects;
}

/** What makes the library depend on the C library alone, where the compiler can do that. */
async function standalone(): Promise<readonly string[]> {
  const { output } = await run([compiler() ?? "", "-print-file-name=libstdc++.a"]);
  return output.includes("/") ? ["-static-libstdc++", "-static-libgcc"] : [];
}

/** The library's own sources. */
function librarySources(): readonly string[] {
  return [...filesIn(NATIVE, "src/**/*.cc")].sort();
}

/**
 * Builds the library.
 *
 * @returns Its path.
 * @throws When there is no compiler, or something does not build.
 */
export async function buildNative(variant: Variant = "release"): Promise<string> {
  const objects = await compile(librarySources(), variant);
  const script = join(BUILD, "exports.version");
  if (!existsSync(script) || readFileSync(script, "utf8") !== EXPORTS) await Bun.write(script, EXPORTS);
  const alone = variant === "release" ? [...(await standalone()), "-Wl,-z,defs"] : [];
  const library = nativeLibrary(variant);
  const command = [
    compiler() ?? "",
    ...FLAGS,
    ...VARIANTS[variant],
    "-shared",
    ...objects,
    ...alone,
    `-Wl,--version-script=${script},-z,nodelete,-z,relro,-z,now,-soname,libvram_residency.so`,
    "-ldl",
  ];
  await make(library, [...objects, script], command);
  return library;
}

/** Reads the last line of a test program: "3 passed, 0 failed, 1 skipped". */
function count(output: string, code: number): { passed: number; failed: number; skipped: number } {
  const found = /(\d+) passed, (\d+) failed, (\d+) skipped\s*$/.exec(output.trim());
  const [passed, failed, skipped] = (found ?? []).slice(1).map(Number);
  if (passed === undefined || failed === undefined || skipped === undefined)
    return { passed: 0, failed: 1, skipped: 0 };
  return { passed, failed: code === 0 ? failed : Math.max(1, failed), skipped };
}

/** Builds the test programs of `native/test` and runs them against the fake driver, one after the other. */
export async function testNative(variant: Variant = "release", only = ""): Promise<NativeTests> {
  const fake = await buildFakeDriver(variant === "release" ? undefined : variant);
  const parts = [...librarySources(), ...filesIn(NATIVE, "kernels/*.cc")];
  const tests = filesIn(NATIVE, "test/**/*_test.cc")
    .filter((path) => path.includes(only))
    .sort();
  const objects = await compile([...parts, ...tests], variant);
  const shared = objects.slice(0, parts.length);
  const folder = join(BUILD, "tests", variant);
  const programs = tests.map((test) => join(folder, test.replace(/\.cc$/, "")));
  await atOnce(
    programs.map((program, index) => async (): Promise<void> => {
      const inputs = [...shared, objects[parts.length + index] ?? ""];
      const command = [compiler() ?? "", ...FLAGS, ...VARIANTS[variant], ...inputs, "-ldl"];
      await make(program, inputs, command);
    }),
  );
  const lines: string[] = [];
  const sum = { passed: 0, failed: 0, skipped: 0 };
  for (const [index, program] of programs.entries()) {
    const suppressions = `suppressions=${join(NATIVE, "test/thread.supp")}`;
    const env = { VRAM_FAKE_DRIVER: fake, ...(variant === "thread" ? { TSAN_OPTIONS: suppressions } : {}) };
    const { code, output } = await run([program], { env, timeoutMs: TEST_TIMEOUT_MS });
    const { passed, failed, skipped } = count(output, code);
    sum.passed += passed;
    sum.failed += failed;
    sum.skipped += skipped;
    const name = tests[index]?.replace(/^test\/|_test\.cc$/g, "") ?? "";
    lines.push(`${failed === 0 ? "ok  " : "FAIL"} ${variant} ${name}: ${output.trim()}`);
  }
  return { lines, ...sum };
}

async function runTests(variants: readonly Variant[], only: string): Promise<boolean> {
  let good = true;
  for (const variant of variants) {
    const { lines, passed, failed, skipped } = await testNative(variant, only);
    console.log(
      [...lines, `native ${variant}: ${passed} passed, ${failed} failed, ${skipped} skipped`].join("\n"),
    );
    good &&= failed === 0 && passed > 0;
  }
  return good;
}

async function main(words: readonly string[]): Promise<number> {
  // Other commands begin with this one: what they print is theirs, and without the library they still work.
  const ifPossible = words.includes("--if-possible");
  const say = ifPossible ? console.error : console.log;
  if (compiler() === undefined) {
    say("native: no C++20 compiler, so the library is not built; the mock needs none. Install g++ for CUDA");
    return ifPossible ? 0 : 1;
  }
  try {
    const only = words.find((word) => !word.startsWith("--")) ?? "";
    if (words.includes("--sanitize")) return (await runTests(["address", "thread"], only)) ? 0 : 1;
    if (ifPossible && !existsSync(nativeLibrary())) say("native: building the library for CUDA, once");
    const library = await buildNative();
    if (words.includes("--fake-driver")) await buildFakeDriver();
    if (!ifPossible) say(library.slice(ROOT.length + 1));
    return words.includes("--test") && !(await runTests(["release"], only)) ? 1 : 0;
  } catch (error) {
    console.error(`native: ${error instanceof Error ? error.message : String(error)}`);
    return ifPossible ? 0 : 1;
  }
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));
