import { describe, expect, test } from "bun:test";
import {
  type CrashQuestion,
  everyCrash,
  fakeClock,
  type MemoryFileSystem,
  memoryFileSystem,
} from "@vram-residency/testing";
import type { FileSystem } from "@vram-residency/types";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const nothing = (): number => 0;
const everything = ({ options }: CrashQuestion): number => options - 1;

/** A file's text, with its zeros visible; "none" when there is no such name. */
function read(files: MemoryFileSystem, path: string): string {
  try {
    return new TextDecoder().decode(files.get(path)).replaceAll("\0", "0");
  } catch {
    return "none";
  }
}

/** Everything that any power loss could leave of some files. */
function outcomes(files: MemoryFileSystem, ...paths: readonly string[]): readonly string[] {
  const seen = new Set<string>();
  for (const choose of everyCrash()) {
    const left = files.crash(choose);
    seen.add(paths.map((path) => read(left, path)).join(" "));
  }
  return [...seen].sort();
}

async function write(files: FileSystem, path: string, text: string, synced = true): Promise<void> {
  await using file = await files.open(path, { mode: "append" });
  await file.write(bytes(text));
  if (synced) await file.dataSync();
}

describe("bytes", () => {
  test("that were not synced are lost, kept, torn at any byte, or a length of zeros", async () => {
    const files = memoryFileSystem();
    files.put("/a", bytes("AB"));
    await write(files, "/a", "xyz", false);

    expect(outcomes(files, "/a")).toEqual(["AB", "AB000", "ABx00", "ABxy0", "ABxyz"]);
    expect(read(files.crash(nothing), "/a")).toBe("AB");
    expect(read(files.crash(everything), "/a")).toBe("ABxyz");
    expect(read(files, "/a")).toBe("ABxyz");
  });

  test("that were synced are all there, and so is a truncation", async () => {
    const files = memoryFileSystem();
    files.put("/a", bytes("ABCD"));
    await using file = await files.open("/a", { mode: "read-write" });
    await file.truncate(2);
    await file.write(bytes("xy"), 2);
    await file.dataSync();

    expect(outcomes(files, "/a")).toEqual(["ABxy"]);
  });

  test("arrive page by page, the later one without the earlier", async () => {
    const files = memoryFileSystem();
    files.put("/a", new Uint8Array(0));
    await using file = await files.open("/a", { mode: "append" });
    await file.write(new Uint8Array(2 * 4096).fill(1));
    const pages: number[] = [0, 1];

    const left = files.crash((question) =>
      question.about === "page" ? (pages.shift() ?? 0) : everything(question),
    );

    expect(left.get("/a")).toEqual(new Uint8Array([...Array(4096).fill(0), ...Array(4096).fill(1)]));
  });

  test("an overwritten page goes to the disk as it was after one of its changes", async () => {
    const files = memoryFileSystem();
    files.put("/a", bytes("ABC"));
    await using file = await files.open("/a", { mode: "read-write" });
    await file.write(bytes("x"), 0);
    await file.write(bytes("z"), 2);

    expect(outcomes(files, "/a")).toEqual(["ABC", "xBC", "xBz"]);
  });

  test("a writer that only appends is caught losing what it took for written", async () => {
    const files = memoryFileSystem();
    files.put("/a", new Uint8Array(0));
    await write(files, "/a", "record", false);
    expect(outcomes(files, "/a")).toContain("");

    await write(files, "/a", "", true);
    expect(outcomes(files, "/a")).toEqual(["record"]);
  });
});

