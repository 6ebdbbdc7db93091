/** Holds the repository to its house rules. */
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { plant } from "./fixture.ts";
import { IMPORT_TABLE } from "./import-table.ts";
import { isReexportsOnly, readImports, runtimeGlobals } from "./imports.ts";
import { run } from "./process.ts";
import { packages, ROOT } from "./project.ts";
import { globalFaults, importFaults, manifestFaults, shapeFaults } from "./tidy.ts";
import { giveaways, trackedFiles } from "./tracked.ts";

const PACKAGES = await packages(ROOT);

describe.each(PACKAGES.map((subject) => [subject.id, subject] as const))("%s", (_, subject) => {
  test("imports only what its row of the table allows", async () => {
    expect(await importFaults(subject)).toEqual([]);
  });

  test("declares exactly what it imports", async () => {
    expect(await manifestFaults(subject)).toEqual([]);
  });

  test("uses no runtime's globals where it must be portable", async () => {
    expect(await globalFaults(subject)).toEqual([]);
  });

  test("has short modules, bare index files, a README and tests", async () => {
    expect(await shapeFaults(subject)).toEqual([]);
  });
});

test("the table has no row without a package", () => {
  expect(Object.keys(IMPORT_TABLE).sort()).toEqual(PACKAGES.map(({ id }) => id));
});

test("the table has no cycle", () => {
  const names = new Map(PACKAGES.map(({ id, manifest }) => [manifest.name, id]));
  const reach = (id: string, path: readonly string[]): void => {
    expect(path).not.toContain(id);
    for (const name of IMPORT_TABLE[id]?.imports ?? []) {
      const next = names.get(name);
      if (next !== undefined) reach(next, [...path, id]);
    }
  };

  for (const id of Object.keys(IMPORT_TABLE)) reach(id, []);
});

test("the lockfile is the text one", () => {
  expect(existsSync(join(ROOT, "bun.lock"))).toBe(true);
  expect(existsSync(join(ROOT, "bun.lockb"))).toBe(false);
});

test("no file names a machine's path or a registry's host", async () => {
  const faults: string[] = [];
  for (const path of await trackedFiles(ROOT)) {
    for (const what of giveaways(await Bun.file(join(ROOT, path)).text())) faults.push(`${path}: ${what}`);
  }

  expect(faults).toEqual([]);
});

test("files are found with and without a repository", async () => {
  using fixture = plant(
    { "a.ts": "", ".hidden/b": "", "node_modules/c/d.js": "", ".gitignore": "node_modules\n" },
    "elsewhere",
  );

  const without = await trackedFiles(fixture.root);
  await run(["git", "init", "--quiet"], { cwd: fixture.root });

  expect(without).toEqual([".gitignore", ".hidden/b", "a.ts"]);
  expect(await trackedFiles(fixture.root)).toEqual(without);
});

test("giveaways are recognised", () => {
  expect(giveaways(["", "home", "someone", "x"].join("/"))).toEqual(["a home directory"]);
  expect(giveaways(["", "root", ".cache"].join("/"))).toEqual(["a machine's path"]);
  expect(giveaways(["https://registry", "npmjs", "org/x"].join("."))).toEqual(["a registry's host"]);
  expect(giveaways("https://github.com/vram-residency and ./work/ and /tmp/x")).toEqual([]);
});

test("every way to import is read", () => {
  const text = `#!/usr/bin/env bun
    import type { A } from "type-only";
    import {
      type B,
    } from "many-lines";
    import "side-effect";
    export type { C } from "re-exported";
    export { D } from "re-exported-value";
    const late = await import("dynamic");
    type E = import("type-position").E;
    // import { F } from "comment"
    /* export { G } from "block comment" */
  `;

  expect(readImports(text)).toEqual({
    specifiers: [
      "dynamic",
      "many-lines",
      "re-exported",
      "re-exported-value",
      "side-effect",
      "type-only",
      "type-position",
    ],
    computed: false,
  });
  expect(readImports("await import(name);").computed).toBe(true);
});

test("globals are seen in code, not in comments, strings or members", () => {
  expect(runtimeGlobals("Buffer.from(x); process.exit(); require(x); Bun.file(x);")).toEqual([
    "Buffer",
    "process",
    "require",
    "Bun",
  ]);
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the text is code under test
  expect(runtimeGlobals("const t = `${process.pid}`;")).toEqual(["process"]);
  expect(
    runtimeGlobals(`/* process.exit() */ "Buffer"; new ArrayBuffer(1); this.process.x; x.Buffer;`),
  ).toEqual([]);
});

test("an index file with anything but re-exports by name is refused", () => {
  expect(
    isReexportsOnly('/** Doc. */\nexport type { A } from "./a.ts";\nexport {\n  b,\n} from "./b.ts";\n'),
  ).toBe(true);
  expect(isReexportsOnly('export * from "./a.ts";')).toBe(false);
  expect(isReexportsOnly('export { a } from "./a.ts";\nexport const b = 1;')).toBe(false);
});
