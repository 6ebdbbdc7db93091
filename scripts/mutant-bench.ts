/**
 * A copy of the repository in which mutants are tried, one at a time.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { parseReport } from "./junit.ts";
import { type Mutant, weaken } from "./mutant.ts";
import { run, tool } from "./process.ts";
import { evidencePaths, judgeFolder } from "./tally.ts";
import { testFolder } from "./test-package.ts";
import { trackedFiles } from "./tracked.ts";

/** One package's tests take at most this long; a mutant that makes them hang has not been noticed by a test. */
const TESTS_MS = 5 * 60_000;

/** Every run sees the same random cases, so that a kill is a kill tomorrow. */
const SEED = "1";

/** What became of a mutant. */
export interface Outcome {
  readonly name: string;
  readonly guards: string;
  readonly killed: boolean;
  /** The first test that failed; of a survivor, why it counts as one. */
  readonly by: string;
}

/** A place to try mutants in. Removed when disposed. */
export class MutantBench implements AsyncDisposable {
  readonly #root: string;
  readonly #env: Readonly<Record<string, string>>;

  private constructor(root: string, env: Readonly<Record<string, string>>) {
    this.#root = root;
    this.#env = env;
  }

  /**
   * Copies what is under version control, or about to be, from `source`, and links its packages to each other.
   *
   * @throws When the copy's dependencies cannot be installed.
   */
  static async open(source: string): Promise<MutantBench> {
    const root = await realpath(await mkdtemp(join(tmpdir(), "vram-mutants-")));
    for (const path of await trackedFiles(source)) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await cp(join(source, path), join(root, path));
    }
    const { code, output } = await run([process.execPath, "install", "--frozen-lockfile"], { cwd: root });
    if (code !== 0) throw new Error(`cannot install into the copy\n${output}`);
    const vectors = process.env["VRAM_VECTORS"] ?? join(source, "..", "shared", "vectors");
    return new MutantBench(root, {
      FC_SEED: SEED,
      ...(existsSync(vectors) ? { VRAM_VECTORS: vectors } : {}),
    });
  }

  /** Runs a package's tests as they are. @returns What is wrong with them; empty when they pass. */
  async baseline(folder: string): Promise<string> {
    const reports = join(this.#root, "out", "baseline");
    await testFolder(join(this.#root, folder), reports, { env: this.#env, timeoutMs: TESTS_MS });
    const { problems } = await judgeFolder(join(this.#root, folder), reports);
    return problems.map((problem) => `${folder}: ${problem}`).join("\n");
  }

  /**
   * Puts a mutant in, tries it, and takes it out again.
   *
   * @throws When it cannot be put in, or does not type-check: then it is the mutant that must be mended.
   */
  async try(mutant: Mutant): Promise<Outcome> {
    const path = join(this.#root, mutant.file);
    const text = await Bun.file(path).text();
    await Bun.write(path, weaken(text, mutant));
    try {
      const owner = join(this.#root, mutant.file.split("/").slice(0, 2).join("/"));
      const types = await run(tool("typescript/bin/tsc", "-p", "tsconfig.json"), { cwd: owner });
      if (types.code !== 0) throw new Error(`does not type-check\n${types.output.trim()}`);
      return await this.#judge(mutant);
    } finally {
      await Bun.write(path, text);
    }
  }

  async #judge({ name, guards, tests }: Mutant): Promise<Outcome> {
    const reasons: string[] = [];
    for (const folder of tests) {
      const reports = join(this.#root, "out", "mutant");
      const options = { env: this.#env, timeoutMs: TESTS_MS, bail: true };
      const { code } = await testFolder(join(this.#root, folder), reports, options);
      const xml = Bun.file(evidencePaths(reports, basename(folder)).xml);
      const cases = (await xml.exists()) ? parseReport(await xml.text()) : undefined;
      const failed = cases?.find((test) => test.outcome === "failed");
      if (failed !== undefined) return { name, guards, killed: true, by: `${folder}: ${failed.name}` };
      reasons.push(
        `${folder}: ${code === 0 ? "all tests pass" : `no test failed, though it exited ${code}`}`,
      );
    }
    return { name, guards, killed: false, by: reasons.join("; ") };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#root, { recursive: true, force: true });
  }
}
