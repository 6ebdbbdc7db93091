import { dlopen } from "bun:ffi";
import { expect, test } from "bun:test";
import { join } from "node:path";
import { buildNative, compiler, testNative } from "./native.ts";
import { run } from "./process.ts";
import { ROOT } from "./project.ts";

const missing = compiler() === undefined;
const BUILD_MS = 10 * 60_000;
if (missing) console.log("skipped 4 tests of the native library: no C++ compiler");

test.skipIf(missing)(
  "the native tests pass against the fake driver",
  async () => {
    const { lines, passed, failed } = await testNative();

    expect(lines.filter((line) => line.startsWith("FAIL"))).toEqual([]);
    expect(failed).toBe(0);
    expect(passed).toBeGreaterThan(40);
  },
  BUILD_MS,
);

test.skipIf(missing)(
  "the library exports what the header declares, and nothing else",
  async () => {
    const header = await Bun.file(join(ROOT, "native/include/vram_residency.h")).text();
    const declared = [...header.matchAll(/^VR_API \w+ (vr_\w+)\(/gm)].map(([, name]) => name ?? "");

    const { output } = await run(["nm", "-D", "--defined-only", await buildNative()]);

    const exported = output
      .trim()
      .split("\n")
      .map((line) => line.split(" ").at(-1) ?? "");
    expect(exported.sort()).toEqual(declared.sort());
  },
  BUILD_MS,
);

test.skipIf(missing)(
  "the library needs no CUDA library, and loads where there is none",
  async () => {
    const library = await buildNative();

    const { output } = await run(["readelf", "-d", library]);
    const { symbols } = dlopen(library, { vr_abi_version: { args: [], returns: "u32" } });

    expect(output).toContain("libc.so");
    expect(output).not.toMatch(/NEEDED.*(cuda|nvidia)/);
    expect(symbols.vr_abi_version()).toBe(1);
  },
  BUILD_MS,
);

test.skipIf(missing)(
  "a build of what has not changed compiles nothing",
  async () => {
    const before = Bun.file(await buildNative()).lastModified;

    expect(Bun.file(await buildNative()).lastModified).toBe(before);
  },
  BUILD_MS,
);

test("where there is no compiler, the build says so in one line", async () => {
  const script = join(ROOT, "scripts/native.ts");
  const bare = { PATH: "/nowhere" };

  const asked = await run([process.execPath, script], { env: bare });
  const wished = await run([process.execPath, script, "--if-possible"], { env: bare });

  expect(asked.code).toBe(1);
  expect(wished.code).toBe(0);
  expect(wished.output).toMatch(/^native: no C\+\+20 compiler[^\n]*\n$/);
});
