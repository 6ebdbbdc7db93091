import { expect, test } from "bun:test";
import {
  appendFileSync,
  closeSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  truncateSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { computeDigest } from "@vram-residency/crypto";
import { hasCode, isVramError } from "@vram-residency/types";
import { findLibrary, readLibrary } from "../src/find-library.ts";
import { loadLibrary } from "../src/library.ts";
import { openLibc, sealInMemory } from "../src/memory-file.ts";
import { COMPILER, SIZES, scratch, stubLibrary } from "./stub-library.ts";

const compiled = test.skipIf(COMPILER === null);

async function refusal(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => "nothing was thrown",
    (thrown: unknown) => thrown,
  );
  return isVramError(error) ? error.message : String(error);
}

function digestOf(path: string): string {
  return computeDigest(new Uint8Array(readFileSync(path)));
}

compiled(
  "a library is loaded from its bytes, and reported as not pinned when nobody named a digest",
  async () => {
    const path = stubLibrary();

    const { native, digest, pinned } = await loadLibrary({ path });

    expect({ digest, pinned, abi: native.vr_abi_version() }).toEqual({
      digest: digestOf(path) as typeof digest,
      pinned: false,
      abi: 1,
    });
  },
);

compiled("a library with the digest that was named is pinned, and another is refused", async () => {
  const path = stubLibrary();
  const digest = digestOf(path);

  expect((await loadLibrary({ path, digest })).pinned).toBe(true);
  appendFileSync(path, "x");
  expect(await refusal(loadLibrary({ path, digest }))).toContain("not the one whose digest is pinned");
});

compiled("the same bytes are loaded once, also by callers at the same time", async () => {
  const path = stubLibrary({ sizes: [...SIZES] });
  const before = readdirSync("/proc/self/fd").length;

  const loads = await Promise.all([1, 2, 3].map(() => loadLibrary({ path })));

  expect(new Set(loads.map(({ native }) => native)).size).toBe(1);
  expect(readdirSync("/proc/self/fd").length - before).toBeLessThanOrEqual(1);
});

compiled("a second library is its own, not the one whose descriptor it might get", async () => {
  const [refused, first, second] = [stubLibrary({ abi: 3 }), stubLibrary(), stubLibrary()];
  appendFileSync(second, "another digest");
  await refusal(loadLibrary({ path: refused }));

  const [one, two] = [await loadLibrary({ path: first }), await loadLibrary({ path: second })];

  expect(one.digest).not.toBe(two.digest);
  expect(one.native).not.toBe(two.native);
});

compiled("a library for another ABI, with other structs, or without a function is refused", async () => {
  const sizes = SIZES.with(2, 8);

  expect(await refusal(loadLibrary({ path: stubLibrary({ abi: 2 }) }))).toContain(
    "ABI 2, and ABI 1 is wanted",
  );
  expect(await refusal(loadLibrary({ path: stubLibrary({ sizes }) }))).toContain("structs of other sizes");
  expect(await refusal(loadLibrary({ path: stubLibrary({ sizes: SIZES.slice(1) }) }))).toContain(
    "other sizes",
  );
  expect(await refusal(loadLibrary({ path: stubLibrary({ lacks: "vr_push_end" }) }))).toContain(
    "cannot be loaded",
  );
});

test("a path that is relative, missing, a folder, or reached through a link is refused", async () => {
  const folder = scratch();
  const file = join(folder, "library.so");
  await Bun.write(file, "not a library");
  symlinkSync(file, join(folder, "link.so"));
  mkdirSync(join(folder, "real"));
  symlinkSync(join(folder, "real"), join(folder, "through"));
  await Bun.write(join(folder, "real", "library.so"), "x");
  const refusalOf = (path: string): Promise<string> => refusal(readLibrary({ path }));

  expect(await refusalOf("native/build/libvram_residency.so")).toContain("absolute path");
  expect(await refusalOf(join(folder, "link.so"))).toContain("without links");
  expect(await refusalOf(join(folder, "through", "library.so"))).toContain("without links");
  expect(await refusalOf(`${folder}/../${folder.split("/").at(-1)}/library.so`)).toContain("without links");
  expect(await refusalOf(folder)).toContain("regular file");
  expect(await refusalOf(join(folder, "none.so"))).toContain("ERR_DRIVER_UNAVAILABLE");
  expect(await refusal(loadLibrary({ path: file }))).toContain("cannot be loaded");
});

test("without a choice, sources take what was built in their checkout, and nothing of the environment", async () => {
  const { path } = await findLibrary(undefined);

  expect(path).toBe(join(dirname(import.meta.dir), "..", "..", "native", "build", "libvram_residency.so"));
});

test("a memory file can be changed by nobody, not even by the process that made it", async () => {
  const content = new TextEncoder().encode("bytes of a library");
  const { descriptor, bytes } = sealInMemory(content, await openLibc());

  expect(bytes).toEqual(content);
  expect(readlinkSync(`/proc/self/fd/${descriptor}`)).toStartWith("/memfd:vram-residency");
  expect(() => appendFileSync(`/proc/self/fd/${descriptor}`, "more")).toThrow("EPERM");
  expect(() => truncateSync(`/proc/self/fd/${descriptor}`, 1)).toThrow("EPERM");
  closeSync(descriptor);
});

test("a system that makes no executable memory file, or does not seal it, is told so with the setting to change", async () => {
  const libc = await openLibc();
  const content = new Uint8Array(3);
  const never = { ...libc, memfd_create: () => -1 };
  const unsealed = { ...libc, fcntl: () => 0 };
  const before = readdirSync("/proc/self/fd").length;

  for (const broken of [never, unsealed]) {
    const thrown = await refusal((async () => sealInMemory(content, broken))());
    expect(thrown).toContain("ERR_DRIVER_UNAVAILABLE");
    expect(thrown).toContain("vm.memfd_noexec");
  }
  expect(readdirSync("/proc/self/fd").length).toBe(before);
});

test("a kernel that does not know the flag for executable files is asked again without it", async () => {
  const libc = await openLibc();
  const flags: number[] = [];
  const old = {
    ...libc,
    memfd_create(name: Uint8Array, wanted: number): number {
      flags.push(wanted);
      return (wanted & 16) === 0 ? libc.memfd_create(name, wanted) : -1;
    },
  };

  const { descriptor } = sealInMemory(new Uint8Array(1), old);

  expect(flags).toEqual([19, 3]);
  closeSync(descriptor);
});

test("importing the package loads nothing native", async () => {
  const program = `
    await import("@vram-residency/allocator-cuda");
    const maps = await Bun.file("/proc/self/maps").text();
    console.log(/libvram_residency|memfd:vram|libcuda|libnvidia/.test(maps));`;
  const child = Bun.spawn([process.execPath, "--conditions=vram-residency-source", "-e", program], {
    cwd: import.meta.dir,
    stdout: "pipe",
  });

  expect((await new Response(child.stdout).text()).trim()).toBe("false");
});

test("the refusal of an input names its field", async () => {
  const error: unknown = await readLibrary({ path: "x" }).catch((thrown: unknown) => thrown);

  expect(hasCode(error, "ERR_INPUT_INVALID") && error.detail.field).toBe("library.path");
});
