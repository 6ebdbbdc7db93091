import { afterAll, describe, expect, test } from "bun:test";
import { mkdir, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  byteCount,
  type DeviceFacts,
  deviceIndex,
  type StableEvidence,
  VramError,
} from "@vram-residency/types";
import type { CudaAnswer } from "../src/doctor/cuda.ts";
import type { Machine } from "../src/doctor/machine.ts";
import { thisMachine } from "../src/doctor/machine.ts";
import { runDoctor } from "../src/doctor/run.ts";
import { GGUF, safetensors, scratchDirectory, vramr } from "./scratch.ts";
import { fakeTerminal } from "./terminal.ts";

const scratch = await scratchDirectory();
afterAll(() => scratch.remove());

const directory = join(scratch.path, "model");
const FILE_BYTES = 1024 * 1024;
await mkdir(directory);
for (const name of ["a", "b"]) {
  const header = {
    [`${name}.weight`]: { dtype: "BF16", shape: [16, 8], data_offsets: [0, 256] },
    [`${name}.\u001b[31mred`]: { dtype: "U8", shape: [], data_offsets: [256, 257] },
    [`${name}.rest`]: { dtype: "U8", shape: [FILE_BYTES], data_offsets: [257, 257 + FILE_BYTES] },
  };
  const path = join(directory, `${name}.safetensors`);
  const bytes = safetensors(header, 0);
  await writeFile(path, bytes);
  await truncate(path, bytes.length + 257 + FILE_BYTES);
}

describe("vramr inspect model", () => {
  test("prints files, tensors, types, shapes, sizes and totals", async () => {
    const { code, out, err } = await vramr(["inspect", "model", directory]);

    expect([code, err]).toEqual([0, ""]);
    expect(out).toMatch(/^safetensors: 2 files, 6 tensors, 2\.00 MiB \(\d+ bytes\)\n/);
    expect(out).toMatch(/^b\.weight +BF16 +\[16,8\] +256 B +\d+$/m);
    expect(out).toMatch(/^a\.rest +U8 +\[1048576\] +1\.00 MiB +\d+$/m);
  });

  test("lets no name of a tensor steer the terminal, and stays as narrow as it is", async () => {
    for (const columns of [40, 80]) {
      const { out } = await vramr(["inspect", "model", directory], fakeTerminal({ columns }));
      expect(out).not.toContain("\u001b");
      for (const line of out.split("\n").slice(1)) expect(line.length).toBeLessThanOrEqual(columns);
    }
  });

  test("gives one JSON document with offsets in bytes", async () => {
    const { out } = await vramr(["inspect", "model", join(directory, "a.safetensors"), "--json"]);
    const { files, tensorCount } = JSON.parse(out) as {
      files: { payloadOffset: number; tensors: { offset: number; bytes: number }[] }[];
      tensorCount: number;
    };

    expect(tensorCount).toBe(3);
    expect(
      files[0]?.tensors.map(({ offset, bytes }) => [offset - (files[0]?.payloadOffset ?? 0), bytes]),
    ).toEqual([
      [0, 256],
      [256, 1],
      [257, FILE_BYTES],
    ]);
  });

  test("takes a GGUF file, and a model's folder in a Hugging Face cache", async () => {
    const file = join(scratch.path, "tiny.gguf");
    await writeFile(file, GGUF);
    const { code, out } = await vramr(["inspect", "model", file]);
    expect(code).toBe(0);
    expect(out).toMatch(/^gguf: 1 file, 1 tensor, 128 B \(128 bytes\)\n/);
    expect(out).toMatch(/^blk\.0 +F32 +\[2,4\] +32 B +96$/m);

    const cache = join(scratch.path, "models--org--tiny");
    const snapshot = join(cache, "snapshots", "0".repeat(40));
    await mkdir(join(cache, "blobs"), { recursive: true });
    await mkdir(snapshot, { recursive: true });
    await writeFile(join(cache, "blobs", "0f"), GGUF);
    await symlink("../../blobs/0f", join(snapshot, "tiny.gguf"));
    for (const command of [
      ["inspect", "model"],
      ["plan", "--capacity", "1GiB"],
    ]) {
      const said = await vramr([...command, cache]);
      expect([command, said.code]).toEqual([command, 0]);
      expect(said.out).toStartWith("gguf: 1 file, 1 tensor, 128 B");
    }
  });

  test("tells a missing model from one that is none, and wants to know what to inspect", async () => {
    expect((await vramr(["inspect", "model", join(scratch.path, "missing")])).code).toBe(3);
    expect((await vramr(["inspect", "model", import.meta.path])).code).toBe(2);
    expect((await vramr(["inspect", "model"])).code).toBe(2);
    expect((await vramr(["inspect"])).code).toBe(2);
  });
});

