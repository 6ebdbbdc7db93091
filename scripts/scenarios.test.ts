/** Every scenario and every weakness has a test that is there, runs and asserts; and the check of that bites. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { plant } from "./fixture.ts";
import { ROOT } from "./project.ts";
import { FEATURES, SCENARIO_IDS, scenarioFaults, WEAKNESS_IDS } from "./scenarios.ts";
import { testFolder } from "./test-package.ts";

test("there are 73 scenarios and 41 weaknesses", () => {
  expect([SCENARIO_IDS.length, new Set(SCENARIO_IDS).size]).toEqual([73, 73]);
  expect([WEAKNESS_IDS.length, WEAKNESS_IDS.at(-1)]).toEqual([41, "W-41"]);
  expect(FEATURES).toHaveLength(11);
});

test("W-34: each scenario and weakness has a test of its own that is there, is not skipped, and asserts; when all ran, each passed", async () => {
  // Set by `bun run test`, which has just run every package: then the reports are of this very run.
  expect(await scenarioFaults(ROOT, process.env["VRAM_REPORTS"])).toEqual([]);
});

const FILE = "packages/p/test/all.test.ts";
const title = (id: string): string => `${id}: as it should be`;

interface Planted {
  /** The whole test of an id, instead of a good one. */
  readonly tests?: Readonly<Record<string, string>>;
  /** What to change in the entry of an id; undefined takes the entry out. */
  readonly entries?: Readonly<Record<string, object | undefined>>;
  readonly files?: Readonly<Record<string, string>>;
}

function good(id: string): string {
  return `test("${title(id)}", () => {\n  expect(1).toBe(1);\n});\n`;
}

function files({ tests = {}, entries = {}, files: more = {} }: Planted): Readonly<Record<string, string>> {
  const list = (ids: readonly string[], base: object): string =>
    JSON.stringify(
      ids.flatMap((id) => {
        const entry = { id, ...base, test: { file: FILE, name: title(id) }, ...entries[id] };
        return id in entries && entries[id] === undefined ? [] : [entry];
      }),
    );
  const all = [...SCENARIO_IDS, ...WEAKNESS_IDS];
  return {
    "docs/scenarios.json": list(SCENARIO_IDS, { given: "this", expect: "that" }),
    "docs/weaknesses.json": list(WEAKNESS_IDS, { concerns: "it" }),
    "docs/page.md": "# A page\n",
    [FILE]: `import { expect, test } from "bun:test";\n\n${all.map((id) => tests[id] ?? good(id)).join("\n")}`,
    ...more,
  };
}

async function faultsOf(planted: Planted): Promise<readonly string[]> {
  using fixture = plant(files(planted), "elsewhere");
  return await scenarioFaults(fixture.root);
}

const FIRST = "seal_model/01";
const named = `"${title(FIRST)}"`;
const asBody = (body: string): Planted => ({ tests: { [FIRST]: body } });