describe("names", () => {
  test("that were not synced may be missing, each on its own, though their files were synced", async () => {
    const files = memoryFileSystem();
    await write(files, "/a", "A");
    await write(files, "/b", "B");

    expect(outcomes(files, "/a", "/b")).toEqual(["A B", "A none", "none B", "none none"]);
    await files.syncDirectory("/");
    expect(outcomes(files, "/a", "/b")).toEqual(["A B"]);
  });

  test("a rename is there whole or not at all", async () => {
    const files = memoryFileSystem();
    files.put("/a", bytes("new"));
    files.put("/b", bytes("old"));
    await files.rename("/a", "/b");

    expect(outcomes(files, "/a", "/b")).toEqual(["new old", "none new"]);
    await files.syncDirectory("/");
    expect(outcomes(files, "/a", "/b")).toEqual(["none new"]);
  });

  test("a rename between directories is durable when either of them is synced", async () => {
    for (const synced of ["/from", "/to"]) {
      const files = memoryFileSystem();
      files.put("/from/a", bytes("A"));
      files.put("/to/b", bytes("B"));
      await files.rename("/from/a", "/to/a");
      await files.rename("/to/b", "/to/c");
      await files.syncDirectory(synced);

      const moved = outcomes(files, "/from/a", "/to/a");
      expect(moved).toEqual(["none A"]);
      // What came later in the other directory may still be lost.
      expect(outcomes(files, "/to/b")).toHaveLength(synced === "/to" ? 1 : 2);
    }
  });

  test("a removed file comes back with what was synced of it, until its directory was synced", async () => {
    const files = memoryFileSystem();
    files.put("/a", bytes("A"));
    await files.remove("/a");

    expect(outcomes(files, "/a")).toEqual(["A", "none"]);
    await files.syncDirectory("/");
    expect(outcomes(files, "/a")).toEqual(["none"]);
  });

  test("a directory whose own name was not synced takes with it all that is in it", async () => {
    const files = memoryFileSystem();
    await files.makeDirectory("/x/y");
    await write(files, "/x/y/a", "A");
    for (const path of ["/x/y", "/x"]) await files.syncDirectory(path);

    expect(outcomes(files, "/x/y/a")).toEqual(["A", "none"]);
    await files.syncDirectory("/");
    expect(outcomes(files, "/x/y/a")).toEqual(["A"]);
  });

  test("links and symbolic links stay, and count", async () => {
    const files = memoryFileSystem({ clock: fakeClock(), ownerId: 7 });
    files.put("/d/a", bytes("A"), 0o640);
    files.link("/d/a", "/d/b");
    files.symlink("d/a", "/link");

    const left = files.crash(nothing);

    expect(await left.stat("/link")).toEqual(await files.stat("/d/b"));
    expect(await left.stat("/d/a")).toMatchObject({ links: 2, mode: 0o640, ownerId: 7 });
    await left.remove("/d/a");
    expect(await left.stat("/d/b")).toMatchObject({ links: 1 });
  });
});

describe("replacing a file", () => {
  async function replace(files: FileSystem, synced: { file: boolean; directory: boolean }): Promise<void> {
    await write(files, "/t", "new", synced.file);
    await files.rename("/t", "/a");
    if (synced.directory) await files.syncDirectory("/");
  }

  test("without syncing the file is caught: the name arrives before the bytes", async () => {
    const files = memoryFileSystem();
    files.put("/a", bytes("old"));
    await replace(files, { file: false, directory: true });

    expect(outcomes(files, "/a")).toContain("000");
  });

  test("without syncing the directory is caught: the old file comes back", async () => {
    const files = memoryFileSystem();
    files.put("/a", bytes("old"));
    await replace(files, { file: true, directory: false });

    expect(outcomes(files, "/a")).toEqual(["new", "old"]);
  });

  test("in the right order leaves the old or the new one, whenever the process dies and whatever the disk keeps", async () => {
    const trial = memoryFileSystem();
    trial.put("/a", bytes("old"));
    await replace(trial, { file: true, directory: true });
    expect(outcomes(trial, "/a")).toEqual(["new"]);

    for (let at = 1; at <= trial.calls("any"); at += 1) {
      const files = memoryFileSystem();
      files.put("/a", bytes("old"));
      files.fail({ operation: "any", at, halt: "after" });
      await Promise.race([replace(files, { file: true, directory: true }), files.halted]);

      expect(files.fired()).toHaveLength(1);
      expect(["old", "new"]).toEqual(expect.arrayContaining([...outcomes(files, "/a")]));
    }
  });
});

