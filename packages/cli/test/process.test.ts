import { afterAll, describe, expect, test } from "bun:test";
import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { COMMAND, scratchDirectory, vramr } from "./scratch.ts";
import { fakeTerminal } from "./terminal.ts";

const scratch = await scratchDirectory();
afterAll(() => scratch.remove());

const HELPS = [
  ["--help"],
  ["demo", "--help"],
  ["digest", "--help"],
  ["inspect", "--help"],
  ["inspect", "model", "--help"],
  ["plan", "--help"],
  ["doctor", "--help"],
  ["key", "--help"],
  ["key", "create", "--help"],
  ["key", "show", "--help"],
  ["key", "rotate", "--help"],
  ["key", "export", "--help"],
  ["audit", "--help"],
  ["audit", "verify", "--help"],
  ["audit", "show", "--help"],
];

describe("help", () => {
  test.each(HELPS.map((args) => [args.join(" "), args] as const))(
    "of %s is printed, with examples where a command runs",
    async (_, args) => {
      const { code, out, err } = await vramr(args);
      expect([code, err]).toEqual([0, ""]);
      if (!out.includes("[command]")) expect(out).toContain("\nExamples:\n  vramr ");
    },
  );

  test("is no wider than 40 columns where the terminal is not, apart from examples and usage", async () => {
    for (const args of HELPS) {
      const { out } = await vramr(args, fakeTerminal({ columns: 40 }));
      const prose = out.replace(/\nExamples:\n[\s\S]*$/, "").replace(/^Usage:.*\n/, "");
      expect([args, prose.split("\n").filter((line) => line.length > 40)]).toEqual([args, []]);
    }
  });
});

describe("a process", () => {
  test.each(["--version", "-V"])(
    "prints with %s what the program says, and loads nothing else for it",
    async (flag) => {
      const child = Bun.spawn([...COMMAND, flag], { stdout: "pipe", stderr: "pipe" });

      expect(await textOf(child.stdout)).toBe((await vramr([flag])).out);
      expect(await textOf(child.stderr)).toBe("");
      expect(await child.exited).toBe(0);
      const main = await Bun.file(COMMAND.at(-1) ?? "").text();
      expect([...main.matchAll(/^import .* from "([^"]+)"/gm)].map(([, from]) => from)).toEqual([
        "./version.ts",
      ]);
    },
  );

  test("hashes what comes through a pipe and through a named one", async () => {
    const digest = `${Bun.SHA256.hash("abc", "hex")}  `;
    const script = `printf abc | "$@" digest; mkfifo "${scratch.path}/fifo"; printf abc > "${scratch.path}/fifo" & "$@" digest "${scratch.path}/fifo"`;
    const child = Bun.spawn(["sh", "-c", script, "sh", ...COMMAND], { stdout: "pipe", stderr: "pipe" });

    expect(await textOf(child.stdout)).toBe(`${digest}-\n${digest}${scratch.path}/fifo\n`);
    expect(await textOf(child.stderr)).toBe("");
  });

  test("ends quietly when its reader has gone", async () => {
    const path = join(scratch.path, "small");
    await writeFile(path, "x");
    const many = Array.from({ length: 3000 }, () => path);
    const child = Bun.spawn(["sh", "-c", `"$@" | head -n 1`, "sh", ...COMMAND, "digest", ...many], {
      stdout: "pipe",
      stderr: "pipe",
    });

    expect(await textOf(child.stdout)).toBe(`${Bun.SHA256.hash("x", "hex")}  ${path}\n`);
    expect(await textOf(child.stderr)).toBe("");
    await child.exited;
  });

  test.skipIf(process.platform !== "linux").each([
    ["a long one", ["demo"]],
    ["a short one", ["digest", COMMAND[0] ?? ""]],
  ])("says in one line that a full disk took nothing of its output: %s", async (_, args) => {
    const child = Bun.spawn([...COMMAND, ...args], { stdout: Bun.file("/dev/full"), stderr: "pipe" });

    expect(await textOf(child.stderr)).toBe(
      "vramr: the output cannot be written (ENOSPC): free some space, or write elsewhere\n",
    );
    expect(await child.exited).toBe(3);
  });

  test.each([
    ["standard input that says nothing", "-"],
    ["a pipe that nobody writes to", "silent"],
  ])("ends on an interrupt while it reads %s", async (_, name) => {
    const path = name === "-" ? name : join(scratch.path, name);
    if (name !== "-") Bun.spawnSync(["mkfifo", path]);
    const child = Bun.spawn([...COMMAND, "digest", path], { stdin: "pipe", stdout: "pipe", stderr: "pipe" });
    await Bun.sleep(300);
    child.kill("SIGINT");

    expect(await child.exited).toBe(130);
    expect(await textOf(child.stdout)).toBe("");
    expect(await textOf(child.stderr)).toContain("ERR_CANCELLED");
  });

  test("delivers all of a long document to a slow reader", async () => {
    const path = join(scratch.path, "one");
    await writeFile(path, "x");
    const many = Array.from({ length: 3000 }, () => path);
    const child = Bun.spawn(["sh", "-c", `"$@" | (sleep 0.3; cat)`, "sh", ...COMMAND, "digest", ...many], {
      stdout: "pipe",
    });
    expect((await textOf(child.stdout)).split("\n")).toHaveLength(3001);
  });

  test("answers mistakes with usage on standard error, exit code 2, and no stack", async () => {
    for (const args of [[], ["nonsense"], ["plan"], ["key"], ["key", "show"], ["doctor", "extra"]]) {
      const child = Bun.spawnSync([...COMMAND, ...args]);
      expect([args, child.exitCode, child.stdout.toString()]).toEqual([args, 2, ""]);
      expect(child.stderr.toString()).not.toContain("    at ");
      expect(child.stderr.length).toBeGreaterThan(10);
    }
  });

  test.skipIf(Bun.which("script") === null)(
    "on a terminal paints and shows progress unless NO_COLOR and TERM=dumb say not to",
    async () => {
      const path = join(scratch.path, "large");
      await writeFile(path, "");
      // SHA-256 of that takes a second: it is sequential, and never the native library's.
      await truncate(path, 2 ** 31);
      const said = (env: Record<string, string>, command: string): string =>
        Bun.spawnSync(["script", "-qec", [...COMMAND, command].join(" "), "/dev/null"], {
          env: { ...process.env, ...env },
        }).stdout.toString();

      const clever = { TERM: "xterm", NO_COLOR: "" };
      expect(said(clever, "doctor")).toContain("\u001b[32mok\u001b[0m");
      expect(said({ ...clever, NO_COLOR: "1" }, "doctor")).not.toContain("\u001b");
      expect(said({ ...clever, TERM: "dumb" }, "doctor")).not.toContain("\u001b");
      expect(said(clever, `digest ${path}`)).toContain(" % of 2.00 GiB, ");
      expect(said({ ...clever, TERM: "dumb" }, `digest ${path}`)).not.toContain("\u001b");
    },
    30_000,
  );
});

function textOf(stream: ReadableStream<Uint8Array>): Promise<string> {
  return new Response(stream).text();
}
