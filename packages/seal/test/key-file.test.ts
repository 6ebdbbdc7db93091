import { describe, expect, test } from "bun:test";
import { toHex } from "@vram-residency/crypto";
import { fileKeys, formatKeyFile, type KeyFile, parseKeyFile, readKeyFile } from "@vram-residency/seal";
import type { FileSystem, KeyState, SealRoot } from "@vram-residency/types";
import fc from "fast-check";
import { expectError, thrownBy } from "./errors.ts";

const TITLE = "vram-residency key file v1\n";

function digits(seed: number): string {
  return toHex(Uint8Array.from({ length: 32 }, (_, index) => (index * 7 + seed) & 0xff));
}

function root(seed: number, state: KeyState): SealRoot {
  return { secret: Uint8Array.from({ length: 32 }, (_, index) => (index * 7 + seed) & 0xff), state };
}

const keyFiles: fc.Arbitrary<KeyFile> = fc
  .record({
    purpose: fc.constantFrom("seal" as const, "audit" as const),
    secrets: fc.uniqueArray(
      fc.uint8Array({ minLength: 32, maxLength: 32 }).filter((secret) => new Set(secret).size > 1),
      { minLength: 1, maxLength: 16, selector: toHex },
    ),
    active: fc.nat(),
    others: fc.constantFrom("verify-only" as const, "revoked" as const),
  })
  .map(({ purpose, secrets, active, others }) => ({
    purpose,
    roots: secrets.map((secret, index) => ({
      secret,
      state: index === active % secrets.length ? ("active" as const) : others,
    })),
  }));

describe("a key file", () => {
  test("reads back as it was written, whatever it holds", () => {
    fc.assert(
      fc.property(keyFiles, (file) => {
        expect(parseKeyFile(formatKeyFile(file))).toEqual(file);
      }),
    );
  });

  test("is refused with any one character changed, or is another file: it never reads as the same", () => {
    const file: KeyFile = { purpose: "seal", roots: [root(1, "active"), root(2, "verify-only")] };
    const text = formatKeyFile(file);
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.constantFrom("0", "a", " ", "\n", "x"), (at, character) => {
        fc.pre(text[at] !== character);
        const changed = `${text.slice(0, at)}${character}${text.slice(at + 1)}`;
        let read: KeyFile | undefined;
        try {
          read = parseKeyFile(changed);
        } catch (error) {
          expect(error).toMatchObject({ code: "ERR_CONFIG_INVALID", detail: { field: "keyFile" } });
        }
        expect(read).not.toEqual(file);
      }),
    );
  });

  test("is refused when it is cut off anywhere", () => {
    const text = formatKeyFile({ purpose: "audit", roots: [root(1, "active"), root(2, "revoked")] });
    for (let length = 0; length < text.length; length++) {
      const cut = text.slice(0, length);
      // Cut after a whole line it is a sound file of fewer generations, which no reader can tell.
      if (cut.split("\n").length === 4 && cut.endsWith("\n")) continue;
      expectError(() => parseKeyFile(cut), "ERR_CONFIG_INVALID", { field: "keyFile" });
    }
  });

  test("of one line is a seal root, never an audit root", () => {
    expect(parseKeyFile(`${digits(3)}\n`)).toEqual({ purpose: "seal", roots: [root(3, "active")] });
  });

  test.each<[string, string]>([
    ["no generation", `${TITLE}purpose seal\n`],
    ["no active generation", `${TITLE}purpose seal\nverify-only ${digits(1)}\n`],
    ["two active generations", `${TITLE}purpose seal\nactive ${digits(1)}\nactive ${digits(2)}\n`],
    ["one root twice", `${TITLE}purpose seal\nactive ${digits(1)}\nrevoked ${digits(1)}\n`],
    ["an unfilled root", `${TITLE}purpose seal\nactive ${"00".repeat(32)}\n`],
    ["another purpose", `${TITLE}purpose disk\nactive ${digits(1)}\n`],
    ["no purpose", `${TITLE}active ${digits(1)}\n`],
    ["another version", `vram-residency key file v2\npurpose seal\nactive ${digits(1)}\n`],
    ["an unknown state", `${TITLE}purpose seal\nretired ${digits(1)}\n`],
    ["a blank line", `${TITLE}purpose seal\n\nactive ${digits(1)}\n`],
    ["two blanks", `${TITLE}purpose seal\nactive  ${digits(1)}\n`],
    ["carriage returns", `${TITLE}purpose seal\nactive ${digits(1)}\n`.replaceAll("\n", "\r\n")],
    ["no last newline", `${TITLE}purpose seal\nactive ${digits(1)}`],
    [
      "17 generations",
      `${TITLE}purpose seal\nactive ${digits(0)}\n${Array.from({ length: 16 }, (_, index) => `revoked ${digits(index + 1)}\n`).join("")}`,
    ],
  ])("with %s is refused, and the error tells no digit of a root", (_, text) => {
    const error = thrownBy(() => parseKeyFile(text));

    expect(error).toMatchObject({ code: "ERR_CONFIG_INVALID", detail: { field: "keyFile" } });
    expect(error.message).not.toMatch(/[0-9a-f]{8}/);
  });

  test("is not written with what it would not be read with", () => {
    for (const roots of [
      [],
      [root(1, "verify-only")],
      [root(1, "active"), root(1, "revoked")],
      [{ secret: new Uint8Array(32), state: "active" as const }],
      [{ secret: new Uint8Array(33).fill(1, 1), state: "active" as const }],
    ]) {
      expectError(() => formatKeyFile({ purpose: "seal", roots }), "ERR_INPUT_INVALID", { field: "roots" });
    }
  });
});

