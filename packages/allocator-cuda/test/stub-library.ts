/**
 * Libraries that a test compiles: every function of the table, and an ABI to the test's liking.
 *
 * @module
 */
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LAYOUTS } from "../src/layouts.ts";
import { structBytes } from "../src/struct.ts";
import { ABI_VERSION, SYMBOLS } from "../src/symbols.ts";

/** What is wrong with a library. */
export interface StubFlaws {
  readonly abi?: number;
  /** Sizes to report, instead of the right ones. */
  readonly sizes?: readonly number[];
  /** A function it does not have. */
  readonly lacks?: string;
}

/** The compiler, where there is one. */
export const COMPILER: string | null = Bun.which("g++") ?? Bun.which("clang++");

/** The sizes that a right library reports. */
export const SIZES: readonly number[] = Object.values(LAYOUTS).map(structBytes);

/** A fresh folder, by the name that the system knows it by. */
export function scratch(): string {
  return mkdtempSync(join(tmpdir(), "vram-residency-"));
}

/** Compiles a library. @returns Its path. */
export function stubLibrary(flaws: StubFlaws = {}): string {
  const folder = scratch();
  const source = join(folder, "stub.c");
  const library = join(folder, "stub.so");
  writeFileSync(source, textOf(flaws));
  const { exitCode, stderr } = Bun.spawnSync([
    COMPILER ?? "",
    "-x",
    "c++",
    "-shared",
    "-fPIC",
    "-o",
    library,
    source,
  ]);
  if (exitCode !== 0) throw new Error(stderr.toString());
  return library;
}

function textOf({ abi = ABI_VERSION, sizes = SIZES, lacks }: StubFlaws): string {
  const bodies: Readonly<Record<string, string>> = {
    vr_abi_version: `(void) { return ${abi}; }`,
    vr_struct_sizes: `(unsigned *out, unsigned count) {
      const unsigned sizes[] = {${sizes.join(", ")}};
      for (unsigned i = 0; i < count && i < ${sizes.length}; i += 1) out[i] = sizes[i];
      return ${sizes.length}; }`,
  };
  return Object.keys(SYMBOLS)
    .filter((name) => name !== lacks)
    .map((name) => `extern "C" int ${name}${bodies[name] ?? "(void) { return -19; }"}\n`)
    .join("");
}