describe("vramr plan", () => {
  async function neededBytes(...args: readonly string[]): Promise<readonly number[]> {
    const { out } = await vramr(["plan", directory, "--json", ...args]);
    return (JSON.parse(out) as { devices: { neededBytes: number }[] }).devices.map(
      (device) => device.neededBytes,
    );
  }

  test("fits to the byte, and has exit code 5 for one byte less", async () => {
    const [needed = 0] = await neededBytes();
    const fits = await vramr(["plan", directory, "--capacity", String(needed)]);
    const not = await vramr(["plan", directory, "--capacity", String(needed - 1)]);

    expect([fits.code, not.code]).toEqual([0, 5]);
    expect(fits.out).toContain("device 0 fits: 0 bytes to spare");
    expect(not.out).toContain("device 0 is 1 bytes too small");
    // Two files of a little over 1 MiB: 2 MiB each, and 2 MiB each for the leaves.
    expect(needed).toBe(4 * 2 * 1024 * 1024);
  });

  test("divides a model over every device that is named, each with a capacity of its own", async () => {
    const { code, out } = await vramr(["plan", directory, "--capacity", "1GiB", "--capacity", "4MiB"]);
    expect(code).toBe(0);
    expect(out).toContain("device 1 fits: 0 bytes to spare");
    expect((await vramr(["plan", directory, "--capacity", "1GiB", "--capacity", "3MiB"])).code).toBe(5);
    expect(await neededBytes("--capacity", "1", "--capacity", "1")).toEqual([4 * 2 ** 20, 4 * 2 ** 20]);
  });

  test("counts what is kept beside the weights, and rounds as it is told", async () => {
    const [rounded = 0] = await neededBytes("--granularity", "4096");
    const [bare = 0] = await neededBytes("--granularity", "4096", "--no-leaves");
    // 258 blocks of each file have 8256 bytes of leaves, which are kept in whole blocks.
    expect(rounded - bare).toBe(2 * 3 * 4096);
  });

  test("says what is needed when no capacity is given, and nothing about fitting", async () => {
    const { code, out, err } = await vramr(["plan", directory]);
    expect(code).toBe(0);
    expect(out).not.toContain("fits");
    expect(out).toContain("unknown");
    expect(err).toContain("--capacity");
  });

  test("refuses sizes that are none, and models that are not there", async () => {
    for (const args of [
      ["--capacity", "much"],
      ["--capacity", "-1"],
      ["--granularity", "3000"],
      ["--granularity", "1KiB"],
    ]) {
      const { code, out } = await vramr(["plan", directory, ...args]);
      expect([args, code, out]).toEqual([args, 2, ""]);
    }
    expect((await vramr(["plan", join(scratch.path, "missing")])).code).toBe(3);
  });
});

/** A device about which nothing is wrong, and memory on it. */
const DEVICE: DeviceFacts = {
  backend: "cuda",
  ordinal: deviceIndex(0),
  uuid: "GPU-1",
  name: "a device",
  totalBytes: byteCount(80 * 2 ** 30, "totalBytes"),
  computeCapability: { major: 9, minor: 0 },
  integrated: false,
  driverModel: "linux",
  driverVersion: "580.0.0",
  vmm: true,
  addressingMode: "none",
  numaNode: false,
  ecc: "on",
  rowRemap: "clean",
  migMode: false,
  mps: false,
  native: { digest: "a".repeat(64), pinned: true },
};
const STABLE: StableEvidence = {
  backend: "cuda",
  path: "vmm",
  deviceUuid: "GPU-1",
  ordinal: 0,
  location: "device",
  memoryType: "device",
  managed: false,
  hostPointer: false,
  rangeBytes: 2 ** 21,
  bufferId: "1",
  blockId: "1",
  access: "read",
  handleTypes: [],
};

