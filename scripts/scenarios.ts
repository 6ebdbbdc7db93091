/**
 * `docs/scenarios.json` and `docs/weaknesses.json`: what the Rust crate this project descends from was meant to do, and what
 * was wrong with it; each with the test that holds it here.
 *
 * @module
 */
import { join } from "node:path";
import { ROOT, testFiles } from "./project.ts";
import { reportFault, sourceFault, type TestPlace } from "./test-body.ts";

/** The features of that crate, and how many scenarios each had: 73. */
export const FEATURES: readonly (readonly [feature: string, scenarios: number])[] = [
  ["seal_model", 5],
  ["verify_seal", 3],
  ["seal_verification_extended", 4],
  ["security", 4],
  ["multi_shard", 5],
  ["error_recovery", 4],
  ["vram_policy", 2],
  ["concurrent_access", 5],
  ["shared_crate_integration", 6],
  ["signature_robustness", 22],
  ["stress_test", 13],
];

/** How many weaknesses are known. */
export const WEAKNESSES = 41;

/** Issues that a weakness may wait for: those of packages that are not there yet. */
const OPEN_ISSUES: readonly unknown[] = [3, 4, 5, 6, 7, 8];

/** One line of either list, as it was read. */
type Entry = Readonly<Record<string, unknown>>;

const two = (number: number): string => String(number).padStart(2, "0");

/** Every scenario's id, in order, such as "seal_model/01". */
export const SCENARIO_IDS: readonly string[] = FEATURES.flatMap(([feature, count]) =>
  Array.from({ length: count }, (_, index) => `${feature}/${two(index + 1)}`),
);

/** Every weakness's id, in order, such as "W-01". */
export const WEAKNESS_IDS: readonly string[] = Array.from(
  { length: WEAKNESSES },
  (_, index) => `W-${two(index + 1)}`,
);

/**
 * Lists what is wrong with both lists below `root`, one line each.
 *
 * @param reports - JUnit reports of this very run; without them only the sources are judged.
 */
export async function scenarioFaults(root: string, reports?: string): Promise<readonly string[]> {
  const [scenarios, weaknesses] = await Promise.all([
    read(root, "docs/scenarios.json"),
    read(root, "docs/weaknesses.json"),
  ]);
  if (scenarios === undefined || weaknesses === undefined) {
    return ["docs/scenarios.json and docs/weaknesses.json: expected two JSON arrays of objects"];
  }
  const faults = [
    ...idFaults("scenario", scenarios, SCENARIO_IDS),
    ...idFaults("weakness", weaknesses, WEAKNESS_IDS),
    ...(await Promise.all(scenarios.map((entry) => scenarioShape(root, entry)))).flat(),
    ...weaknesses.flatMap(weaknessShape),
  ];
  const places = [...scenarios, ...weaknesses].flatMap((entry) => {
    const test = testOf(entry);
    return test === undefined ? [] : [{ id: String(entry["id"]), test }];
  });
  faults.push(...sharedFaults(places));
  for (const { id, test } of places) {
    const fault = await testFault(root, id, test, reports);
    if (fault !== undefined) faults.push(`${id}: ${test.file}: ${fault}`);
  }
  return faults;
}

async function read(root: string, path: string): Promise<readonly Entry[] | undefined> {
  const file = Bun.file(join(root, path));
  const list: unknown = (await file.exists()) ? await file.json() : undefined;
  return Array.isArray(list) && list.every(isRecord) ? list : undefined;
}

function isRecord(value: unknown): value is Entry {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.trim() !== "";
}

function hasKeys(value: unknown, ...names: readonly string[]): value is Entry {
  return isRecord(value) && Object.keys(value).sort().join() === [...names].sort().join();
}

function isPlace(value: unknown): value is Entry & TestPlace {
  return hasKeys(value, "file", "name") && isText(value["file"]) && isText(value["name"]);
}