describe("the purpose of a key file", () => {
  const SEAL = formatKeyFile({ purpose: "seal", roots: [root(1, "active"), root(2, "verify-only")] });
  const AUDIT = formatKeyFile({ purpose: "audit", roots: [root(1, "active")] });

  test("lets fileKeys give every generation of a seal root, and nothing of an audit root", async () => {
    expect(await fileKeys(disk(SEAL), "/k").sealRoots()).toEqual([root(1, "active"), root(2, "verify-only")]);
    await expect(fileKeys(disk(AUDIT), "/k").sealRoots()).rejects.toMatchObject({
      code: "ERR_CONFIG_INVALID",
      message: expect.stringContaining("audit root"),
    });
  });

  test("keeps a seal root, also one of a single line, from being read as an audit root", async () => {
    for (const content of [SEAL, digits(1)]) {
      await expect(readKeyFile(disk(content), "/k", { purpose: "audit" })).rejects.toMatchObject({
        code: "ERR_CONFIG_INVALID",
      });
    }
    expect((await readKeyFile(disk(AUDIT), "/k")).purpose).toBe("audit");
  });

  test("does not matter for a file that is too long", async () => {
    await expect(readKeyFile(disk(`${SEAL}${"x".repeat(2048)}`), "/k")).rejects.toMatchObject({
      code: "ERR_CONFIG_INVALID",
    });
  });
});

/** A file system with one key file. */
function disk(content: string): FileSystem {
  const bytes = new TextEncoder().encode(content);
  const stat = {
    kind: "file",
    bytes: bytes.length,
    identity: "1",
    changedNs: "0",
    mode: 0o600,
    ownerId: 0,
    links: 1,
  } as const;
  const unused = () => Promise.reject(new Error("not used"));
  return {
    stat: () => Promise.resolve(stat),
    open: () =>
      Promise.resolve({
        fd: -1,
        read(into: Uint8Array, position: number) {
          const run = bytes.subarray(position, position + into.length);
          into.set(run);
          return Promise.resolve(run.length);
        },
        stat: () => Promise.resolve(stat),
        write: unused,
        dataSync: unused,
        truncate: unused,
        [Symbol.asyncDispose]: () => Promise.resolve(),
      }),
    list: unused,
    makeDirectory: unused,
    rename: unused,
    remove: unused,
    syncDirectory: unused,
    realPath: unused,
  };
}