/** A machine on which everything is there. */
const COMPLETE: Machine = {
  platform: "linux",
  arch: "x64",
  kernel: "6.1.0",
  versions: { bun: "1.4.5", node: "24.0.0" },
  temporaryDirectory: "/tmp",
  environment: { XDG_STATE_HOME: "/state" },
  permissions: () => Promise.resolve(0o600),
  list: (path) => Promise.resolve(path === "/dev" ? ["null", "nvidia0", "nvidiactl"] : []),
  read: (path) =>
    Promise.resolve(
      path === "/proc/self/limits"
        ? "Max core file size         0                    unlimited            bytes\n"
        : "core\n",
    ),
  freeBytes: () => Promise.resolve(2 ** 30),
  program: (name) => Promise.resolve(`/usr/bin/${name}`),
  cuda: () => Promise.resolve({ library: { digest: "a".repeat(64), pinned: true }, devices: [] }),
  libraries: () => Promise.resolve("\tlibcuda.so.1 (libc6,x86-64) => /lib/x86_64-linux-gnu/libcuda.so.1\n"),
};

async function states(machine: Partial<Machine>): Promise<Record<string, string>> {
  const terminal = fakeTerminal();
  await runDoctor({ require: "mock", json: true }, { ...COMPLETE, ...machine }, terminal);
  const { checks } = JSON.parse(terminal.stdout()) as { checks: { check: string; state: string }[] };
  return Object.fromEntries(checks.map(({ check, state }) => [check, state]));
}

const whole = await states({});