function idFaults(kind: string, list: readonly Entry[], wanted: readonly string[]): readonly string[] {
  const ids = list.map(({ id }) => String(id));
  return [
    ...wanted.filter((id) => !ids.includes(id)).map((id) => `${id}: this ${kind} is missing`),
    ...ids.filter((id) => !wanted.includes(id)).map((id) => `${id}: there is no such ${kind}`),
    ...ids.filter((id, index) => ids.indexOf(id) !== index).map((id) => `${id}: is there twice`),
  ];
}

/** `{id, given, expect, test}`, or `override: {rule, test}` with a rule that names a page of this repository. */
async function scenarioShape(root: string, entry: Entry): Promise<readonly string[]> {
  const id = String(entry["id"]);
  const override = entry["override"];
  const plain = hasKeys(entry, "id", "given", "expect", "test") && isPlace(entry["test"]);
  const overridden =
    hasKeys(entry, "id", "given", "expect", "override") &&
    hasKeys(override, "rule", "test") &&
    isPlace(override["test"]);
  if (!(plain || overridden) || !isText(entry["given"]) || !isText(entry["expect"])) {
    return [`${id}: expected given, expect, and a test or an override of rule and test`];
  }
  if (!isRecord(override)) return [];
  const [, page, rule] = /^([\w./-]+)[^:]*: (.+)$/.exec(String(override["rule"])) ?? [];
  const exists = page !== undefined && (await Bun.file(join(root, page)).exists());
  return exists && isText(rule) ? [] : [`${id}: expected a rule as "page, place: what it says"`];
}

/** `{id, concerns, test}`, or `{id, concerns, waitsFor, why}`. */
function weaknessShape(entry: Entry): readonly string[] {
  const tested = hasKeys(entry, "id", "concerns", "test") && isPlace(entry["test"]);
  const waits =
    hasKeys(entry, "id", "concerns", "waitsFor", "why") &&
    OPEN_ISSUES.includes(entry["waitsFor"]) &&
    isText(entry["why"]);
  if ((tested || waits) && isText(entry["concerns"])) return [];
  return [`${String(entry["id"])}: expected what it concerns, and a test or the issue it waits for and why`];
}

function testOf(entry: Entry): TestPlace | undefined {
  const override = entry["override"];
  const test = isRecord(override) ? override["test"] : entry["test"];
  return isPlace(test) ? test : undefined;
}

function sharedFaults(places: readonly { readonly id: string; readonly test: TestPlace }[]): string[] {
  const seen = new Map<string, string>();
  return places.flatMap(({ id, test }) => {
    const key = `${test.file}\n${test.name}`;
    const other = seen.get(key);
    seen.set(key, id);
    return other === undefined ? [] : [`${id}: has the test of ${other}`];
  });
}

async function testFault(
  root: string,
  id: string,
  test: TestPlace,
  reports: string | undefined,
): Promise<string | undefined> {
  if (!test.name.startsWith(`${id}: `)) return `the test's name does not begin with "${id}: "`;
  const [folder] = /^(?:packages\/[^/]+|scripts)\//.exec(test.file) ?? [""];
  if (folder === "" || !testFiles(join(root, folder)).includes(test.file.slice(folder.length))) {
    return "no suite runs this file";
  }
  const fault = await sourceFault(root, test);
  return fault ?? (reports === undefined ? undefined : await reportFault(reports, test));
}

if (import.meta.main) {
  const faults = await scenarioFaults(ROOT);
  for (const fault of faults) console.log(`FAIL ${fault}`);
  const [scenarios = [], weaknesses = []] = await Promise.all([
    read(ROOT, "docs/scenarios.json"),
    read(ROOT, "docs/weaknesses.json"),
  ]);
  const overridden = scenarios.filter(({ override }) => override !== undefined).length;
  const waiting = weaknesses.filter(({ waitsFor }) => waitsFor !== undefined).length;
  console.log(
    `${scenarios.length} scenarios: ${scenarios.length - overridden} as they were, ${overridden} by a rule of ours`,
  );
  console.log(`${weaknesses.length} weaknesses: ${weaknesses.length - waiting} tested, ${waiting} wait`);
  process.exitCode = faults.length === 0 ? 0 : 1;
}
