import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FileHandle, OpenOptions } from "@vram-residency/types";
import { nodeFileSystem as files } from "@vram-residency/types/node";

let directory = "";
const at = (name: string): string => join(directory, name);
const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const text = (path: string): string => fs.readFileSync(path, "utf8");

beforeEach(() => {
  directory = fs.mkdtempSync(join(fs.realpathSync(tmpdir()), "vram-types-"));
});

afterEach(() => {
  fs.rmSync(directory, { recursive: true, force: true });
});

async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error instanceof Error && "code" in error ? error.code : error;
  }
  return "resolved";
}

const open = (name: string, mode: OpenOptions["mode"]): Promise<FileHandle> => files.open(at(name), { mode });

describe("reading", () => {
  test("reads at a position, short at the end, and nothing past it", async () => {
    fs.writeFileSync(at("a"), "0123456789");
    await using file = await open("a", "read");
    const into = new Uint8Array(4);

    expect(await file.read(into, 2)).toBe(4);
    expect(into).toEqual(bytes("2345"));
    expect(await file.read(into, 8)).toBe(2);
    expect(into).toEqual(bytes("8945"));
    expect(await file.read(into, 10)).toBe(0);
    expect(await file.read(into, 2 ** 40)).toBe(0);
    expect(await file.read(new Uint8Array(0), 0)).toBe(0);
  });

  test("reads into a part of a buffer only", async () => {
    fs.writeFileSync(at("a"), "abcd");
    await using file = await open("a", "read");
    const whole = bytes("........");

    expect(await file.read(whole.subarray(2, 4), 0)).toBe(2);
    expect(whole).toEqual(bytes("..ab...."));
  });

  test("refuses to write what was opened to be read", async () => {
    fs.writeFileSync(at("a"), "abcd");
    await using file = await open("a", "read");

    expect(await codeOf(file.write(bytes("x"), 0))).toBe("EBADF");
    expect(text(at("a"))).toBe("abcd");
  });

  test("does not wait for the writer of a pipe, and says that it is no file", async () => {
    execFileSync("mkfifo", [at("pipe")]);
    await using file = await open("pipe", "read");

    expect((await file.stat()).kind).toBe("other");
  });
});

describe("writing", () => {
  test("creates a file for its owner alone, and fails when there is one", async () => {
    await using file = await open("a", "create");
    expect(await file.write(bytes("abc"), 0)).toBe(3);

    expect((await file.stat()).mode).toBe(0o600);
    expect(await codeOf(open("a", "create"))).toBe("EEXIST");
    expect(text(at("a"))).toBe("abc");
  });

  test("fails to create where a dangling symbolic link is", async () => {
    fs.symlinkSync(at("elsewhere"), at("a"));

    expect(await codeOf(open("a", "create"))).toBe("EEXIST");
    expect(fs.existsSync(at("elsewhere"))).toBe(false);
  });

  test("writes at a position, and reads back what was created", async () => {
    await using file = await open("a", "create");
    await file.write(bytes("abcdef"), 0);
    await file.write(bytes("XY"), 2);

    const into = new Uint8Array(6);
    expect(await file.read(into, 0)).toBe(6);
    expect(into).toEqual(bytes("abXYef"));
  });

  test("appends at the end whatever the position says, and makes a missing file", async () => {
    for (const word of ["one", "two"]) {
      await using file = await open("a", "append");
      await file.write(bytes(word));
      await file.write(bytes("!"), 0);
    }

    expect(text(at("a"))).toBe("one!two!");
  });

  test("read-write changes a file that is there, and makes none", async () => {
    expect(await codeOf(open("a", "read-write"))).toBe("ENOENT");
    fs.writeFileSync(at("a"), "abcdef");
    await using file = await open("a", "read-write");

    await file.write(bytes("Z"), 1);
    await file.truncate(3);
    await file.dataSync();

    expect(text(at("a"))).toBe("aZc");
  });

  test("gives a new file the permissions that are asked for", async () => {
    await using file = await files.open(at("a"), { mode: "append", permissions: 0o400 });

    expect((await file.stat()).mode).toBe(0o400);
  });
});

test("noFollow refuses a symbolic link in every mode", async () => {
  fs.writeFileSync(at("real"), "abc");
  fs.symlinkSync(at("real"), at("link"));

  for (const mode of ["read", "append", "read-write"] as const) {
    expect(await codeOf(files.open(at("link"), { mode, noFollow: true }))).toBe("ELOOP");
  }
  await using followed = await open("link", "read");
  expect((await followed.stat()).bytes).toBe(3);
});

