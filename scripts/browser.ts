/**
 * The packages that are meant for browsers, bundled for one: what went into the bundle, and whether it works.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Finished, run } from "./process.ts";

/** What a browser bundle is made of; anything else in it is a polyfill or a stowaway. */
const BUNDLE_MAY_HOLD =
  /(^|\/)(entry\.mjs|@vram-residency\/(types|crypto|seal|validation|policy)\/dist\/|@noble\/hashes\/|valibot\/)/;

const CHROMIUM = "/usr/bin/chromium";

/** Why no page can be opened here; undefined when one can. */
export const CHROMIUM_MISSING: string | undefined = existsSync(CHROMIUM)
  ? undefined
  : `there is no ${CHROMIUM} (Debian package chromium)`;

/** Headless, and quiet on the network. The sandbox needs what containers do not give. */
const CHROMIUM_FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--virtual-time-budget=20000",
];

/** Bundles `entry.mjs` of `folder` to `bundle/entry.js`, and looks at what went in. */
export async function bundle(folder: string): Promise<Finished> {
  const flags = ["--target=browser", "--format=iife", "--sourcemap=external", "--outdir=bundle"];
  const built = await run([process.execPath, "build", "entry.mjs", ...flags], { cwd: folder });
  if (built.code !== 0) return built;
  const faults = await bundleFaults(folder);
  return faults.length === 0 ? built : { ...built, code: 1, output: faults.join("\n") };
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

/** Runs the bundle of `folder` in a context of Node's that has web globals only. */
export function inBareContext(folder: string): Promise<Finished> {
  return run(["node", "run.mjs", "bundle/entry.js"], { cwd: folder });
}

/** Opens `page.html` of `folder` in Chromium. @returns What the page came to say, as the output. */
export async function inChromium(folder: string): Promise<Finished> {
  const page = pathToFileURL(join(folder, "page.html")).href;
  const profile = `--user-data-dir=${join(folder, "profile")}`;
  const opened = await run([CHROMIUM, ...CHROMIUM_FLAGS, profile, "--dump-dom", page], { timeoutMs: 60_000 });
  if (opened.code !== 0) return opened;
  const said = /<pre id="outcome">([^<]*)<\/pre>/.exec(opened.output)?.[1];
  return said === undefined ? { ...opened, code: 1 } : { ...opened, output: said };
}
