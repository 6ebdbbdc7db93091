import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseByteSource, parseConfig, parseModelRef, parseSealOptions } from "@vram-residency/validation";
import { resolveUnder } from "@vram-residency/validation/paths";

const NAME = "naughty_strings.json";
const file = [process.env["VRAM_VECTORS"], join(import.meta.dir, "../../../../shared/vectors")]
  .map((folder) => (folder === undefined ? undefined : join(folder, NAME)))
  .find((path) => path !== undefined && existsSync(path));
const STRINGS: readonly string[] =
  file === undefined ? [] : (JSON.parse(readFileSync(file, "utf8")) as readonly string[]);

if (file === undefined) {
  console.log(`skipped: ${NAME} is not there, 5 properties over all of its strings`);
}

function accepts(parse: () => unknown): boolean {
  try {
    parse();
    return true;
  } catch (error) {
    expect(error).toMatchObject({ class: "caller" });
    return false;
  }
}

function accepted(parse: (text: string) => unknown): readonly string[] {
  return STRINGS.filter((text) => accepts(() => parse(text)));
}

describe.skipIf(file === undefined)("of the naughty strings", () => {
  test("there are enough to matter", () => {
    expect(STRINGS.length).toBeGreaterThan(400);
  });

  test("exactly those of safe characters are shard ids", () => {
    const safe = STRINGS.filter((text) => /^[A-Za-z0-9_-]{1,256}$/.test(text));

    expect(safe.length).toBeGreaterThan(10);
    expect(accepted((shardId) => parseSealOptions({ shardId }))).toEqual(safe);
  });

  test("none becomes a model ref that climbs, starts like an option or a path, or leaves the character set", () => {
    const refs = accepted((text) => parseModelRef(text));

    expect(refs.length).toBeGreaterThan(10);
    expect(refs.filter((ref) => /\.\.|^[-/]|[^A-Za-z0-9._/:@+-]/.test(ref) || ref === "")).toEqual([]);
  });

  test("none leads out of a root", () => {
    const names = accepted((text) => resolveUnder("/root", text));
    const unsafe = (name: string): boolean =>
      name.includes("\0") ||
      name.includes("\\") ||
      new URL(`file:///root/${encodeURI(name)}`).pathname.indexOf("/root/") !== 0;

    expect(names.length).toBeGreaterThan(100);
    expect(names.filter((name) => unsafe(name) || name.split("/").includes(".."))).toEqual([]);
  });

  test("a path is taken when it has 1 to 4096 well-formed bytes and no NUL, and only then", () => {
    expect(accepted((text) => parseByteSource(text))).toEqual(
      STRINGS.filter((text) => text !== "" && !text.includes("\0") && !/\p{Surrogate}/u.test(text)),
    );
  });

  test("exactly those of safe characters are worker ids", () => {
    expect(accepted((workerId) => parseConfig({ workerId }))).toEqual(
      STRINGS.filter((text) => /^[A-Za-z0-9._-]{1,128}$/.test(text)),
    );
  });
});
