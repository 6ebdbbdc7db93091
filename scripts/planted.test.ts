/** Each check refuses the violation it is there for, and nothing else. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { biome, oxlint } from "./check.ts";
import { plant } from "./fixture.ts";
import { packages, ROOT } from "./project.ts";
import { globalFaults, importFaults, manifestFaults, shapeFaults } from "./tidy.ts";

const TIMEOUT_MS = 30_000;

const CLEAN = {
  "tsconfig.json": JSON.stringify({
    extends: join(ROOT, "tsconfig.base.json"),
    compilerOptions: { types: [] },
    include: ["src"],
  }),
  "src/a.ts": `export async function work(): Promise<void> {\n  await Promise.resolve();\n}\n`,
  "src/b.ts": `import { work } from "./a.ts";\n\nexport async function more(): Promise<void> {\n  await work();\n}\n`,
};

const VIOLATIONS = [
  {
    kind: "floating promise",
    rule: "no-floating-promises",
    check: oxlint,
    file: { "src/b.ts": `import { work } from "./a.ts";\n\nexport function more(): void {\n  work();\n}\n` },
  },
  {
    kind: "promise where nobody waits",
    rule: "no-misused-promises",
    check: oxlint,
    file: {
      "src/b.ts": `import { work } from "./a.ts";\n\n[1].forEach(async () => {\n  await work();\n});\n`,
    },
  },
  {
    kind: "import cycle",
    rule: "no-cycle",
    check: oxlint,
    file: {
      "src/a.ts": `import { more } from "./b.ts";\n\nexport const work: () => Promise<void> = () => more();\n`,
    },
  },
  {
    kind: "import cycle of types",
    rule: "no-cycle",
    check: oxlint,
    file: {
      "src/a.ts": `import type { more } from "./b.ts";\n\nexport type More = typeof more;\nexport async function work(): Promise<void> {\n  await Promise.resolve();\n}\n`,
    },
  },
  {
    kind: "any",
    rule: "no-explicit-any",
    check: oxlint,
    file: { "src/c.ts": "export function keep(value: any): unknown {\n  return value;\n}\n" },
  },
  {
    kind: "any",
    rule: "noExplicitAny",
    check: biome,
    file: { "src/c.ts": "export function keep(value: any): unknown {\n  return value;\n}\n" },
  },
] as const;

const BIOME = (await Bun.file(join(ROOT, "biome.json")).json()) as Record<string, unknown>;
// The fixture is no repository, and its tsconfig is not written by the formatter.
const CONFIG = {
  "biome.json": JSON.stringify({
    ...BIOME,
    vcs: { enabled: false },
    files: { includes: ["src/**"] },
    json: { formatter: { enabled: false } },
  }),
};

test.each([
  ["oxlint", oxlint],
  ["biome", biome],
] as const)(
  "%s passes clean code",
  async (_, check) => {
    using fixture = plant({ ...CONFIG, ...CLEAN }, "elsewhere");

    expect(await check(fixture.root)).toMatchObject({ code: 0 });
  },
  TIMEOUT_MS,
);

test.each(VIOLATIONS)(
  "a planted $kind fails $rule",
  async ({ rule, check, file }) => {
    using fixture = plant({ ...CONFIG, ...CLEAN, ...file }, "elsewhere");

    const { code, output } = await check(fixture.root);

    expect(code).not.toBe(0);
    expect(output).toContain(rule);
  },
  TIMEOUT_MS,
);

const SEAL = {
  "packages/seal/package.json": JSON.stringify({
    name: "@vram-residency/seal",
    version: "0.0.0",
    exports: { ".": "./src/index.ts" },
    dependencies: { "@vram-residency/types": "workspace:^" },
  }),
  "packages/seal/README.md": "# seal\n",
  "packages/seal/src/index.ts": 'export { seal } from "./seal.ts";\n',
  "packages/seal/src/seal.ts":
    'import type { Clock } from "@vram-residency/types";\n\nexport const seal = (clock: Clock): number => clock.wall();\n',
  "packages/seal/test/exports.test.ts": "",
};

async function faults(files: Readonly<Record<string, string>>): Promise<readonly string[]> {
  using fixture = plant({ ...SEAL, ...files }, "elsewhere");
  const [subject] = await packages(fixture.root);
  if (subject === undefined) throw new Error("the fixture has no package");
  const lists = await Promise.all(
    [importFaults, globalFaults, manifestFaults, shapeFaults].map((of) => of(subject)),
  );
  return lists.flat();
}

test("a clean package has no faults", async () => {
  expect(await faults({})).toEqual([]);
});

test.each([
  ['import type { Policy } from "@vram-residency/policy";', '"@vram-residency/policy" is not in its row'],
  ['export { decide } from "@vram-residency/policy";', '"@vram-residency/policy" is not in its row'],
  [
    'export const late = () => import("@vram-residency/policy");',
    '"@vram-residency/policy" is not in its row',
  ],
  ['import { createHmac } from "node:crypto";', '"node:crypto" is not portable here'],
  [
    'import { systemClock } from "@vram-residency/types/node";',
    '"@vram-residency/types/node" is not portable here',
  ],
  ['import { dlopen } from "bun:ffi";', '"bun:ffi" is Bun\'s alone'],
  ['import { x } from "../test/x.ts";', '"../test/x.ts" leaves src'],
  ["export const late = (name: string) => import(name);", "import() of a computed name"],
  ["export const hex = (x: Uint8Array) => Buffer.from(x);", "uses Buffer"],
  ["export const pid: number = process.pid;", "uses process"],
  ["export const file = Bun.file;", "uses Bun"],
])("%s in a package's sources is refused", async (text, fault) => {
  const found = await faults({ "packages/seal/src/planted.ts": text });

  expect(found).toContainEqual(expect.stringContaining(`src/planted.ts: `));
  expect(found).toContainEqual(expect.stringContaining(fault));
});

test("a module of 301 lines is refused, one of 300 is not", async () => {
  expect(await faults({ "packages/seal/src/long.ts": "\n".repeat(300) })).toEqual([]);
  expect(await faults({ "packages/seal/src/long.ts": "\n".repeat(301) })).toEqual([
    "src/long.ts: 301 lines, more than 300",
  ]);
});

test("manifest and imports must agree both ways", async () => {
  const undeclared = await faults({
    "packages/seal/src/x.ts": 'import type { T } from "@vram-residency/crypto";',
  });
  const unused = await faults({ "packages/seal/src/seal.ts": "export const seal = 1;\n" });

  expect(undeclared).toEqual(["imports @vram-residency/crypto without declaring it"]);
  expect(unused).toEqual(["declares @vram-residency/types without importing it"]);
});

test("a package without README, tests or a row is refused", async () => {
  using bare = plant(
    { "packages/stray/package.json": JSON.stringify({ name: "stray", exports: { ".": "x" } }) },
    "elsewhere",
  );
  const [subject] = await packages(bare.root);
  if (subject === undefined) throw new Error("the fixture has no package");

  expect(await importFaults(subject)).toEqual(["has no row in scripts/import-table.ts"]);
  expect(await shapeFaults(subject)).toEqual([
    "has no sources",
    "has no README.md",
    "has no test",
    "has no test/exports.test.ts",
  ]);
});
