import { afterAll, afterEach, beforeEach, describe, expect, test } from "bun:test";
import { type ChildProcess, spawn } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isVramError } from "@vram-residency/types";
import { nodeDirLock } from "@vram-residency/types/node";

const scratch = fs.mkdtempSync(join(fs.realpathSync(tmpdir()), "vram-lock-"));
const holder = join(scratch, "holder.mjs");
const PATH = process.env["PATH"];
let directory = "";
let children: ChildProcess[] = [];

const built = Bun.build({
  entrypoints: [join(import.meta.dir, "dir-lock-holder.ts")],
  target: "node",
  conditions: ["vram-residency-source"],
  outdir: scratch,
  naming: "holder.mjs",
});

beforeEach(() => {
  directory = fs.mkdtempSync(join(scratch, "log-"));
});

afterEach(() => {
  process.env["PATH"] = PATH;
  for (const child of children) child.kill("SIGKILL");
  children = [];
});

afterAll(() => fs.rmSync(scratch, { recursive: true }));

async function refusal(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return isVramError(error) ? { code: error.code, ...error.detail } : error;
  }
  return "locked";
}

const held = { code: "ERR_STATE", state: "locked", expected: "unlocked" };

/** Starts a program, and gives the first thing that it says. */
async function start(command: string, ...args: readonly string[]): Promise<[ChildProcess, string]> {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  for await (const chunk of child.stdout) return [child, String(chunk).trim()];
  return [child, ""];
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await ended;
}

/** What this process has open in a directory, the directory itself included. */
function openIn(path: string): readonly string[] {
  return fs.readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const target = fs.readlinkSync(`/proc/self/fd/${fd}`);
      return target.startsWith(path) ? [target] : [];
    } catch {
      // The descriptor that listed them.
      return [];
    }
  });
}

const runtimes = { bun: process.execPath, node: Bun.which("node") };
if (runtimes.node === null) console.log("skipped: 3 cases with Node, which is not installed");

describe.each([
  ["bun", "bun"],
  ["bun", "node"],
  ["node", "bun"],
  ["node", "node"],
] as const)("two processes on one directory, %s and then %s", (first, second) => {
  test.skipIf(runtimes.node === null && (first === "node" || second === "node"))(
    "the second is refused until the first was killed, whose own child holds nothing",
    async () => {
      await built;
      const [one, said] = await start(runtimes[first] ?? "", holder, directory);
      expect(said).toMatch(/^locked \d+$/);

      expect((await start(runtimes[second] ?? "", holder, directory))[1]).toBe("ERR_STATE");
      await kill(one);
      const [, later] = await start(runtimes[second] ?? "", holder, directory);
      for (const text of [said, later]) process.kill(Number(text.split(" ")[1]), "SIGKILL");

      expect(later).toMatch(/^locked \d+$/);
    },
  );
});

describe("in one process", () => {
  test("a second holder is refused, by whatever path, until the first lets go", async () => {
    fs.symlinkSync(directory, `${directory}-link`);
    const lock = await nodeDirLock.acquire(directory);

    expect(await refusal(nodeDirLock.acquire(directory))).toEqual(held);
    expect(await refusal(nodeDirLock.acquire(`${directory}-link`))).toEqual(held);
    await lock[Symbol.asyncDispose]();
    await using again = await nodeDirLock.acquire(directory);
    // Letting go twice is letting go once: it must not close what has the numbers now.
    await lock[Symbol.asyncDispose]();

    expect(again).toBeDefined();
    expect(await refusal(nodeDirLock.acquire(directory))).toEqual(held);
  });

  test("directories are apart from each other, also one inside the other", async () => {
    fs.mkdirSync(join(directory, "inner"));
    await using outer = await nodeDirLock.acquire(directory);
    await using inner = await nodeDirLock.acquire(join(directory, "inner"));

    expect([outer, inner]).toBeArrayOfSize(2);
  });

  test("a lock file that was removed or replaced lets nobody in", async () => {
    await using _lock = await nodeDirLock.acquire(directory);

    fs.rmSync(join(directory, "lock"));
    expect(await refusal(nodeDirLock.acquire(directory))).toEqual(held);
    fs.writeFileSync(join(directory, "other"), "");
    fs.renameSync(join(directory, "other"), join(directory, "lock"));
    expect(await refusal(nodeDirLock.acquire(directory))).toEqual(held);
  });

  test("a lock on the lock file alone counts, and a refusal leaves nothing open or locked", async () => {
    const [other] = await start("flock", join(directory, "lock"), "sh", "-c", "echo locked; exec sleep 60");
    expect(await refusal(nodeDirLock.acquire(directory))).toEqual(held);

    expect(openIn(directory)).toEqual([]);
    // `flock` waits for the shell that it started, which has the lock as well.
    for (const pid of fs
      .readFileSync(`/proc/${other.pid}/task/${other.pid}/children`, "utf8")
      .trim()
      .split(" "))
      process.kill(Number(pid), "SIGKILL");
    await kill(other);
    await using lock = await nodeDirLock.acquire(directory);
    expect(lock).toBeDefined();
  });
});

describe("what cannot be locked is refused with what to do", () => {
  const config = (field: string, word: string): unknown => ({
    code: "ERR_CONFIG_INVALID",
    field,
    reason: expect.stringContaining(word),
  });

  test("a directory that is missing, or a file", async () => {
    fs.writeFileSync(join(directory, "file"), "");

    expect(await refusal(nodeDirLock.acquire(join(directory, "none")))).toEqual(
      config("directory", "make it"),
    );
    expect(await refusal(nodeDirLock.acquire(join(directory, "file")))).toEqual(
      config("directory", "name a"),
    );
  });

  test("a directory in which no file can be made, even by root", async () => {
    expect(await refusal(nodeDirLock.acquire("/proc/self"))).toEqual(config("directory", "permissions"));
  });

  test("a lock file that is a symbolic link, without making what it leads to", async () => {
    fs.symlinkSync(join(directory, "elsewhere"), join(directory, "lock"));

    expect(await refusal(nodeDirLock.acquire(directory))).toEqual(config("directory", "permissions"));
    expect(fs.existsSync(join(directory, "elsewhere"))).toBe(false);
  });

  test("any directory, when there is no flock program", async () => {
    process.env["PATH"] = directory;

    expect(await refusal(nodeDirLock.acquire(directory))).toEqual(config("PATH", "util-linux"));
  });

  test.each(["exit 71", "kill -9 $$"])("any directory, when the flock program does %p", async (end) => {
    fs.writeFileSync(join(directory, "flock"), `#!/bin/sh\n${end}\n`, { mode: 0o700 });
    process.env["PATH"] = directory;

    expect(await refusal(nodeDirLock.acquire(directory))).toEqual(config("directory", "local file system"));
  });
});
