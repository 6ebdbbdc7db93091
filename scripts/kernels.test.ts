import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  compileKernels,
  freshImages,
  oldDialect,
  readUse,
  TARGETS,
  useFaults,
  writeImages,
} from "./kernels.ts";

const REPORT = `ptxas info    : 256 bytes gmem
ptxas info    : Compiling entry function 'one' for 'sm_90'
ptxas info    : Function properties for one
    8 bytes stack frame, 4 bytes spill stores, 2 bytes spill loads
ptxas info    : Used 48 registers, used 0 barriers
ptxas info    : Compiling entry function 'two' for 'sm_90'
ptxas info    : Function properties for two
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 65 registers, used 0 barriers, 16 bytes lmem
`;

test("what ptxas says is read for each kernel", () => {
  expect(readUse(REPORT, "sm_90")).toEqual([
    { kernel: "one", target: "sm_90", registers: 48, localBytes: 14 },
    { kernel: "two", target: "sm_90", registers: 65, localBytes: 16 },
  ]);
});

test("too many registers, any local memory and a missing figure are faults", () => {
  const use = { kernel: "k", target: "sm_90", registers: 64, localBytes: 0 };

  expect(useFaults(use)).toEqual([]);
  expect(useFaults({ ...use, registers: 65 })).toHaveLength(1);
  expect(useFaults({ ...use, localBytes: 1 })).toHaveLength(1);
  expect(readUse("Compiling entry function 'k' for 'sm_90'", "sm_90").flatMap(useFaults)).toHaveLength(1);
});

test("PTX is stamped with a dialect that old drivers read, and nothing else changes", () => {
  expect(oldDialect("//\n.version 9.0\n.target sm_75\n.address_size 64\n")).toBe(
    "//\n.version 6.0\n.target sm_50\n.address_size 64\n",
  );
});

const missing = Bun.which("nvcc") === null || Bun.which("ptxas") === null;

test.skipIf(missing)(
  "every kernel keeps its limits on every target, compiled and from PTX",
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "kernels-"));
    const uses = await compileKernels(folder);
    const before = await freshImages(folder);
    await writeImages(folder);
    const after = await freshImages(folder);
    await Bun.write(join(folder, "images.h"), "// of other sources\n");
    const stale = await freshImages(folder);
    await rm(folder, { recursive: true });

    expect([before, after, stale]).toEqual([undefined, join(folder, "images.h"), undefined]);

    expect(uses.flatMap(useFaults)).toEqual([]);
    const leaves = uses.filter(({ kernel }) => kernel === "vr_fsverity_leaves");
    expect(leaves.map(({ target }) => target)).toEqual(
      TARGETS.flatMap((n) => [`sm_${n}`, `sm_${n} from PTX`]),
    );
  },
  300_000,
);
