/** What the documentation says is so: its code runs, its commands are there, its links lead somewhere. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdir, rm, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { safetensorsOf, writeModel } from "../examples/lib/tiny-model.ts";
import { fileKeys } from "../packages/seal/src/index.ts";
import { nodeFileSystem } from "../packages/types/src/node/index.ts";
import { typeCheck } from "./check.ts";
import {
  type Block,
  blocksOf,
  brokenLinks,
  commandsIn,
  fileOf,
  pages,
  promisedFailure,
  promisedLines,
  whyNotRun,
} from "./docs.ts";
import { plant } from "./fixture.ts";
import { type Finished, run } from "./process.ts";
import { ROOT, SOURCE_CONDITION } from "./project.ts";

const PAGES = await pages(ROOT);
const TEXTS = new Map(
  await Promise.all(PAGES.map(async (page) => [page, await Bun.file(join(ROOT, page)).text()] as const)),
);
const BLOCKS = [...TEXTS]
  .flatMap(([page, text]) => blocksOf(page, text))
  .filter(({ language }) => language === "ts");

/** Commands that are not run here, and why. What is run is in `RUN`; a command must be in one of the two. */
const NOT_RUN: Readonly<Record<string, string>> = {
  test: "runs this test",
  check: "a step of its own of .ci/run",
  build: "a step of its own of .ci/run",
  "pack:check": "a step of its own of .ci/run",
  format: "writes to the working tree",
  mutants: "takes minutes, and runs tests",
  bench: "takes minutes",
  long: "takes minutes",
  "gpu:check": "needs a GPU",
  native: "compiles for a minute, where there is a compiler",
  demo: "a step of its own of .ci/run",
};
const RUN: Readonly<Record<string, readonly string[]>> = {
  example: ["seal-a-model"],
  sizes: [],
  vramr: ["--help"],
};

const isLoose = (block: Block): boolean => fileOf(block) === undefined;
const nameOf = ({ place }: Block): string => `${place.replace(/[^A-Za-z0-9]+/g, "-")}.ts`;

/** What a block's text names and its reader has: a model file, a model's directory. */
async function furnish(folder: string): Promise<void> {
  await mkdir(join(folder, "model-directory"), { recursive: true });
  await writeModel(join(folder, "model-directory"));
  await Bun.write(join(folder, "model.safetensors"), safetensorsOf({ "embed.weight": 9000 }));
}

const TSCONFIG = JSON.stringify({
  extends: "../../tsconfig.base.json",
  compilerOptions: { noUnusedLocals: false, isolatedDeclarations: false },
  include: ["**/*.ts"],
});
const fixture = plant({ "tsconfig.json": TSCONFIG }, "repository");
afterAll(() => fixture[Symbol.dispose]());

beforeAll(async () => {
  await furnish(fixture.root);
  await symlink(join(ROOT, "examples", "node_modules"), join(fixture.root, "node_modules"));
  for (const block of BLOCKS) {
    const path = fileOf(block) ?? nameOf(block);
    await mkdir(dirname(join(fixture.root, path)), { recursive: true });
    await Bun.write(join(fixture.root, path), `${block.given}${block.code}`);
  }
});

function runIn(path: string, ...flags: readonly string[]): Promise<Finished> {
  const command = [process.execPath, ...flags, `--conditions=${SOURCE_CONDITION}`, `./${path}`];
  return run(command, { cwd: fixture.root, timeoutMs: 60_000 });
}

test("every block of TypeScript type-checks", async () => {
  expect(BLOCKS.length).toBeGreaterThanOrEqual(20);
  expect((await typeCheck(fixture.root)).output).toBe("");
});

describe.each(BLOCKS.filter(isLoose).map((block) => [block.place, block] as const))("%s", (_, block) => {
  test.skipIf(whyNotRun(block) !== undefined)("runs, and does what its comments say", async () => {
    const { code, output } = await runIn(nameOf(block));
    const failure = promisedFailure(block);

    if (failure === undefined) expect({ code, output }).toMatchObject({ code: 0 });
    else expect({ code, output }).toEqual({ code: 1, output: expect.stringContaining(failure) });
    for (const line of promisedLines(block)) expect(output).toContain(line);
  });
});

const TESTS = BLOCKS.flatMap((block) => fileOf(block) ?? []).filter((path) => path.endsWith(".test.ts"));

test("the templates hold tests", () => {
  expect(TESTS.length).toBeGreaterThanOrEqual(2);
});

test.each(TESTS)("the template %s passes", async (path) => {
  const { code, output } = await runIn(path, "test");

  expect({ code, output }).toEqual({ code: 0, output: expect.stringMatching(/\b0 fail\n/) });
});

test.each([...TEXTS])("the links of %s lead somewhere", async (page, text) => {
  expect(await brokenLinks(page, text)).toEqual([]);
});

