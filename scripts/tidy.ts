/**
 * The house rules that a machine can check. Each function lists the faults it found, one line each.
 *
 * @module
 */
import { join } from "node:path";
import { IMPORT_TABLE, type Place, type Row } from "./import-table.ts";
import { isReexportsOnly, packageOf, readImports, runtimeGlobals } from "./imports.ts";
import { filesIn, type Package, testFiles } from "./project.ts";

const MODULE_LINES_MAX = 300;

interface Source {
  /** Relative to the package, for example "src/node/index.ts". */
  readonly path: string;
  readonly text: string;
}

async function sourcesOf({ folder }: Package): Promise<readonly Source[]> {
  return Promise.all(
    filesIn(folder, "src/**/*.{ts,tsx,mts,cts,js,mjs,cjs}").map(async (path) => ({
      path,
      text: await Bun.file(join(folder, path)).text(),
    })),
  );
}

function allowed(place: Place, path: string): boolean {
  return place === "anywhere" || (place === "src/node" && path.startsWith("src/node/"));
}

function faultOf(specifier: string, path: string, row: Row, own: string): string | undefined {
  if (specifier.startsWith(".")) {
    const target = join(path, "..", specifier);
    if (!target.startsWith("src/")) return "leaves src";
    const crosses = target.startsWith("src/node/") && !path.startsWith("src/node/");
    return crosses && row.node === "src/node" ? "pulls src/node into portable code" : undefined;
  }
  if (specifier.startsWith("node:")) return allowed(row.node, path) ? undefined : "is not portable here";
  if (/^bun(:|$)/.test(specifier)) return allowed(row.bun, path) ? undefined : "is Bun's alone";
  const owner = packageOf(specifier);
  if (owner === own) return "is the package itself";
  if (!row.imports.includes(owner)) return "is not in its row of the import table";
  if (specifier === `${owner}/node` && !allowed(row.node, path)) return "is not portable here";
  return undefined;
}

/** Checks every import of a package's sources against the import table. */
export async function importFaults(subject: Package): Promise<readonly string[]> {
  const row = IMPORT_TABLE[subject.id];
  if (row === undefined) return ["has no row in scripts/import-table.ts"];
  return (await sourcesOf(subject)).flatMap(({ path, text }) => {
    const { specifiers, computed } = readImports(text);
    const faults = specifiers.flatMap((specifier) => {
      const fault = faultOf(specifier, path, row, subject.manifest.name);
      return fault === undefined ? [] : [`${path}: "${specifier}" ${fault}`];
    });
    return computed ? [...faults, `${path}: import() of a computed name`] : faults;
  });
}

/** Checks that the manifest's run-time dependencies are exactly what the sources import. */
export async function manifestFaults(subject: Package): Promise<readonly string[]> {
  const { dependencies, peerDependencies, optionalDependencies } = subject.manifest;
  const declared = new Set(Object.keys({ ...dependencies, ...peerDependencies, ...optionalDependencies }));
  const imported = new Set(
    (await sourcesOf(subject))
      .flatMap(({ text }) => readImports(text).specifiers)
      .filter((specifier) => !/^(\.|node:|bun(:|$))/.test(specifier))
      .map(packageOf),
  );
  return [
    ...[...imported]
      .filter((name) => !declared.has(name))
      .map((name) => `imports ${name} without declaring it`),
    ...[...declared]
      .filter((name) => !imported.has(name))
      .map((name) => `declares ${name} without importing it`),
  ].sort();
}

/** Checks that code which must run anywhere uses no global that only some runtimes have. */
export async function globalFaults(subject: Package): Promise<readonly string[]> {
  const row = IMPORT_TABLE[subject.id];
  if (row === undefined) return [];
  return (await sourcesOf(subject)).flatMap(({ path, text }) =>
    runtimeGlobals(text)
      .filter((name) => !allowed(name === "Bun" ? row.bun : row.node, path))
      .map((name) => `${path}: uses ${name}`),
  );
}

/** Checks the shape of a package: short modules, bare index files, a README, tests, and a test of its exports. */
export async function shapeFaults(subject: Package): Promise<readonly string[]> {
  const sources = await sourcesOf(subject);
  const faults: string[] = [];
  for (const { path, text } of sources) {
    const lines = text.split("\n").length - 1;
    if (lines > MODULE_LINES_MAX) faults.push(`${path}: ${lines} lines, more than ${MODULE_LINES_MAX}`);
    if (/(^|\/)index\.ts$/.test(path) && !isReexportsOnly(text))
      faults.push(`${path}: more than re-exports by name`);
  }
  if (sources.length === 0) faults.push("has no sources");
  if (filesIn(subject.folder, "README.md").length === 0) faults.push("has no README.md");
  const tests = testFiles(subject.folder);
  if (tests.length === 0) faults.push("has no test");
  const isLibrary = subject.manifest.exports?.["."] !== undefined;
  if (isLibrary && !tests.includes("test/exports.test.ts")) faults.push("has no test/exports.test.ts");
  return faults;
}
