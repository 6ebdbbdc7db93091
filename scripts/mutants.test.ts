/** The mutant runner tells a mutant that a test notices from one that none does. */
import { expect, test } from "bun:test";
import { plant } from "./fixture.ts";
import { type Mutant, readMutants, weaken } from "./mutant.ts";
import { tryMutants } from "./mutants.ts";
import { run } from "./process.ts";

const CODE = "export function add(a: number, b: number): number {\n  return a + b + 0;\n}\n";
const TEST = `import { expect, test } from "bun:test";
import { add } from "../src/add.ts";
test("adds", () => { expect(add(2, 3)).toBe(5); });
`;

const BASE: Mutant = {
  name: "subtract",
  guards: "a sum is a sum",
  file: "packages/p/src/add.ts",
  find: "a + b",
  replace: "a - b",
  tests: ["packages/p"],
};

const MUTANTS: readonly Mutant[] = [
  BASE,
  { ...BASE, name: "unnoticed", find: "+ 0", replace: "- 0" },
  { ...BASE, name: "ill-typed", replace: '"a"' },
  { ...BASE, name: "nowhere", find: "a * b" },
  { ...BASE, name: "load-error", find: "export function", replace: 'throw new Error("x");\nexport function' },
];

const FILES = {
  "package.json": JSON.stringify({ name: "f", private: true, workspaces: ["packages/*"] }),
  "packages/p/package.json": JSON.stringify({ name: "p", version: "0.0.0" }),
  "packages/p/tsconfig.json": JSON.stringify({
    compilerOptions: {
      module: "nodenext",
      strict: true,
      noEmit: true,
      types: [],
      allowUnreachableCode: true,
    },
    include: ["src"],
  }),
  "packages/p/src/add.ts": CODE,
};

async function tried(test: string): Promise<readonly (readonly [string, boolean, string])[]> {
  using fixture = plant({ ...FILES, "packages/p/test/add.test.ts": test }, "elsewhere");
  const locked = await run([process.execPath, "install", "--lockfile-only"], { cwd: fixture.root });
  expect(locked).toMatchObject({ code: 0 });
  const outcomes = await tryMutants(fixture.root, MUTANTS, () => {});
  return outcomes.map(({ name, killed, by }) => [name, killed, by.split("\n")[0] ?? ""] as const);
}

test("only a test that fails kills: not a load error, not a type error, not a mutant that does not apply", async () => {
  expect(await tried(TEST)).toEqual([
    ["subtract", true, "packages/p: adds"],
    ["unnoticed", false, "packages/p: all tests pass"],
    ["ill-typed", false, "does not type-check"],
    ["nowhere", false, `"find" occurs 0 times in packages/p/src/add.ts, not once`],
    ["load-error", false, "packages/p: no test failed, though it exited 1"],
  ]);
}, 60_000);

test("a suite that is red without any mutant proves nothing", async () => {
  await expect(tried(TEST.replace("toBe(5)", "toBe(6)"))).rejects.toThrow(
    "the suite fails without any mutant",
  );
}, 60_000);

test("a place that is ambiguous is refused, and a replacement is taken literally", () => {
  expect(() => weaken("x x", { ...BASE, find: "x" })).toThrow("occurs 2 times");
  expect(() => weaken("x", { ...BASE, find: "x", replace: "x" })).toThrow("changes nothing");
  expect(weaken("1 x 2", { ...BASE, find: "x", replace: "$&$1" })).toBe("1 $&$1 2");
});

test("lists of mutants are checked", async () => {
  const read = async (...list: readonly unknown[]): Promise<number> => {
    using fixture = plant({ "mutants/p.json": JSON.stringify(list) }, "elsewhere");
    return (await readMutants(fixture.root)).length;
  };

  expect(await read(BASE)).toBe(1);
  await expect(read(BASE, BASE)).rejects.toThrow("is taken");
  await expect(read({ ...BASE, name: "Not Kebab" })).rejects.toThrow("kebab-case");
  await expect(read({ ...BASE, tests: [] })).rejects.toThrow("entry 0");
  await expect(read({ ...BASE, extra: 1 })).rejects.toThrow("entry 0");
});
