/**
 * Reads the JUnit reports that `bun test` writes.
 *
 * @module
 */

/** One test, as reported. */
export interface Case {
  /** Enclosing `describe` names and the test's own, joined by " > ". */
  readonly name: string;
  /** The test file, relative to the folder the tests ran in. */
  readonly file: string;
  readonly outcome: "passed" | "failed" | "skipped";
  /** Why it failed; empty otherwise. */
  readonly message: string;
  /** How many assertions it made. */
  readonly assertions: number;
}

const CASE = /<testcase\b([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g;
const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

/**
 * Parses a whole report.
 *
 * A report that was cut short, or whose head disagrees with its cases, is no report.
 *
 * @returns Every test in order, or undefined when the text is not a complete report.
 */
export function parseReport(xml: string): readonly Case[] | undefined {
  const head = /<testsuites\b([^>]*)>/.exec(xml)?.[1];
  if (head === undefined || !xml.trimEnd().endsWith("</testsuites>")) return undefined;
  const cases = [...xml.matchAll(CASE)].map(([, attributes = "", body = ""]) => caseOf(attributes, body));
  const count = (outcome: Case["outcome"]): number => cases.filter((test) => test.outcome === outcome).length;
  const agrees =
    Number(attribute(head, "tests")) === cases.length &&
    Number(attribute(head, "failures")) === count("failed") &&
    Number(attribute(head, "skipped")) === count("skipped");
  return agrees ? cases : undefined;
}

function caseOf(attributes: string, body: string): Case {
  const group = attribute(attributes, "classname");
  const name = attribute(attributes, "name");
  const failure = /<(?:failure|error)\b([^>]*)>/.exec(body);
  return {
    name: group === "" ? name : `${group} > ${name}`,
    file: attribute(attributes, "file"),
    outcome: failure ? "failed" : body.includes("<skipped") ? "skipped" : "passed",
    message: failure ? attribute(failure[1] ?? "", "message") : "",
    assertions: Number(attribute(attributes, "assertions")),
  };
}

function attribute(attributes: string, name: string): string {
  const value = new RegExp(`(?:^|\\s)${name}="([^"]*)"`).exec(attributes)?.[1] ?? "";
  return value.replace(/&(?:#(\d+)|(\w+));/g, (whole, code: string | undefined, word: string | undefined) =>
    code === undefined ? (ENTITIES[word ?? ""] ?? whole) : String.fromCodePoint(Number(code)),
  );
}
