import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fakeClock, memoryFileSystem } from "@vram-residency/testing";
import type { FileSystem, OpenOptions } from "@vram-residency/types";
import { nodeFileSystem } from "@vram-residency/types/node";
import fc from "fast-check";

const scratch = mkdtempSync(join(tmpdir(), "vram-testing-"));
afterAll(() => rmSync(scratch, { recursive: true }));

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** What an attempt came to: a value, or the code of its error. */
async function outcome(attempt: () => Promise<unknown>): Promise<unknown> {
  try {
    return (await attempt()) ?? "done";
  } catch (error) {
    return { code: (error as { code?: unknown }).code };
  }
}

type Step = (fs: FileSystem, base: string) => Promise<unknown>;

async function openAnd(
  fs: FileSystem,
  path: string,
  options: OpenOptions,
  data: Uint8Array,
): Promise<unknown> {
  await using file = await fs.open(path, options);
  if (options.mode !== "read") await file.write(data, options.mode === "append" ? undefined : 2);
  const into = new Uint8Array(64);
  const count = await file.read(into, 1);
  const { kind, bytes, links, mode } = await file.stat();
  return { read: [...into.subarray(0, count)], kind, bytes, links, mode };
}

const PATHS = fc.constantFrom("a", "b", "d", "d/a", "d/e", "d/e/a", "a/x", "./d/../a", "missing/x");
const STEPS: fc.Arbitrary<{ readonly name: string; readonly run: Step }> = fc.oneof(
  fc
    .tuple(
      PATHS,
      fc.constantFrom("read", "create", "append", "read-write"),
      fc.boolean(),
      fc.uint8Array({ maxLength: 8 }),
    )
    .map(([path, mode, noFollow, data]) => ({
      name: `open ${path} ${mode}`,
      run: (fs: FileSystem, base: string) =>
        openAnd(fs, `${base}/${path}`, { mode: mode as OpenOptions["mode"], noFollow }, data),
    })),
  PATHS.map((path) => ({
    name: `stat ${path}`,
    run: async (fs: FileSystem, base: string) => {
      const { kind, bytes, mode, links } = await fs.stat(`${base}/${path}`);
      return kind === "file" ? { kind, bytes, mode, links } : { kind, mode };
    },
  })),
  PATHS.map((path) => ({
    name: `list ${path}`,
    run: (fs: FileSystem, base: string) => fs.list(`${base}/${path}`),
  })),
  // The runtimes do not agree on what a missing `d/..` is when they make directories.
  PATHS.filter((path) => !path.includes("..")).map((path) => ({
    name: `makeDirectory ${path}`,
    run: (fs: FileSystem, base: string) => fs.makeDirectory(`${base}/${path}`),
  })),
  PATHS.map((path) => ({
    name: `realPath ${path}`,
    run: async (fs: FileSystem, base: string) => (await fs.realPath(`${base}/${path}`)).slice(base.length),
  })),
  PATHS.map((path) => ({
    name: `syncDirectory ${path}`,
    run: (fs: FileSystem, base: string) => fs.syncDirectory(`${base}/${path}`),
  })),
  fc.tuple(PATHS, PATHS).map(([from, to]) => ({
    name: `rename ${from} ${to}`,
    run: (fs: FileSystem, base: string) => fs.rename(`${base}/${from}`, `${base}/${to}`),
  })),
  fc.constantFrom("a", "b", "d/a", "d/e/a", "a/x", "missing/x").map((path) => ({
    name: `remove ${path}`,
    run: async (fs: FileSystem, base: string) => {
      // Which error a directory gives differs between the runtimes.
      const there = await fs.stat(`${base}/${path}`);
      if (there.kind === "file") await fs.remove(`${base}/${path}`);
    },
  })),
);

