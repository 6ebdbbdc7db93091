/** Every example prints what is expected of it, ends well, and leaves nothing behind. */
import { describe, expect, test } from "bun:test";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Glob } from "bun";
import { EXAMPLES, titleOf } from "./run.ts";

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** What it left in its temporary folder. */
  readonly left: readonly string[];
}

async function runExample(...args: readonly string[]): Promise<Ended> {
  const temporary = await mkdtemp(join(tmpdir(), "examples-test-"));
  try {
    const command = [process.execPath, "--conditions=vram-residency-source", join(import.meta.dir, "run.ts")];
    const child = Bun.spawn([...command, ...args], {
      env: { ...process.env, TMPDIR: temporary },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const [out, err] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]);
    return { code: await child.exited, out, err, left: await readdir(temporary) };
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

describe.each(EXAMPLES)("%s", (name) => {
  test("prints what is expected, exits 0 and leaves nothing behind", async () => {
    const expected = Bun.file(join(import.meta.dir, "expected", `${name}.txt`));
    const { code, out, err, left } = await runExample(name);

    if (process.env["VRAM_EXAMPLES_WRITE"] === "1") await expected.write(out);
    expect(out).toBe(await expected.text());
    expect({ code, err, left }).toEqual({ code: 0, err: "", left: [] });
  });

  test("says in one sentence what it shows, and fits on a page", async () => {
    const text = await Bun.file(join(import.meta.dir, `${name}.ts`)).text();

    expect(await titleOf(name)).toMatch(/^[A-Z].*\(.*\)\.$/);
    expect(text.split("\n").length).toBeLessThanOrEqual(80);
  });
});

test("every expectation has its example, and every package appears in one", async () => {
  const expected = [...new Glob("*.txt").scanSync(join(import.meta.dir, "expected"))].sort();
  const packages = [...new Glob("*/package.json").scanSync(join(import.meta.dir, "../packages"))];
  const texts = await Promise.all(
    EXAMPLES.map((name) => Bun.file(join(import.meta.dir, `${name}.ts`)).text()),
  );
  const names = await Promise.all(
    packages.map(async (path) => (await Bun.file(join(import.meta.dir, "../packages", path)).json()).name),
  );
  const unused = names.filter((name) => !texts.some((text) => text.includes(`from "${name}"`)));

  expect(expected).toEqual(EXAMPLES.map((name) => `${name}.txt`));
  // The command is a program: what it does is in its own README. The other carries a binary, which openCuda finds by itself.
  expect(new Set(unused)).toEqual(
    new Set(["@vram-residency/allocator-cuda-linux-x64", "@vram-residency/cli"]),
  );
});

test("without a name, or with one that fits several, the examples are listed and nothing runs", async () => {
  for (const args of [[], ["no such example"], ["your"]]) {
    const { code, out, err } = await runExample(...args);

    expect({ code, out }).toEqual({ code: 2, out: "" });
    for (const name of EXAMPLES) expect(err).toContain(name);
  }
});

test("part of a name is enough when it fits one example", async () => {
  const { code, out } = await runExample("two-dev");

  expect({ code, first: out.split("\n")[0] }).toEqual({ code: 0, first: "device 0: mock, healthy" });
});
