/**
 * Installs the packed packages the way their users do, and runs a small program on them: Node with npm, Bun, a browser
 * bundle, and a type-check without the repository's settings.
 *
 * @module
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundle, CHROMIUM_MISSING, inBareContext, inChromium } from "./browser.ts";
import { type Finished, run, tool } from "./process.ts";
import { ROOT } from "./project.ts";
import { commandStep, type Step } from "./step.ts";
import type { Tarball } from "./tarball.ts";

const SOURCES = join(ROOT, "scripts", "consumers");

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
  await copy(folder, "story.mjs");
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
  await copy(folder, "story.mjs");
  const script = await copy(folder, "bun/consumer.mjs");
  return inTurn(
    () => run([process.execPath, "install", "--ignore-scripts"], { cwd: folder }),
    // Without --no-install a package that is missing would be fetched on the fly, and nobody would notice.
    () => run([process.execPath, "--no-install", script], { cwd: folder }),
  );
}

/** Bundles for browsers in the folder npm has filled. */
async function forBrowsers(folder: string): Promise<Finished> {
  for (const name of ["entry.mjs", "run.mjs", "page.html"]) await copy(folder, `browser/${name}`);
  return bundle(folder);
}

/**
 * A step that passes when a consumer exits 0 *and* its last line is JSON that says ok: one that stops halfway, quietly, has
 * not shown anything.
 */
function consumerStep(name: string, start: () => Promise<Finished>): Step {
  return commandStep(name, async () => {
    const finished = await start();
    if (finished.code !== 0 || saysOk(finished.output)) return finished;
    return { ...finished, code: 1, output: `${finished.output}\nit ended without saying what it did` };
  });
}

function saysOk(output: string): boolean {
  try {
    return JSON.parse(output.trim().split("\n").at(-1) ?? "").ok === true;
  } catch {
    return false;
  }
}

/** The consumers as steps. They share one temporary folder, removed by the last. */
export function consumerSteps(tarballs: () => readonly Tarball[]): readonly Step[] {
  let made: Promise<string> | undefined;
  const folder = (name: string): Promise<string> => {
    made ??= mkdtemp(join(tmpdir(), "vram-consumers-"));
    return made.then((parent) => join(parent, name));
  };
  return [
    consumerStep("consumer: Node, npm", async () => onNode(await folder("node"), tarballs())),
    commandStep("consumer: types", async () => types(await folder("node"), tarballs())),
    commandStep("consumer: browser bundle", async () => forBrowsers(await folder("node"))),
    consumerStep("consumer: browser bundle, bare context", async () => inBareContext(await folder("node"))),
    {
      ...consumerStep("consumer: browser bundle, Chromium", async () => inChromium(await folder("node"))),
      skip: CHROMIUM_MISSING,
    },
    consumerStep("consumer: Bun", async () => {
      try {
        return await onBun(await folder("bun"), tarballs());
      } finally {
        if (made !== undefined) await rm(await made, { recursive: true, force: true });
      }
    }),
  ];
}
