/** The sizes that the READMEs give are within a tenth of the truth. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { packages, ROOT } from "./project.ts";
import { BUDGETS, isLibrary, type Size, sizeIn, sizeOf, withSize } from "./sizes.ts";

const LIBRARIES = (await packages(ROOT)).filter(isLibrary);
const TABLE = await Bun.file(join(ROOT, "README.md")).text();

function expectNear(given: Size | undefined, size: Size): void {
  for (const what of ["minified", "gzipped"] as const) {
    // To a tenth of a KB, as the text gives it: `bun run sizes --write` brings it up to date.
    expect(Math.abs((given?.[what] ?? 0) - size[what])).toBeLessThanOrEqual(0.1 * size[what] + 52);
  }
}

describe.each(LIBRARIES.map((subject) => [subject.id, subject] as const))("%s", (_, subject) => {
  test("weighs what the READMEs say", async () => {
    const size = await sizeOf(subject);
    const readme = await Bun.file(join(subject.folder, "README.md")).text();

    expectNear(sizeIn(TABLE, subject), size);
    expectNear(sizeIn(readme, subject), size);
  });
});

test.each(BUDGETS.map((budget) => [budget.what, budget] as const))(
  "%s keeps to its budget",
  async (_, budget) => {
    const subject = LIBRARIES.find(({ manifest }) => manifest.name === budget.packageName);
    if (subject === undefined) throw new Error(`there is no ${budget.packageName}`);

    const { gzipped } = await sizeOf(subject, budget.names);

    expect(gzipped).toBeGreaterThan(1000);
    expect(gzipped).toBeLessThanOrEqual(budget.gzippedMax);
  },
);

test("what is written is what is read again, and a text without a place is refused", () => {
  const [subject] = LIBRARIES;
  if (subject === undefined) throw new Error("there is no library");
  const size = { minified: 10_240, gzipped: 2048 };
  const row = `| [\`x\`](packages/${subject.id}) | for | ? | ? | anywhere |`;
  const line = "<!-- size -->Bundled alone: ? minified, ? gzipped, on any runtime.";

  expect(withSize(row, subject, size)).toBe(
    `| [\`x\`](packages/${subject.id}) | for | 10.0 KB | 2.0 KB | anywhere |`,
  );
  expect(sizeIn(withSize(row, subject, size), subject)).toEqual(size);
  expect(sizeIn(withSize(line, subject, size), subject)).toEqual(size);
  expect(sizeIn("nothing", subject)).toBeUndefined();
  expect(() => withSize("nothing", subject, size)).toThrow(`no place for the size of ${subject.id}`);
});
