/**
 * Installs the packed packages the way their users do, and runs a small program on them: Node with npm, Bun, a browser
 * bundle, and a type-check without the repository's settings.
 *
 * @module
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Finished, run, tool } from "./process.ts";
import { ROOT } from "./project.ts";
import { commandStep, type Step } from "./step.ts";
import type { Tarball } from "./tarball.ts";

const SOURCES = join(ROOT, "scripts", "consumers");

/** What a browser bundle is made of; anything else in it is a polyfill or a stowaway. */
const BUNDLE_MAY_HOLD =
  /(^|\/)(entry\.mjs|@vram-residency\/(types|crypto|seal|validation|policy)\/dist\/|@noble\/hashes\/|valibot\/)/;

/** Ends at the first command that fails, and returns it; otherwise the last. */
async function inTurn(...starts: readonly (() => Promise<Finished>)[]): Promise<Finished> {
  let last: Finished = { code: 1, output: "nothing to run", timedOut: false, durationMs: 0 };
  for (const start of starts) {
    last = await start();
    if (last.code !== 0) break;
  }
  return last;
}

async function write(folder: string, name: string, value: unknown): Promise<void> {
  await Bun.write(join(folder, name), typeof value === "string" ? value : JSON.stringify(value, null, 2));
}

async function copy(folder: string, from: string): Promise<string> {
  const text = await Bun.file(join(SOURCES, from)).text();
  const name = from.slice(from.indexOf("/") + 1);
  await write(folder, name, text);
  return name;
}

function dependencies(tarballs: readonly Tarball[]): Readonly<Record<string, string>> {
  return Object.fromEntries(tarballs.map(({ name, path }) => [name, `file:${path}`]));
}

/** Installs with npm and runs under the Node there is. */
async function onNode(folder: string, tarballs: readonly Tarball[]): Promise<Finished> {
  const libraries = tarballs.filter(({ id }) => id !== "cli");
  await write(folder, "package.json", {
    private: true,
    type: "module",
    dependencies: dependencies(libraries),
  });
  const script = await copy(folder, "node/consumer.mjs");
  const flags = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"];
  return inTurn(
    () => run(["npm", "install", ...flags], { cwd: folder }),
    () => run(["node", script], { cwd: folder }),
  );
}

/** Type-checks an import of every library in the folder npm has filled, declarations included. */
async function types(folder: string, tarballs: readonly Tarball[]): Promise<Finished> {
  const names = tarballs.filter(({ id }) => id !== "cli").map(({ name }) => name);
  const text = names.map((name, index) => `import * as p${index} from "${name}";\n`).join("");
  await write(
    folder,
    "imports.ts",
    `${text}export const all: readonly object[] = [${names.map((_, i) => `p${i}`).join(", ")}];\n`,
  );
  await write(folder, "tsconfig.json", {
    compilerOptions: {
      target: "ES2023",
      lib: ["ES2023", "ESNext.Disposable", "DOM", "DOM.AsyncIterable"],
      module: "nodenext",
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      types: [],
      noEmit: true,
    },
    files: ["imports.ts"],
  });
  return run(tool("typescript/bin/tsc", "-p", "tsconfig.json"), { cwd: folder });
}

/** Installs with Bun, which asks the registry for siblings unless every tarball is also an override. */
async function onBun(folder: string, tarballs: readonly Tarball[]): Promise<Finished> {
  const files = dependencies(tarballs);
  await write(folder, "package.json", {
    private: true,
    type: "module",
    dependencies: files,
    overrides: files,
  });
  const script = await copy(folder, "bun/consumer.mjs");
  const cli = join("node_modules", "@vram-residency", "cli", "dist", "main.js");
  return inTurn(
    () => run([process.execPath, "install", "--ignore-scripts"], { cwd: folder }),
    // Without --no-install a package that is missing would be fetched on the fly, and nobody would notice.
    () => run([process.execPath, "--no-install", script], { cwd: folder }),
    () => run([process.execPath, "--no-install", cli, "--help"], { cwd: folder }),
  );
}

/** Bundles for browsers in the folder npm has filled, looks at what went in, and runs it with web globals only. */
async function inBrowser(folder: string): Promise<Finished> {
  const entry = await copy(folder, "browser/entry.mjs");
  const runner = await copy(folder, "browser/run.mjs");
  const flags = ["--target=browser", "--format=iife", "--sourcemap=external", "--outdir=bundle"];
  const built = await run([process.execPath, "build", entry, ...flags], { cwd: folder });
  if (built.code !== 0) return built;
  const faults = await bundleFaults(folder);
  if (faults.length > 0) return { ...built, code: 1, output: faults.join("\n") };
  return run(["node", runner, "bundle/entry.js"], { cwd: folder });
}

async function bundleFaults(folder: string): Promise<readonly string[]> {
  const code = await Bun.file(join(folder, "bundle", "entry.js")).text();
  const map = (await Bun.file(join(folder, "bundle", "entry.js.map")).json()) as {
    sources: readonly string[];
  };
  const strangers = map.sources.filter((source) => !BUNDLE_MAY_HOLD.test(source));
  const words = [/\bnode:/, /\bbun:/, /(?<![.\w$])require\(/, /(?<![.\w$])(?:Buffer|process)\./].flatMap(
    (word) => word.exec(code)?.[0] ?? [],
  );
  return [
    ...strangers.map((source) => `the bundle holds ${source}`),
    ...words.map((word) => `the bundle says ${word}`),
  ];
}

/** The consumers as steps. They share one temporary folder, removed by the last. */
export function consumerSteps(tarballs: () => readonly Tarball[]): readonly Step[] {
  let made: Promise<string> | undefined;
  const folder = (name: string): Promise<string> => {
    made ??= mkdtemp(join(tmpdir(), "vram-consumers-"));
    return made.then((parent) => join(parent, name));
  };
  return [
    commandStep("consumer: Node, npm", async () => onNode(await folder("node"), tarballs())),
    commandStep("consumer: types", async () => types(await folder("node"), tarballs())),
    commandStep("consumer: browser bundle", async () => inBrowser(await folder("node"))),
    commandStep("consumer: Bun", async () => {
      try {
        return await onBun(await folder("bun"), tarballs());
      } finally {
        if (made !== undefined) await rm(await made, { recursive: true, force: true });
      }
    }),
  ];
}