describe("vramr doctor", () => {
  test("finds everything where everything is", () => {
    expect(Object.entries(whole).filter(([, state]) => state !== "ok")).toEqual([]);
  });

  test("says of a library that nobody pinned, and of a driver that does not answer, what to do", async () => {
    const unpinned = { library: { digest: "a".repeat(64), pinned: false }, devices: [] };
    const remedy = "install it";
    const none = new VramError("ERR_DRIVER_UNAVAILABLE", "no driver; install it", {
      missing: "no driver",
      remedy,
    });

    expect(await states({ cuda: () => Promise.resolve(unpinned) })).toEqual({
      ...whole,
      "native library": "note",
    });
    const { "native library": _, ...rest } = whole;
    expect(await states({ cuda: () => Promise.reject(none) })).toEqual({ ...rest, CUDA: "missing" });
  });

  test.each<[string, Partial<DeviceFacts>, Partial<StableEvidence>]>([
    ["ok", {}, {}],
    ["note", { ecc: "off" }, {}],
    ["missing", { integrated: true }, {}],
    ["missing", {}, { location: "host" }],
  ])("judges a device by its facts and its evidence: %s, case %#", async (state, facts, stable) => {
    const answer: CudaAnswer = {
      library: { digest: "a".repeat(64), pinned: true },
      devices: [
        {
          facts: { ...DEVICE, ...facts },
          evidence: { kind: "device", stable: { ...STABLE, ...stable }, observations: {} },
        },
      ],
    };

    expect(await states({ cuda: () => Promise.resolve(answer) })).toEqual({ ...whole, "device 0": state });
  });

  test.each<[string, string, Partial<Machine>]>([
    ["runtime", "missing", { versions: { bun: "1.4.4" } }],
    ["runtime", "missing", { versions: { bun: "0.9.9" } }],
    ["runtime", "missing", { versions: { node: "20.18.9" } }],
    ["runtime", "missing", { versions: {} }],
    ["platform", "missing", { platform: "darwin" }],
    ["platform", "missing", { arch: "riscv64" }],
    ["NVIDIA devices", "missing", { list: () => Promise.resolve(["nvidiactl"]) }],
    ["NVIDIA devices", "missing", { list: () => Promise.resolve(["nvidia0"]) }],
    ["libcuda", "missing", { libraries: () => Promise.resolve("libcudart.so.1 => /x/libcudart.so.1\n") }],
    ["core dumps", "note", { read: () => Promise.resolve(undefined) }],
    [
      "core dumps",
      "note",
      { read: () => Promise.resolve("|/usr/lib/handler\nMax core file size 0 0 bytes\n") },
    ],
    ["temporary space", "note", { freeBytes: () => Promise.resolve(1024) }],
    ["temporary space", "note", { freeBytes: () => Promise.resolve(undefined) }],
    ["flock", "note", { program: () => Promise.resolve(undefined) }],
    ["audit root", "note", { permissions: () => Promise.resolve(0o640) }],
  ])("sees that %s is %s: case %#", async (check, state, machine) => {
    expect(await states(machine)).toEqual({ ...whole, [check]: state });
  });

  test("says where the audit root is, or will be made, and whether others may read it", async () => {
    const said = async (permissions: number | undefined): Promise<string> => {
      const terminal = fakeTerminal({ columns: 120 });
      const machine = { ...COMPLETE, permissions: () => Promise.resolve(permissions) };
      await runDoctor({ require: "mock" }, machine, terminal);
      return terminal.stdout();
    };
    const path = "/state/vram-residency/keys/audit.key";
    expect(await said(0o600)).toContain(`ok       audit root: ${path} (mode 600)`);
    expect(await said(undefined)).toContain(`ok       audit root: none yet; the first log makes ${path}`);
    expect(await said(0o644)).toContain(`chmod 600 ${path}`);
  });

  test("takes later versions and a library that the linker does not know", async () => {
    for (const versions of [
      { bun: "1.10.0" },
      { bun: "2.0.0" },
      { bun: "1.4.5-canary.1" },
      { node: "22.0.0" },
    ]) {
      expect((await states({ versions }))["runtime"]).toBe("ok");
    }
    const list: Machine["list"] = (path) =>
      Promise.resolve(path === "/usr/lib/wsl/lib" ? ["libcuda.so.1"] : ["nvidia0", "nvidiactl"]);
    expect((await states({ libraries: () => Promise.resolve(""), list }))["libcuda"]).toBe("ok");
  });

  test("says that the mock can work here and CUDA cannot, with a remedy for whatever is missing", async () => {
    const { code, out, err } = await vramr(["doctor"]);
    expect([code, err]).toEqual([0, ""]);
    expect(out).toContain("mock: can work\ncuda: cannot work\n");
    expect(out.match(/^missing/gm)?.length).toBeLessThanOrEqual(out.match(/^ +-> /gm)?.length ?? 0);
    expect((await vramr(["doctor", "--require", "cuda"])).code).toBe(3);
    expect((await vramr(["doctor", "--require", "tpu"])).code).toBe(2);
  });

  test("fails on a runtime that is too old, also for the mock", async () => {
    const machine = { ...COMPLETE, versions: { bun: "1.3.0" } };
    expect(await runDoctor({ require: "mock" }, machine, fakeTerminal())).toBe(3);
  });

  test("is as narrow as the terminal, apart from words that are longer", async () => {
    const terminal = fakeTerminal({ columns: 40 });
    const short = { library: { digest: "a".repeat(8), pinned: false }, devices: [] };
    const machine = { ...COMPLETE, libraries: () => Promise.resolve(""), cuda: () => Promise.resolve(short) };
    await runDoctor({ require: "mock" }, machine, terminal);
    const divisible = terminal
      .stdout()
      .split("\n")
      .filter((line) => line.trim().includes(" "));
    for (const line of divisible) expect(line.length).toBeLessThanOrEqual(40);
  });

  test("asks this machine without an error", async () => {
    expect(await thisMachine.freeBytes("/tmp")).toBeGreaterThan(0);
    expect(await thisMachine.program("sh")).toContain("sh");
    expect(await thisMachine.program("no-such-program")).toBeUndefined();
    expect(await thisMachine.list("/nonexistent")).toEqual([]);
    expect(await thisMachine.read("/nonexistent")).toBeUndefined();
    expect(await thisMachine.freeBytes("/nonexistent")).toBeUndefined();
    expect(await thisMachine.permissions("/nonexistent")).toBeUndefined();
  });
});