describe("a file system in memory", () => {
  test("answers any sequence of calls as the machine's own does", async () => {
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(STEPS, { maxLength: 14, size: "max" }), async (steps) => {
        const memory = memoryFileSystem();
        const base = join(scratch, String(runs));
        runs += 1;
        for (const fs of [memory, nodeFileSystem]) await fs.makeDirectory(base);
        for (const { name, run } of steps) {
          const [inMemory, onDisk] = [
            await outcome(() => run(memory, base)),
            await outcome(() => run(nodeFileSystem, base)),
          ];
          expect({ name, outcome: inMemory }).toEqual({ name, outcome: onDisk });
        }
      }),
      { numRuns: 150 },
    );
  });

  test("keeps a removed file alive for who has it open, and shows that it has no name left", async () => {
    const fs = memoryFileSystem();
    fs.put("/log/a", text("abc"));
    const file = await fs.open("/log/a", { mode: "append" });

    await fs.remove("/log/a");
    await file.write(text("d"));

    expect(await file.stat()).toMatchObject({ bytes: 4, links: 0 });
    expect(await fs.list("/log")).toEqual([]);
  });

  test("tells a file that was put in another's place", async () => {
    const fs = memoryFileSystem();
    fs.put("/a", text("one"));
    fs.put("/b", text("two"));
    const before = await fs.stat("/a");

    await fs.rename("/b", "/a");

    expect((await fs.stat("/a")).identity).not.toBe(before.identity);
    expect(fs.get("/a")).toEqual(text("two"));
  });

  test("changes the change time with every change, from its clock if it has one", async () => {
    const plain = memoryFileSystem();
    plain.put("/a", text("x"));
    const times = [(await plain.stat("/a")).changedNs];
    await using file = await plain.open("/a", { mode: "read-write" });
    for (const change of [
      () => file.write(text("y"), 0),
      () => file.truncate(0),
      () => plain.rename("/a", "/b"),
      async () => plain.link("/b", "/c"),
      async () => plain.changeMode("/b", 0o400),
      () => plain.remove("/c"),
    ]) {
      await change();
      times.push((await file.stat()).changedNs);
    }
    expect(new Set(times).size).toBe(times.length);

    const clock = fakeClock();
    const timed = memoryFileSystem({ clock });
    clock.advance(5000);
    timed.put("/a", text("x"));
    expect((await timed.stat("/a")).changedNs).toBe(`${clock.wall()}000000`);
  });

  test("follows symbolic links unless told not to, and resolves them in real paths", async () => {
    const fs = memoryFileSystem();
    fs.put("/models/real/a", text("abc"));
    fs.symlink("real", "/models/link");
    fs.symlink("../models/link/a", "/models/file");
    fs.symlink("/loop", "/loop");

    expect((await fs.stat("/models/file")).bytes).toBe(3);
    expect(await fs.realPath("/models/file")).toBe("/models/real/a");
    await expect(fs.open("/models/file", { mode: "read", noFollow: true })).rejects.toMatchObject({
      code: "ELOOP",
    });
    await expect(fs.stat("/loop")).rejects.toMatchObject({ code: "ELOOP" });
    await expect(fs.open("/models/file", { mode: "create" })).rejects.toMatchObject({ code: "EEXIST" });
    fs.symlink("/models/new", "/models/dangling");
    await (await fs.open("/models/dangling", { mode: "append" }))[Symbol.asyncDispose]();
    expect(await fs.list("/models")).toEqual(["dangling", "file", "link", "new", "real"]);
  });

  test("counts hard links, and shares their content", async () => {
    const fs = memoryFileSystem();
    fs.put("/a", text("abc"));
    fs.link("/a", "/b");
    fs.put("/b", text("xyz"));

    expect(fs.get("/a")).toEqual(text("xyz"));
    expect(await fs.stat("/a")).toMatchObject({ links: 2, identity: (await fs.stat("/b")).identity });
    await fs.remove("/a");
    expect((await fs.stat("/b")).links).toBe(1);
  });

  test("obeys permissions, and gives new files those that were asked for", async () => {
    const fs = memoryFileSystem({ ownerId: 7 });
    await (await fs.open("/a", { mode: "create", permissions: 0o400 }))[Symbol.asyncDispose]();

    expect(await fs.stat("/a")).toMatchObject({ mode: 0o400, ownerId: 7 });
    await expect(fs.open("/a", { mode: "append" })).rejects.toMatchObject({ code: "EACCES" });
    fs.changeMode("/a", 0);
    await expect(fs.open("/a", { mode: "read" })).rejects.toMatchObject({ code: "EACCES" });
  });

  test("refuses a handle that was closed, and a write through one that may only read", async () => {
    const fs = memoryFileSystem();
    fs.put("/a", text("abc"));
    const file = await fs.open("/a", { mode: "read" });

    await expect(file.write(text("x"), 0)).rejects.toMatchObject({ code: "EBADF" });
    await file[Symbol.asyncDispose]();
    await file[Symbol.asyncDispose]();

    await expect(file.read(new Uint8Array(1), 0)).rejects.toMatchObject({ code: "EBADF" });
    await expect(file.stat()).rejects.toMatchObject({ code: "EBADF" });
  });

  test("fails the chosen call with the chosen code, and says so", async () => {
    const fs = memoryFileSystem();
    await using file = await fs.open("/a", { mode: "create" });
    fs.fail({ operation: "write", at: 2, code: "ENOSPC" });
    fs.fail({ operation: "dataSync", at: 1, code: "EIO" });

    await file.write(text("abc"), 0);
    await expect(file.write(text("def"), 3)).rejects.toMatchObject({ code: "ENOSPC" });
    await expect(file.dataSync()).rejects.toMatchObject({ code: "EIO" });
    await file.dataSync();

    expect(fs.get("/a")).toEqual(text("abc"));
    expect(fs.fired()).toEqual(["write#2: ENOSPC", "dataSync#1: EIO"]);
    expect(fs.calls("dataSync")).toBe(2);
  });

  test("writes and reads less than it was asked to, when told so", async () => {
    const fs = memoryFileSystem();
    await using file = await fs.open("/a", { mode: "append" });
    fs.fail({ operation: "write", at: 1, shortBytes: 2 });
    fs.fail({ operation: "read", at: 1, shortBytes: 1 });

    expect(await file.write(text("abc"))).toBe(2);
    expect(await file.write(text("c"))).toBe(1);
    expect(await file.read(new Uint8Array(3), 0)).toBe(1);

    expect(fs.get("/a")).toEqual(text("abc"));
    expect(fs.fired()).toEqual(["write#1: short", "read#1: short"]);
  });

  test.each([
    "open",
    "stat",
    "list",
    "makeDirectory",
    "rename",
    "remove",
    "syncDirectory",
    "realPath",
  ] as const)("can make %s fail", async (operation) => {
    const fs = memoryFileSystem();
    fs.put("/d/a", text("a"));
    fs.fail({ operation, at: 1, code: "EIO" });
    const calls = {
      open: () => fs.open("/d/a", { mode: "read" }),
      stat: () => fs.stat("/d/a"),
      list: () => fs.list("/d"),
      makeDirectory: () => fs.makeDirectory("/e"),
      rename: () => fs.rename("/d/a", "/d/b"),
      remove: () => fs.remove("/d/a"),
      syncDirectory: () => fs.syncDirectory("/d"),
      realPath: () => fs.realPath("/d/a"),
    };

    await expect(calls[operation]()).rejects.toMatchObject({ code: "EIO" });

    expect(fs.get("/d/a")).toEqual(text("a"));
    await calls[operation]();
  });
});