describe("faults", () => {
  test("a failed sync may drop the pages, and a later one that succeeds brings them back no more", async () => {
    const files = memoryFileSystem();
    files.put("/a", new Uint8Array(4096).fill(65));
    await using file = await files.open("/a", { mode: "append" });
    files.fail({ operation: "dataSync", at: 1, code: "EIO", effect: "dropped" });

    await file.write(bytes("lost"));
    await expect(file.dataSync()).rejects.toMatchObject({ code: "EIO" });
    await file.dataSync();

    // Still in the cache, where whoever looks finds it.
    expect(read(files, "/a").slice(4096)).toBe("lost");
    expect(outcomes(files, "/a").map((text) => text.slice(4096))).toEqual(["0000"]);
    await file.write(bytes("!"));
    await file.dataSync();
    expect(outcomes(files, "/a").map((text) => text.slice(4096))).toEqual(["lost!"]);
  });

  test("a failed sync that drops nothing is made good by a later one", async () => {
    const files = memoryFileSystem();
    files.put("/a", new Uint8Array(0));
    await using file = await files.open("/a", { mode: "append" });
    files.fail({ operation: "dataSync", at: 1, code: "EINTR" });

    await file.write(bytes("late"));
    await expect(file.dataSync()).rejects.toMatchObject({ code: "EINTR" });
    expect(outcomes(files, "/a")).toContain("");
    await file.dataSync();

    expect(outcomes(files, "/a")).toEqual(["late"]);
  });

  test("a call may do its work and fail all the same", async () => {
    const files = memoryFileSystem();
    files.put("/a", bytes("A"));
    files.fail({ operation: "rename", at: 1, code: "EIO", effect: "all" });

    await expect(files.rename("/a", "/b")).rejects.toMatchObject({ code: "EIO" });

    expect(read(files, "/b")).toBe("A");
  });

  test("a sync that is held back makes nothing durable before it is let go", async () => {
    const files = memoryFileSystem();
    files.put("/a", new Uint8Array(0));
    await using file = await files.open("/a", { mode: "append" });
    let release = (): void => {};
    files.fail({
      operation: "dataSync",
      at: 1,
      until: new Promise<void>((resolve) => {
        release = resolve;
      }),
    });

    await file.write(bytes("A"));
    const sync = file.dataSync();
    await files.stat("/a");
    expect(outcomes(files, "/a")).toContain("");
    release();
    await sync;

    expect(outcomes(files, "/a")).toEqual(["A"]);
    expect(files.fired()).toEqual(["dataSync#1: held"]);
  });

  test.each(["before", "after"] as const)(
    "a process that dies %s a call does nothing any more, and hears nothing",
    async (halt) => {
      const files = memoryFileSystem();
      // Not closed: that would not settle either.
      const file = await files.open("/a", { mode: "append" });
      files.fail({ operation: "any", at: 2, halt });
      let heard = 0;
      const hear = (): void => {
        heard += 1;
      };

      await file.write(bytes("A"));
      file.write(bytes("B")).then(hear, hear);
      await files.halted;
      file.dataSync().then(hear, hear);
      files.syncDirectory("/").then(hear, hear);
      files.remove("/a").then(hear, hear);
      await new Promise((resolve) => setImmediate(resolve));

      expect(heard).toBe(0);
      expect(read(files.crash(everything), "/a")).toBe(halt === "before" ? "A" : "AB");
      expect(read(files.crash(nothing), "/a")).toBe("none");
      expect(files.fired()).toEqual([`write#2: halt ${halt}`]);
      expect(files.calls("any")).toBe(3);
    },
  );

  test("a close can fail, and closes all the same", async () => {
    const files = memoryFileSystem();
    const file = await files.open("/a", { mode: "append" });
    files.fail({ operation: "close", at: 1, code: "EIO" });

    await expect(file[Symbol.asyncDispose]()).rejects.toMatchObject({ code: "EIO" });
    await file[Symbol.asyncDispose]();

    await expect(file.stat()).rejects.toMatchObject({ code: "EBADF" });
    expect(files.calls("close")).toBe(1);
  });
});

test("every crash asks the same questions, and each of their answers comes once", () => {
  const seen: string[] = [];
  for (const choose of everyCrash()) {
    const first = choose({ about: "entry", path: "/a", options: 2 });
    const second = first === 0 ? [] : [choose({ about: "page", path: "/a", options: 3 })];
    seen.push([first, ...second].join(""));
  }

  expect(seen).toEqual(["0", "10", "11", "12"]);
  expect([...everyCrash()]).toHaveLength(1);
});
