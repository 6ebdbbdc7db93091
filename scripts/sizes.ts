/**
 * `bun run sizes [--write]`: what each package weighs when it is bundled alone, its dependencies included.
 *
 * @module
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { IMPORT_TABLE } from "./import-table.ts";
import { type Package, packages, ROOT, SOURCE_CONDITION } from "./project.ts";

/** Unit: bytes. */
export interface Size {
  readonly minified: number;
  readonly gzipped: number;
}

/** What somebody takes of a package, and how much it may weigh. */
export interface Budget {
  readonly what: string;
  readonly packageName: string;
  /** Default: everything. */
  readonly names?: readonly string[];
  /** Unit: bytes, gzipped. */
  readonly gzippedMax: number;
}

/** The parts that go into other people's pages and workers. */
export const BUDGETS: readonly Budget[] = [
  {
    what: "checking a seal",
    packageName: "@vram-residency/seal",
    names: ["RootSecret", "deriveSealKey", "computeSignature", "verifySignature"],
    gzippedMax: 8 * 1024,
  },
  {
    what: "checking everything from outside",
    packageName: "@vram-residency/validation",
    gzippedMax: 6 * 1024,
  },
];

/** A package that is a library: one that can be bundled alone. */
export function isLibrary({ manifest }: Package): boolean {
  return manifest.exports?.["."] !== undefined;
}

/** Weighs everything a package exports, or only `names`. */
export async function sizeOf(subject: Package, names?: readonly string[]): Promise<Size> {
  const taken = names === undefined ? "*" : `{ ${names.join(", ")} }`;
  const entry = join(ROOT, "out", "sizes", `${crypto.randomUUID()}.ts`);
  const index = join(subject.folder, "src", "index.ts");
  await Bun.write(entry, `export ${taken} from ${JSON.stringify(index)};\n`);
  try {
    const built = await Bun.build({
      entrypoints: [entry],
      minify: true,
      conditions: [SOURCE_CONDITION],
      target: IMPORT_TABLE[subject.id]?.node === "anywhere" ? "node" : "browser",
    });
    const code = new Uint8Array((await built.outputs[0]?.arrayBuffer()) ?? new ArrayBuffer(0));
    return { minified: code.length, gzipped: Bun.gzipSync(code, { level: 9 }).length };
  } finally {
    await rm(entry, { force: true });
  }
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1024).toFixed(1)} KB`;
}

/** The row of a package in the table of the root's README: its size cells are the third and the fourth. */
function rowOf({ id }: Package): RegExp {
  return new RegExp(`^(\\| \\[\`[^|]*\\]\\(packages/${id}\\) \\|[^|]*\\|)[^|]*\\|[^|]*\\|`, "m");
}

const LINE = /^(<!-- size -->).*? gzipped/m;

/** Says a size as the README of its package does. */
function lineOf({ minified, gzipped }: Size): string {
  return `Bundled alone: ${kilobytes(minified)} minified, ${kilobytes(gzipped)} gzipped`;
}

/** Puts a size into a text: the table of the root's README, or the line of a package's. @throws Error when there is no place. */
export function withSize(text: string, subject: Package, size: Size): string {
  const row = rowOf(subject);
  if (row.test(text)) {
    return text.replace(row, `$1 ${kilobytes(size.minified)} | ${kilobytes(size.gzipped)} |`);
  }
  if (!LINE.test(text)) throw new Error(`no place for the size of ${subject.id}`);
  return text.replace(LINE, `$1${lineOf(size)}`);
}

/** The sizes that a text gives for a package. Unit: bytes, to a tenth of a KB. Undefined when it gives none. */
export function sizeIn(text: string, subject: Package): Size | undefined {
  const place = rowOf(subject).exec(text)?.[0] ?? LINE.exec(text)?.[0] ?? "";
  const [minified, gzipped] = [...place.matchAll(/([\d.]+) KB/g)].map(([, number]) => Number(number) * 1024);
  return minified === undefined || gzipped === undefined ? undefined : { minified, gzipped };
}

if (import.meta.main) {
  const write = process.argv.includes("--write");
  const root = join(ROOT, "README.md");
  let table = await Bun.file(root).text();
  for (const subject of (await packages(ROOT)).filter(isLibrary)) {
    const size = await sizeOf(subject);
    console.log(`${subject.manifest.name.padEnd(32)} ${lineOf(size)}`);
    if (!write) continue;
    table = withSize(table, subject, size);
    const readme = join(subject.folder, "README.md");
    await Bun.write(readme, withSize(await Bun.file(readme).text(), subject, size));
  }
  if (write) await Bun.write(root, table);
  for (const { what, packageName, names, gzippedMax } of BUDGETS) {
    const subject = (await packages(ROOT)).find(({ manifest }) => manifest.name === packageName);
    if (subject === undefined) continue;
    const { gzipped } = await sizeOf(subject, names);
    console.log(`${what.padEnd(40)} ${kilobytes(gzipped)} gzipped, at most ${kilobytes(gzippedMax)}`);
  }
}
