import { describe, expect, test } from "bun:test";
import type { FileSystem } from "@vram-residency/types";
import { assertUnder, resolveUnder } from "@vram-residency/validation/paths";
import { refusalOf } from "./refused.ts";

describe("resolveUnder", () => {
  test("joins a name below the root", () => {
    expect(resolveUnder("/models", "a.safetensors")).toBe("/models/a.safetensors");
    expect(resolveUnder("/models/", "sub/a...b")).toBe("/models/sub/a...b");
    expect(resolveUnder("/", "a")).toBe("/a");
    expect(resolveUnder("models", "..a/b..")).toBe("models/..a/b..");
  });

  const components = 'expected a path without empty, "." or ".." components';
  const refused: readonly [string, string][] = [
    ["", "expected text of 1 to 4096 bytes"],
    ["x".repeat(4097), "expected text of 1 to 4096 bytes"],
    ["/etc/passwd", "expected a relative path"],
    ["C:/x", "expected a relative path"],
    ["c:x", "expected a relative path"],
    ["a\\b", "expected a path without backslash"],
    ["..", components],
    [".", components],
    ["a/../b", components],
    ["a/./b", components],
    ["a//b", components],
    ["a/", components],
    ["a/..", components],
    ["a\u0000b", "expected a path without NUL"],
    ["a\udc00", "expected well-formed text, without lone surrogates"],
  ];
  for (const [relative, reason] of refused) {
    test(`refuses ${JSON.stringify(relative).slice(0, 16)}: ${reason}`, () => {
      expect(refusalOf(() => resolveUnder("/models", relative))).toBe(`ERR_INPUT_INVALID path: ${reason}`);
    });
  }

  test("checks the root too", () => {
    expect(refusalOf(() => resolveUnder("", "a"))).toBe(
      "ERR_INPUT_INVALID root: expected text of 1 to 4096 bytes",
    );
  });
});

/** A file system of nothing but links. */
function linked(links: Readonly<Record<string, string>>): FileSystem {
  const realPath = async (path: string): Promise<string> => {
    const real = links[path];
    if (real === undefined) {
      throw Object.assign(new Error(`ENOENT: ${path}`), { code: "ENOENT" });
    }
    return real;
  };
  return { realPath } as unknown as FileSystem;
}

describe("assertUnder", () => {
  test("gives the real path of what stays below the root", async () => {
    const fileSystem = linked({ "/m": "/data/m", "/m/a": "/data/m/deep/a", "/": "/", "/x": "/x" });

    expect(await assertUnder("/m", "/m/a", fileSystem)).toBe("/data/m/deep/a");
    expect(await assertUnder("/", "/x", fileSystem)).toBe("/x");
  });

  test("refuses a link that leads outside, also to a neighbour with the same beginning, also to the root itself", async () => {
    for (const target of ["/etc/passwd", "/data/m2/a", "/data", "/data/m"]) {
      const fileSystem = linked({ "/m": "/data/m", "/m/a": target });

      await expect(assertUnder("/m", "/m/a", fileSystem)).rejects.toThrow(
        "ERR_INPUT_INVALID: path: leads outside the root",
      );
    }
  });

  test("says which of the two cannot be resolved, without its name", async () => {
    const refusal = await assertUnder("/m", "/m/secret", linked({ "/m": "/m" })).catch(
      (error: unknown) => error,
    );

    expect(refusal).toMatchObject({ code: "ERR_SOURCE", detail: { reason: "unreadable" } });
    expect(String(refusal)).toContain("the path cannot be resolved");
    expect(String(refusal)).not.toContain("secret");
    await expect(assertUnder("/n", "/m", linked({}))).rejects.toThrow("the root cannot be resolved");
  });

  test("never asks the file system for a path with NUL", async () => {
    await expect(assertUnder("/m", "/m/a\u0000", linked({ "/m": "/m" }))).rejects.toThrow(
      "expected a path without NUL",
    );
  });
});
