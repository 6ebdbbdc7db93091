/**
 * Reads a test from its source: whether it is there, runs, and asserts. The tree is formatted, so indentation tells where a
 * block ends.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { parseReport } from "./junit.ts";
import { evidencePaths } from "./tally.ts";

/** Where one test is. */
export interface TestPlace {
  /** Relative to the repository's root. */
  readonly file: string;
  /** The test's own name, without those of the groups around it. */
  readonly name: string;
}

/** A direct assertion: `expect` where code may stand, and a matcher. */
const EXPECT = /(?:^|[\s;{(>])expect(?:<[^>\n]*>)?\(/m;
const MATCHER = /\.to[A-Z]\w*\(/;

/**
 * Says what is wrong with a test, from its source alone.
 *
 * @returns One line without the place; undefined when the test is there once, runs always, and asserts.
 */
export async function sourceFault(root: string, { file, name }: TestPlace): Promise<string | undefined> {
  const source = Bun.file(join(root, file));
  if (!(await source.exists())) return "there is no such file";
  const text = await source.text();
  const found = [...text.matchAll(callOf(name))];
  const [call] = found;
  if (call === undefined) return "the file has no test of this name";
  if (found.length > 1) return `the file has ${found.length} tests of this name`;
  const modifiers = call[2] ?? "";
  if (modifiers !== "") return `it is a test${modifiers}`;

  const lines = text.split("\n");
  const start = text.slice(0, call.index + (call[1] ?? "").length).split("\n").length - 1;
  const around = enclosing(lines, start).find((line) => !/^\s*describe\(/.test(line));
  if (around !== undefined) return `it stands inside of "${around.trim()}"`;
  const body = blockAt(lines, start);
  if (asserts(body)) return undefined;
  return (await helpersAssert(root, file, text, body)) ? undefined : "it asserts nothing";
}

/**
 * Says what is wrong with how a test went.
 *
 * @param reports - Folder with the JUnit reports of a run of every package.
 * @returns One line; undefined when it passed and asserted, or when its suite is no package and has not been reported yet.
 */
export async function reportFault(reports: string, { file, name }: TestPlace): Promise<string | undefined> {
  const [, suite, path] = /^packages\/([^/]+)\/(.+)$/.exec(file) ?? [];
  if (suite === undefined) return undefined;
  const xml = Bun.file(evidencePaths(reports, suite).xml);
  const cases = (await xml.exists()) ? parseReport(await xml.text()) : undefined;
  if (cases === undefined) return `${suite} left no report`;
  const ran = cases.filter(
    (test) => test.file === path && (test.name === name || test.name.endsWith(` > ${name}`)),
  );
  const [only] = ran;
  if (only === undefined || ran.length > 1) return `the report has ${ran.length} tests of this name`;
  if (only.outcome !== "passed") return `it ${only.outcome === "failed" ? "failed" : "was skipped"}`;
  return only.assertions > 0 ? undefined : "it ran and asserted nothing";
}

/** Finds the calls that declare a test of this name: what stands before it, and its modifiers, such as ".skip". */
function callOf(name: string): RegExp {
  const literal = JSON.stringify(name).replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
  return new RegExp(`(^[ ]*)(?:test|it)((?:\\.\\w+(?:\\([^\\n]*\\))?)*)\\(\\s*${literal}`, "gm");
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}

/** The lines that open the blocks around a line, innermost first. */
function enclosing(lines: readonly string[], start: number): readonly string[] {
  let indent = indentOf(lines[start] ?? "");
  const found: string[] = [];
  for (const line of lines.slice(0, start).reverse()) {
    if (line.trim() === "" || indentOf(line) >= indent) continue;
    indent = indentOf(line);
    found.push(line);
  }
  return found;
}

/** The statement that starts on a line, without lines that are comments. */
function blockAt(lines: readonly string[], start: number): string {
  const first = lines[start] ?? "";
  const closes = new RegExp(`^ {${indentOf(first)}}[)}\\]]`);
  const rest = lines.slice(start + 1);
  const length = /[;}]$/.test(first) ? 0 : rest.findIndex((line) => closes.test(line)) + 1;
  return [first, ...rest.slice(0, length)].filter((line) => !/^\s*(\/\/|\/?\*)/.test(line)).join("\n");
}

function asserts(body: string): boolean {
  return EXPECT.test(body) && MATCHER.test(body);
}

/** Whether anything that `body` calls, of its own file or one beside it, asserts. */
async function helpersAssert(root: string, file: string, text: string, body: string): Promise<boolean> {
  const beside = [...text.matchAll(/^(?:import|\}) [^\n]*from "(\.[^"]*)";$/gm)].map(([, path = ""]) =>
    join(root, dirname(file), path),
  );
  const texts = await Promise.all(beside.map((path) => Bun.file(path).text()));
  const called = new Set([...body.matchAll(/\b([a-zA-Z]\w*)\(/g)].map(([, name = ""]) => name));
  return [text, ...texts].some((source) => {
    const lines = source.split("\n");
    return lines.some((line, at) => {
      const [, name] = /^(?:export )?(?:async )?(?:function|const) (\w+)\b/.exec(line) ?? [];
      return name !== undefined && called.has(name) && asserts(blockAt(lines, at));
    });
  });
}