describe("the check", () => {
  test("finds nothing in two whole lists", async () => {
    expect(await faultsOf({})).toEqual([]);
    expect(
      await faultsOf({
        entries: {
          [FIRST]: {
            test: undefined,
            override: { rule: "docs/page.md, 3: it is so", test: { file: FILE, name: title(FIRST) } },
          },
          "W-12": { test: undefined, waitsFor: 5, why: "there is no CUDA yet" },
        },
      }),
    ).toEqual([]);
  });

  test("takes an assertion that a helper makes, in the file or beside it", async () => {
    const helper = `export function check(value: number): void {\n  expect(value).toBe(1);\n}\n`;
    const call = `test(${named}, () => {\n  check(1);\n});\n`;
    const beside = { "packages/p/test/check.ts": `import { expect } from "bun:test";\n\n${helper}` };

    expect(await faultsOf({ tests: { [FIRST]: `${helper}\n${call}` } })).toEqual([]);
    expect(
      await faultsOf({
        tests: { [FIRST]: `import { check } from "./check.ts";\n${call}` },
        files: beside,
      }),
    ).toEqual([]);
    expect(await faultsOf(asBody(call))).toEqual([`${FIRST}: ${FILE}: it asserts nothing`]);
  });

  const SOURCES: readonly (readonly [kind: string, source: string, fault: string])[] = [
    ["that is gone", "", "the file has no test of this name"],
    ["that is there twice", good(FIRST) + good(FIRST), "the file has 2 tests of this name"],
    ["that is only a comment", `// test(${named}, () => {});\n`, "the file has no test of this name"],
    ["that is skipped", `test.skip(${named}, () => {\n  expect(1).toBe(1);\n});\n`, "it is a test.skip"],
    ["that is to come", `test.todo(${named});\n`, "it is a test.todo"],
    [
      "that runs sometimes",
      `test.if(false)(${named}, () => {\n  expect(1).toBe(1);\n});\n`,
      "it is a test.if(false)",
    ],
    ["that must fail", `test.failing(${named}, () => {\n  expect(1).toBe(2);\n});\n`, "it is a test.failing"],
    [
      "in a skipped group",
      `describe.skip("x", () => {\n  test(${named}, () => {\n    expect(1).toBe(1);\n  });\n});\n`,
      'it stands inside of "describe.skip("x", () => {"',
    ],
    [
      "under a condition",
      `if (process.env.GPU) {\n  test(${named}, () => {\n    expect(1).toBe(1);\n  });\n}\n`,
      'it stands inside of "if (process.env.GPU) {"',
    ],
    ["that is empty", `test(${named}, () => {});\n`, "it asserts nothing"],
    ["that only prints", `test(${named}, () => {\n  console.log("fine");\n});\n`, "it asserts nothing"],
    ["that matches nothing", `test(${named}, () => {\n  expect(1);\n});\n`, "it asserts nothing"],
    [
      "whose assertion is a comment",
      `test(${named}, () => {\n  // expect(1).toBe(1);\n});\n`,
      "it asserts nothing",
    ],
  ];
  for (const [kind, source, fault] of SOURCES) {
    test(`finds a test ${kind}`, async () => {
      expect(await faultsOf(asBody(source))).toEqual([`${FIRST}: ${FILE}: ${fault}`]);
    });
  }

  const ENTRIES: readonly (readonly [kind: string, id: string, entry: object | undefined, fault: string])[] =
    [
      ["scenario that is missing", FIRST, undefined, `${FIRST}: this scenario is missing`],
      ["weakness that is missing", "W-41", undefined, "W-41: this weakness is missing"],
      ["scenario nobody knows", FIRST, { id: "seal_model/06" }, "seal_model/06: there is no such scenario"],
      ["scenario that is there twice", FIRST, { id: "seal_model/02" }, "seal_model/02: is there twice"],
      ["scenario that says nothing", FIRST, { given: " " }, `${FIRST}: expected given, expect, and a test`],
      ["scenario with neither test nor rule", FIRST, { test: undefined }, `${FIRST}: expected given, expect`],
      ["scenario with a field of another name", FIRST, { note: "x" }, `${FIRST}: expected given, expect`],
      [
        "rule on a page that is not there",
        FIRST,
        {
          test: undefined,
          override: { rule: "docs/gone.md, 3: x", test: { file: FILE, name: title(FIRST) } },
        },
        `${FIRST}: expected a rule as "page, place: what it says"`,
      ],
      [
        "weakness that waits for nothing in particular",
        "W-07",
        { test: undefined, waitsFor: 2, why: "later" },
        "W-07: expected what it concerns, and a test or the issue it waits for and why",
      ],
      [
        "weakness that waits without a reason",
        "W-07",
        { test: undefined, waitsFor: 5, why: "" },
        "W-07: expected what it concerns",
      ],
      [
        "test under another's name",
        FIRST,
        { test: { file: FILE, name: title("seal_model/02") } },
        `seal_model/02: has the test of ${FIRST}`,
      ],
      [
        "test whose file no suite runs",
        FIRST,
        { test: { file: "packages/p/test/all.ts", name: title(FIRST) } },
        `${FIRST}: packages/p/test/all.ts: no suite runs this file`,
      ],
    ];
  for (const [kind, id, entry, fault] of ENTRIES) {
    test(`finds a ${kind}`, async () => {
      const faults = await faultsOf({ entries: { [id]: entry } });

      expect(faults).toContainEqual(expect.stringContaining(fault));
    });
  }

  test("finds lists that are gone, or are none", async () => {
    const none = ["docs/scenarios.json and docs/weaknesses.json: expected two JSON arrays of objects"];

    expect(await faultsOf({ files: { "docs/weaknesses.json": "{}" } })).toEqual(none);
    expect(await faultsOf({ files: { "docs/scenarios.json": "[1]" } })).toEqual(none);
  });

  test("finds, in the reports of a run, a test that failed, one that asserted nothing, and a run that left no report", async () => {
    const [second, third] = ["seal_model/02", "seal_model/03"];
    const tests = {
      [second]: `test("${title(second)}", () => {\n  if (Date.now() < 0) expect(1).toBe(1);\n});\n`,
      [third]: `test("${title(third)}", () => {\n  expect(1).toBe(2);\n});\n`,
    };
    using fixture = plant(files({ tests }), "repository");
    const reports = join(fixture.root, "reports");

    const before = await scenarioFaults(fixture.root, reports);
    await testFolder(join(fixture.root, "packages/p"), reports);
    const after = await scenarioFaults(fixture.root, reports);

    expect(new Set(before.map((fault) => fault.replace(/^\S+ /, "")))).toEqual(
      new Set([`${FILE}: p left no report`]),
    );
    expect(before).toHaveLength(73 + 41);
    expect(after).toEqual([
      `${second}: ${FILE}: it ran and asserted nothing`,
      `${third}: ${FILE}: it failed`,
    ]);
  }, 60_000);
});