describe("stat", () => {
  test("tells files from directories, and counts bytes beyond 4 GiB", async () => {
    fs.writeFileSync(at("a"), "");
    fs.truncateSync(at("a"), 5 * 2 ** 30);

    expect(await files.stat(at("a"))).toMatchObject({ kind: "file", bytes: 5 * 2 ** 30, links: 1 });
    expect((await files.stat(directory)).kind).toBe("directory");
    expect((await files.stat(at("a"))).ownerId).toBe(process.getuid?.() ?? -1);
  });

  test("identity follows the file through a rename, and differs for another file", async () => {
    fs.writeFileSync(at("a"), "same");
    fs.writeFileSync(at("b"), "same");
    const { identity } = await files.stat(at("a"));
    await files.rename(at("a"), at("c"));

    expect((await files.stat(at("c"))).identity).toBe(identity);
    expect((await files.stat(at("b"))).identity).not.toBe(identity);
  });

  test("changedNs is in nanoseconds, and moves with a change that keeps size and modification time", async () => {
    fs.writeFileSync(at("a"), "abc");
    const before = await files.stat(at("a"));
    const { atime, mtime } = fs.statSync(at("a"));
    // The file system's clock has ticks of some milliseconds: change until one has passed.
    let after = before;
    while (after.changedNs === before.changedNs) {
      fs.writeFileSync(at("a"), "abd");
      fs.utimesSync(at("a"), atime, mtime);
      after = await files.stat(at("a"));
    }

    expect(BigInt(after.changedNs)).toBeGreaterThan(BigInt(before.changedNs));
    expect(before.changedNs).toMatch(/^\d{19}$/);
  });

  test("an open file that was removed has no links, and goes on", async () => {
    await using file = await open("a", "create");
    fs.linkSync(at("a"), at("b"));
    expect((await file.stat()).links).toBe(2);

    await files.remove(at("a"));
    await files.remove(at("b"));

    expect((await file.stat()).links).toBe(0);
    expect(await file.write(bytes("x"), 0)).toBe(1);
  });
});

describe("a handle", () => {
  test("closes its descriptor once, however often it is disposed", async () => {
    const file = await open("a", "create");
    await Promise.all([file[Symbol.asyncDispose](), file[Symbol.asyncDispose]()]);

    // The number goes to the next file that is opened; a second close would close that one.
    await using next = await open("b", "create");
    expect(next.fd).toBe(file.fd);
    await file[Symbol.asyncDispose]();

    expect(await next.write(bytes("b"), 0)).toBe(1);
  });

  test("does not reach the file that has its number after it was closed", async () => {
    const file = await open("a", "create");
    await file[Symbol.asyncDispose]();
    await using next = await open("b", "create");
    expect(next.fd).toBe(file.fd);

    expect(await codeOf(file.write(bytes("stray"), 0))).toBe("EBADF");
    expect(await codeOf(file.read(new Uint8Array(1), 0))).toBe("EBADF");
    expect(await codeOf(file.truncate(9))).toBe("EBADF");
    expect(await codeOf(file.dataSync())).toBe("EBADF");
    expect(await codeOf(file.stat())).toBe("EBADF");
    expect((await next.stat()).bytes).toBe(0);
  });

  test("finishes what is under way before it closes", async () => {
    const file = await open("a", "create");
    const block = new Uint8Array(1 << 16).fill(1);
    const writes = Array.from({ length: 64 }, (_, index) => file.write(block, index * block.length));
    await file[Symbol.asyncDispose]();

    expect(await Promise.all(writes)).toEqual(Array(64).fill(block.length));
    expect((await files.stat(at("a"))).bytes).toBe(64 * block.length);
  });
});

describe("directories", () => {
  test("are listed by code unit, not by locale", async () => {
    for (const name of ["b", "a", "B", "_", "10", "9", "\u00e4"]) fs.writeFileSync(at(name), "");

    expect(await files.list(directory)).toEqual(["10", "9", "B", "_", "a", "b", "\u00e4"]);
  });

  test("are made with their parents, for their owner alone, and need not be missing", async () => {
    await files.makeDirectory(at("x/y"));
    await files.makeDirectory(at("x/y"));

    expect(await files.stat(at("x/y"))).toMatchObject({ kind: "directory", mode: 0o700 });
    await files.syncDirectory(at("x/y"));
    expect(await codeOf(files.syncDirectory(at("missing")))).toBe("ENOENT");
  });

  test("cannot be removed as if they were files", async () => {
    await files.makeDirectory(at("x"));

    expect(await codeOf(files.remove(at("x")))).toBe("EISDIR");
    expect(await codeOf(files.remove(at("missing")))).toBe("ENOENT");
  });

  test("realPath resolves links, and fails for what is not there", async () => {
    fs.writeFileSync(at("real"), "");
    fs.symlinkSync(at("real"), at("link"));

    expect(await files.realPath(at("link"))).toBe(at("real"));
    expect(await codeOf(files.realPath(at("missing")))).toBe("ENOENT");
  });
});
