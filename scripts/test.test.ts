/** The runner goes red, with the right count, on every way a test can fail to fail. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { plant } from "./fixture.ts";
import { parseReport } from "./junit.ts";
import { ROOT } from "./project.ts";
import { propertySeed } from "./seed.ts";
import { judge, judgeFolder, lastLine, parseLastLine, sum, type Verdict } from "./tally.ts";
import { runSuites } from "./test.ts";
import { testFolder } from "./test-package.ts";

const GOOD = `import { expect, test } from "bun:test";
test("one", () => { expect(1).toBe(1); });
test("two", () => { expect(2).toBe(2); });
test.skip("not now", () => {});
test.todo("later");
`;

const PLANTED = {
  "load error": `import { test } from "bun:test";\ntest("never seen", () => {});\nthrow new Error("planted");\n`,
  "exit 0": `import { test } from "bun:test";\ntest("leaves", () => { process.exit(0); });\n`,
  crash: `import { test } from "bun:test";\ntest("dies", () => { process.kill(process.pid, "SIGKILL"); });\n`,
  abort: `import { test } from "bun:test";\ntest("aborts", () => { process.abort(); });\n`,
  property: `import { test } from "bun:test";
import fc from "fast-check";
test("a property that does not hold", () => { fc.assert(fc.property(fc.integer(), (n) => n < 5)); });
`,
  only: `import { test } from "bun:test";\ntest.only("hides its neighbours", () => {});\ntest("hidden", () => {});\n`,
} as const;

async function verdictOn(planted: string | undefined): Promise<Verdict> {
  const files = { "good.test.ts": GOOD, ...(planted === undefined ? {} : { "planted.test.ts": planted }) };
  using fixture = plant(files, "repository");
  const reports = join(fixture.root, "reports");
  await testFolder(fixture.root, reports);
  return await judgeFolder(fixture.root, reports);
}

test("a good suite is counted as it is, todo as skipped", async () => {
  expect(await verdictOn(undefined)).toMatchObject({ passed: 2, failed: 0, skipped: 2, problems: [] });
});

test("a planted load error is one failure that names the file", async () => {
  const verdict = await verdictOn(PLANTED["load error"]);

  expect(verdict).toMatchObject({ passed: 2, failed: 1, skipped: 2 });
  expect(verdict.problems).toEqual(["planted.test.ts: did not load, or holds no test"]);
});

test("process.exit(0) inside a test fails the whole suite", async () => {
  const verdict = await verdictOn(PLANTED["exit 0"]);

  expect(verdict).toMatchObject({ passed: 0, failed: 1, problems: ["left no report and exited 0"] });
});

test.each(["crash", "abort"] as const)("a %s inside a test fails the whole suite", async (kind) => {
  const verdict = await verdictOn(PLANTED[kind]);

  expect(verdict).toMatchObject({ passed: 0, failed: 1 });
  expect(verdict.problems[0]).toStartWith("left no report and exited 1");
});

test("a property that does not hold is one failure that names the test", async () => {
  const verdict = await verdictOn(PLANTED.property);

  expect(verdict).toMatchObject({ passed: 2, failed: 1, skipped: 2 });
  expect(verdict.problems).toEqual(["planted.test.ts: a property that does not hold"]);
});

test("a forgotten test.only is refused", async () => {
  const { failed } = await verdictOn(PLANTED.only);

  expect(failed).toBeGreaterThan(0);
});

test("the whole run is red for exactly the packages that are, and names them", async () => {
  const manifest = (name: string): string =>
    JSON.stringify({
      name,
      version: "0.0.0",
      scripts: { test: `bun ${join(ROOT, "scripts", "test-package.ts")}` },
    });
  using fixture = plant(
    {
      "package.json": JSON.stringify({
        name: "f",
        private: true,
        packageManager: "bun@1.4.5",
        workspaces: ["packages/*"],
      }),
      "turbo.json": JSON.stringify({
        globalPassThroughEnv: ["VRAM_*", "FC_SEED"],
        tasks: { test: { cache: false } },
      }),
      "bun.lock": "",
      "packages/good/package.json": manifest("good"),
      "packages/good/good.test.ts": GOOD,
      "packages/leaver/package.json": manifest("leaver"),
      "packages/leaver/x.test.ts": PLANTED["exit 0"],
      "packages/mute/package.json": JSON.stringify({ name: "mute", version: "0.0.0" }),
      "packages/mute/x.test.ts": GOOD,
      "packages/untested/package.json": manifest("untested"),
    },
    "repository",
  );

  const verdicts = await runSuites(fixture.root, []);

  expect(verdicts.map(({ suite, problems }) => [suite, ...problems])).toEqual([
    ["good"],
    ["leaver", "left no report and exited 0"],
    ["mute", "never ran to its end"],
    ["untested", "has no test file"],
  ]);
  expect(sum(verdicts)).toEqual({ passed: 2, failed: 3, skipped: 2 });
});

test("when Turborepo cannot run, that is said and counts as a failure", async () => {
  using fixture = plant({ "turbo.json": "{ broken" }, "repository");

  const verdicts = await runSuites(fixture.root, []);

  expect(verdicts).toMatchObject([{ suite: "turbo", failed: 1 }]);
  expect(verdicts[0]?.problems[0]).toMatch(/^exited [1-9]/);
});

const REPORT = `<?xml version="1.0"?>
<testsuites tests="2" failures="1" skipped="0"><testsuite name="a">
<testcase name="x &lt;y&gt; &#10;" classname="g" file="a.test.ts" />
<testcase name="z" classname="" file="a.test.ts"><failure message="no"></failure></testcase>
</testsuite></testsuites>
`;

test("exit status and count must agree", () => {
  const files = ["a.test.ts"];

  expect(judge("s", { exitCode: 1, report: REPORT, files }).failed).toBe(1);
  expect(judge("s", { exitCode: 0, report: REPORT, files }).problems).toContain("exited 0 in spite of that");
  const green = REPORT.replace('failures="1"', 'failures="0"').replace(/<failure.*?<\/failure>/, "");
  expect(judge("s", { exitCode: 0, report: green, files }).failed).toBe(0);
  expect(judge("s", { exitCode: 137, report: green, files }).failed).toBe(1);
  expect(judge("s", { exitCode: undefined, report: green, files }).failed).toBe(1);
});

test("a report that is cut short or contradicts itself is no report", () => {
  expect(parseReport(REPORT)?.map(({ name, outcome }) => [name, outcome])).toEqual([
    ["g > x <y> \n", "passed"],
    ["z", "failed"],
  ]);
  for (let length = 0; length < REPORT.length - 2; length += 1) {
    expect(parseReport(REPORT.slice(0, length))).toBeUndefined();
  }
  expect(parseReport(REPORT.replace('tests="2"', 'tests="3"'))).toBeUndefined();
  expect(parseReport(REPORT.replace('failures="1"', 'failures="0"'))).toBeUndefined();
});

test("the seed is FC_SEED, else fixed in CI, else fresh", () => {
  expect(propertySeed({ FC_SEED: "-7", CI: "1" })).toBe(-7);
  expect(propertySeed({ CI: "1" })).toBe(propertySeed({ CI: "true" }));
  expect(new Set([1, 2, 3, 4].map(() => propertySeed({}))).size).toBeGreaterThan(1);
});

test("only the last line counts, and only whole", () => {
  const count = { passed: 3, failed: 0, skipped: 1 };

  expect(parseLastLine(`noise\n${lastLine(count)}\n`)).toEqual(count);
  expect(parseLastLine(`${lastLine(count)}\nnoise`)).toBeUndefined();
  expect(parseLastLine(`x${lastLine(count)}`)).toBeUndefined();
});