/** The root script that a command runs; undefined for another kind of command. */
function scriptOf(command: string): string | undefined {
  return /^(?:npx --yes bun@1\.4\.5|bun) run ([\w:]+)/.exec(command)?.[1];
}

test("every script that a page names is there, and is run, here or for a reason elsewhere", async () => {
  const { scripts } = (await Bun.file(join(ROOT, "package.json")).json()) as {
    scripts: Record<string, string>;
  };
  const named = new Set(
    [...TEXTS.values()].flatMap(commandsIn).flatMap((command) => scriptOf(command) ?? []),
  );

  expect([...named].filter((name) => scripts[name] === undefined)).toEqual([]);
  expect([...named].filter((name) => NOT_RUN[name] === undefined && RUN[name] === undefined)).toEqual([]);
  expect([...named]).toContain("demo");
});

test.each(Object.entries(RUN))("bun run %s works as it stands", async (name, args) => {
  const { code, output } = await run([process.execPath, "run", name, ...args], { timeoutMs: 120_000 });

  expect({ code, empty: output.trim() === "" }).toEqual({ code: 0, empty: false });
});

const VRAMR = [...TEXTS.values()]
  .flatMap(commandsIn)
  .filter((command) => /^(?:vramr|bun run demo) /.test(command));

test.each(VRAMR)("%s: its options are known to the command", async (command) => {
  const words = command.replace(/^bun run /, "vramr ").split(/[\s[\]|]+/);
  const end = words.findIndex((word, index) => index > 0 && !/^[a-z]+$/.test(word));
  const names = words.slice(1, end < 0 ? undefined : end);
  const main = join(ROOT, "packages", "cli", "src", "main.ts");
  const flags = [`--conditions=${SOURCE_CONDITION}`, main, ...names, "--help"];
  const { code, output } = await run([process.execPath, ...flags]);

  expect(code).toBe(0);
  for (const option of words.filter((word) => word.startsWith("--"))) expect(output).toContain(option);
});

test.skipIf(Bun.which("openssl") === null)(
  "the command that makes a key file makes one that is accepted",
  async () => {
    const [line = ""] = TEXTS.get("docs/keys.md")?.match(/^ {4}umask .*$/m) ?? [];
    const path = join(fixture.root, "seal-root");
    // A shell keeps the mode of a file that is there already, and a block of that page leaves one.
    await rm(path, { force: true });
    const { code } = await run(["sh", "-c", line.trim()], { cwd: fixture.root });

    expect(code).toBe(0);
    expect((await fileKeys(nodeFileSystem, path).sealRoots()).map(({ state }) => state)).toEqual(["active"]);
    await rm(path);
  },
);

test("blocks are found with what is given, their file, and their place in a list", () => {
  const text = [
    "<!-- given",
    "const a = 1;",
    "-->",
    "```ts",
    "console.log(a); // => 1",
    "```",
    "1. item",
    "",
    "   ```ts file=x/y.test.ts",
    "   if (true) {",
    "     throw new Error(); // throws Error",
    "   }",
    "   ```",
    "```json",
    "{}",
    "```",
    "```ts no-run: needs a GPU",
    "```",
  ].join("\n");
  const [first, second, third, fourth] = blocksOf("p.md", text);
  if (first === undefined || second === undefined || fourth === undefined)
    throw new Error("blocks are missing");

  expect(first).toEqual({
    place: "p.md:4",
    language: "ts",
    info: "",
    code: "console.log(a); // => 1\n",
    given: "const a = 1;\n",
  });
  expect(promisedLines(first)).toEqual(["1"]);
  expect(second.code).toBe("if (true) {\n  throw new Error(); // throws Error\n}\n");
  expect([fileOf(second), promisedFailure(second), second.given]).toEqual(["x/y.test.ts", "Error", ""]);
  expect(third?.language).toBe("json");
  expect(whyNotRun(fourth)).toBe("needs a GPU");
});

test("links and commands are found, and broken links are", async () => {
  const text =
    "[a](README.md) [b](nowhere.md) [c](README.md#examples) [d](README.md#nothing) `[e](f)` [g](https://x.org)";

  expect(await brokenLinks("page.md", text)).toEqual(["page.md: nowhere.md", "page.md: README.md#nothing"]);
  expect(await brokenLinks("docs/page.md", "[a](../README.md) [b](../../README.md)")).toEqual([
    "docs/page.md: ../../README.md",
  ]);
  expect(
    commandsIn("Use `bun run x --y`, `code` and\n\n    npx --yes bun@1.4.5 run demo\n\n`vramr demo`"),
  ).toEqual(["bun run x --y", "vramr demo", "npx --yes bun@1.4.5 run demo"]);
});
