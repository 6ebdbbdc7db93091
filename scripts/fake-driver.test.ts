/** Builds the fake driver and runs its tests; holds it to its header, and out of every package. */
import { dlopen } from "bun:ffi";
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { buildFakeDriver, compiler, testFakeDriver } from "./fake-driver.ts";
import { plant } from "./fixture.ts";
import { run } from "./process.ts";
import { filesIn, packages, ROOT } from "./project.ts";
import { contentFaults, pack } from "./tarball.ts";

const SOURCES = join(ROOT, "native", "fake-driver");
const LIBRARY_TABLE = join(ROOT, "native", "src", "driver_table.h");
/** A first build on a machine that does other things. Unit: ms. */
const PATIENCE = 10 * 60_000;
const builds = test.skipIf(compiler() === undefined);

async function read(...path: readonly string[]): Promise<string> {
  return Bun.file(join(SOURCES, ...path)).text();
}

builds(
  "the fake driver's own tests pass",
  async () => {
    const { lines, passed } = await testFakeDriver();

    expect(lines.filter((line) => !line.startsWith("ok  "))).toEqual([]);
    expect(lines.length).toBe(filesIn(SOURCES, "test/*.test.cc").length);
    expect(passed).toBe(true);
  },
  PATIENCE,
);

builds(
  "what it exports is the driver's functions and those of its header",
  async () => {
    const { output } = await run([
      "nm",
      "-D",
      "--defined-only",
      join(await buildFakeDriver(), "libcuda.so.1"),
    ]);
    const exported = [...output.matchAll(/ T (\w+)$/gm)].map(([, name]) => name);
    const functions = [...(await read("src", "functions.def")).matchAll(/^VRFAKE_FUNCTION\(\w+, (\w+),/gm)];
    const header = [...(await read("fake_driver.h")).matchAll(/^VRFAKE_API .*?(vrfake_\w+)\(/gm)];
    const bridge = [...(await read("src", "nvml_bridge.h")).matchAll(/^VRFAKE_API .*?(vrfake_\w+)\(/gm)];

    expect(new Set(exported)).toEqual(new Set([...functions, ...header, ...bridge].map(([, name]) => name)));
    expect(functions.length).toBeGreaterThan(90);
  },
  PATIENCE,
);

builds(
  "bun:ffi steers the driver that the process uses",
  async () => {
    const { symbols } = dlopen(join(await buildFakeDriver(), "libcuda.so.1"), {
      vrfake_abi_version: { args: [], returns: "u32" },
      vrfake_reset: { args: [], returns: "void" },
      vrfake_configure: { args: ["buffer"], returns: "i32" },
      vrfake_fail: { args: ["buffer", "u64", "i32"], returns: "i32" },
      vrfake_fired: { args: [], returns: "u64" },
      vrfake_calls: { args: [], returns: "u64" },
      cuInit: { args: ["u32"], returns: "i32" },
    });
    const text = (words: string): Uint8Array => new TextEncoder().encode(`${words}\0`);

    expect(symbols.vrfake_abi_version()).toBe(1);
    symbols.vrfake_reset();
    expect(symbols.vrfake_configure(text("profile=no-device"))).toBe(0);
    expect(symbols.vrfake_configure(text("profile=none-such"))).toBe(-1);
    expect(symbols.cuInit(0)).toBe(100);
    expect(symbols.vrfake_configure(text("profile=h200"))).toBe(0);
    expect(symbols.vrfake_fail(text("cuInit"), 1n, 999)).toBe(0);
    expect(symbols.cuInit(0)).toBe(999);
    expect(symbols.cuInit(0)).toBe(0);
    expect([symbols.vrfake_calls(), symbols.vrfake_fired()]).toEqual([3n, 1n]);
    symbols.vrfake_reset();
  },
  PATIENCE,
);

test.skipIf(!existsSync(LIBRARY_TABLE))("every function that the native library calls is there", async () => {
  const table = await Bun.file(LIBRARY_TABLE).text();
  const called = [...table.matchAll(/^\s*X\((\w+),/gm)].map(([, name = ""]) => name);
  const fake = (await read("src", "functions.def")) + (await read("src", "nvml.cc"));

  expect(called.length).toBeGreaterThan(40);
  expect(called.filter((name) => !new RegExp(`\\b${name}\\b`).test(fake))).toEqual([]);
});

builds(
  "a package that holds it is not published, whatever the file is called",
  async () => {
    const library = await Bun.file(join(await buildFakeDriver(), "libcuda.so.1")).bytes();
    const manifest = { name: "planted", version: "0.0.0", files: ["dist"] };
    using fixture = plant(
      { "package.json": JSON.stringify(manifest), "README.md": "x", LICENSE: "x" },
      "elsewhere",
    );
    await Bun.write(join(fixture.root, "dist", "other.js"), library);
    const subject = { id: "planted", folder: fixture.root, manifest };

    const faults = await contentFaults(await pack(subject, join(fixture.root, "out")));

    expect(faults).toEqual(["package/dist/other.js is a fake driver, which is for tests"]);
  },
  PATIENCE,
);

test("no package's sources call what only the fake driver has", async () => {
  const callers: string[] = [];
  for (const { folder, id } of await packages(ROOT))
    for (const path of filesIn(folder, "src/**/*.ts"))
      if (/\bvrfake_/.test(await Bun.file(join(folder, path)).text())) callers.push(`${id}/${path}`);

  expect(callers).toEqual([]);
});
