/** The repository as a whole: what must not be wrong again. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { typeCheck } from "./check.ts";
import { plant } from "./fixture.ts";
import { filesIn, packages, ROOT } from "./project.ts";
import { trackedFiles } from "./tracked.ts";

test("W-02: every package is type-checked with its tests, and a module that is not there or a field of another name fails that", async () => {
  for (const { id, folder, manifest } of await packages(ROOT)) {
    const { include } = (await Bun.file(join(folder, "tsconfig.json")).json()) as { include: unknown };
    const { scripts } = manifest as unknown as { scripts: Record<string, string> };
    expect([id, scripts["check"], include]).toEqual([id, "tsc -p tsconfig.json", ["src", "test"]]);
  }
  const config = { "tsconfig.json": '{ "extends": "../../tsconfig.base.json", "include": ["*.ts"] }\n' };
  using absent = plant({ ...config, "a.ts": 'export { event } from "./event.ts";\n' }, "repository");
  using misnamed = plant(
    { ...config, "a.ts": "export const event: { remainingUsed: number } = { remainingBytes: 1 };\n" },
    "repository",
  );
  const [first, second] = [await typeCheck(absent.root), await typeCheck(misnamed.root)];
  expect([first.code === 0, first.output]).toEqual([false, expect.stringContaining("TS2307")]);
  expect([second.code === 0, second.output]).toEqual([false, expect.stringContaining("TS2353")]);
}, 60_000);

test("W-35: no document keeps a count of tests, a coverage or a verdict by hand: the runs print them", async () => {
  const claims =
    /\b\d+ (?:[a-z]+ )?tests? (?:pass|count|exist)|\d ?% (?:[a-z]+ )?coverage|production[- ]ready/i;
  const documents = (await trackedFiles(ROOT)).filter((path) => path.endsWith(".md"));
  const texts = await Promise.all(documents.map((path) => Bun.file(join(ROOT, path)).text()));

  expect(documents).toContain("README.md");
  expect(documents.filter((_, index) => claims.test(texts[index] ?? ""))).toEqual([]);
  for (const claim of ["162 tests pass", "96 % line coverage", "It is production-ready."]) {
    expect(claim).toMatch(claims);
  }
});

test("W-40: the lints are errors, and no source asks to be left out of them", async () => {
  const excuses = /biome-ignore|oxlint-disable|eslint-disable|@ts-(?:ignore|expect-error|nocheck)/;
  const sources = filesIn(ROOT, "packages/*/src/**/*.ts");
  const texts = await Promise.all(sources.map((path) => Bun.file(join(ROOT, path)).text()));
  const { linter } = (await Bun.file(join(ROOT, "biome.json")).json()) as {
    linter: { rules: { suspicious: object; style: object } };
  };

  expect(sources.length).toBeGreaterThan(100);
  expect(sources.filter((_, index) => excuses.test(texts[index] ?? ""))).toEqual([]);
  expect(linter.rules).toMatchObject({
    suspicious: { noExplicitAny: "error" },
    style: { noNonNullAssertion: "error" },
  });
});
