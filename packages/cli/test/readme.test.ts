import { afterAll, expect, test } from "bun:test";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { COMMAND, scratchDirectory } from "./scratch.ts";

const scratch = await scratchDirectory();
afterAll(() => scratch.remove());

const README = await readFile(join(import.meta.dir, "../README.md"), "utf8");
const LINES = [...README.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap(([, block = ""]) =>
  block.trimEnd().split("\n"),
);

test("every command of the README does what it says, one after the other", async () => {
  const bin = join(scratch.path, "vramr");
  await writeFile(bin, `#!/bin/sh\nexec ${COMMAND.map((word) => `'${word}'`).join(" ")} "$@"\n`);
  await chmod(bin, 0o755);
  const env = { ...process.env, PATH: `${scratch.path}:${process.env["PATH"]}` };

  expect(LINES.length).toBeGreaterThan(15);
  for (const line of LINES) {
    const { exitCode, stderr } = Bun.spawnSync(["sh", "-c", line], { cwd: scratch.path, env });
    const expected = Number(/# exit (\d+)/.exec(line)?.[1] ?? 0);
    expect([line, exitCode, stderr.toString()]).toEqual([
      line,
      expected,
      expect.stringMatching(expected === 0 ? /^$/ : /^/),
    ]);
  }
}, 60_000);

test("the README has a section for every command", async () => {
  const help = Bun.spawnSync([...COMMAND, "--help"]).stdout.toString();
  const commands = [...help.matchAll(/^ {2}(\w+) /gm)]
    .map(([, name]) => name)
    .filter((name) => name !== "help");
  expect([...README.matchAll(/^## vramr (\w+)$/gm)].map(([, name]) => name)).toEqual(commands);
});
