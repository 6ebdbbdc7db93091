/** Real files that are none, that may not be read, that are too large, and that change while they are read. */
import { afterAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MockAllocator } from "@vram-residency/allocator-mock";
import { mockControl } from "@vram-residency/allocator-mock/testing";
import { hasCode, isVramError } from "@vram-residency/types";
import { systemRandom, systemTimers } from "@vram-residency/types/node";
import { openVram, type SealOptions } from "vram-residency";

const MIB = 1 << 20;
const folder = mkdtempSync(join(tmpdir(), "vram-hostile-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function at(name: string): string {
  return join(folder, name);
}

function write(name: string, bytes: number): string {
  writeFileSync(at(name), Buffer.alloc(bytes, name));
  return at(name);
}

/** Descriptors of this process on files that the tests name. */
function openFiles(): readonly string[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return target.startsWith(folder) || target === "/dev/zero" ? [target] : [];
    } catch {
      return [];
    }
  });
}

/** Seals, which must fail. @returns The code and its reason, once it is certain that nothing is left of the attempt. */
async function refusal(
  source: string | Blob,
  options: SealOptions = {},
  capacityBytes = 8 * MIB,
): Promise<string> {
  await using allocator = new MockAllocator({ timers: systemTimers, random: systemRandom, capacityBytes });
  await using vram = await openVram({ backend: "mock", allocator, config: { maxModelBytes: 16 * MIB } });
  const before = openFiles();
  let code = "sealed";
  try {
    await vram.sealModel(source, options);
  } catch (error) {
    if (!isVramError(error)) throw error;
    expect(error.message).not.toMatch(/[\r\n]/);
    expect(error.message).not.toContain(folder);
    code = hasCode(error, "ERR_SOURCE") ? `ERR_SOURCE ${error.detail.reason}` : error.code;
  }
  expect(vram.shards()).toEqual([]);
  expect((await vram.capacity()).usedBytes).toBe(0);
  expect(mockControl(allocator).live()).toBe(0);
  expect(openFiles()).toEqual(before);
  return code;
}

describe("what is no file of weights", () => {
  test.each([
    ["a file that is not there", () => at("missing"), "ERR_SOURCE unreadable"],
    ["a directory", () => folder, "ERR_SOURCE unreadable"],
    ["a device that never ends", () => "/dev/zero", "ERR_SOURCE unreadable"],
    ["a device that is always empty", () => "/dev/null", "ERR_SOURCE unreadable"],
    ["a path below a file", () => join(write("file", 10), "below"), "ERR_SOURCE unreadable"],
    ["an empty file", () => write("empty", 0), "ERR_INPUT_INVALID"],
    ["a path with NUL", () => `${folder}\0/etc/passwd`, "ERR_INPUT_INVALID"],
    ["a path that is too long", () => `/${"a".repeat(5000)}`, "ERR_INPUT_INVALID"],
    ["a name that is too long", () => at("a".repeat(300)), "ERR_SOURCE unreadable"],
  ])("%s is refused with a coded error", async (_, path, code) => {
    expect(await refusal(path())).toBe(code);
  });

  test("a pipe is refused at once, although nobody writes to it", async () => {
    expect(spawnSync("mkfifo", [at("pipe")]).status).toBe(0);
    expect(await refusal(at("pipe"))).toBe("ERR_SOURCE unreadable");
  });

  test("a symbolic link to itself is refused", async () => {
    symlinkSync(at("loop"), at("loop"));
    expect(await refusal(at("loop"))).toBe("ERR_SOURCE unreadable");
  });

  test("a Bun.file of any of them is refused", async () => {
    expect(await refusal(Bun.file(at("missing")))).toMatch(/^ERR_(INPUT_INVALID|SOURCE unreadable)$/);
    mkdirSync(at("directory"));
    expect(await refusal(Bun.file(at("directory")))).toMatch(/^ERR_/);
    expect(await refusal(Bun.file("/dev/zero"))).toMatch(/^ERR_/);
  });

  test("a Bun.file that lost bytes since it was looked at is refused", async () => {
    const file = Bun.file(write("blob", MIB));
    expect(file.size).toBe(MIB);
    truncateSync(at("blob"), 10);
    expect(await refusal(file)).toMatch(/^ERR_SOURCE (truncated|unreadable)$/);
  });
});

const NOBODY = 65_534;
const script = join(import.meta.dir, "unprivileged.ts");
const isRoot = process.getuid?.() === 0;

/** Whether another user could run this at all: Bun and the script may both lie in a folder that only root may enter. */
function nobodyCan(): boolean {
  const nobody = { uid: NOBODY, gid: NOBODY };
  const bun = spawnSync(process.execPath, ["--version"], nobody).status;
  return bun === 0 && spawnSync("/usr/bin/test", ["-r", script], nobody).status === 0;
}

describe("what may not be read", () => {
  test.skipIf(isRoot)("is refused to this user", async () => {
    chmodSync(write("secret", 10), 0o000);
    expect(await refusal(at("secret"))).toBe("ERR_SOURCE unreadable");
  });

  test.skipIf(!isRoot || !nobodyCan())("is refused to another user", () => {
    chmodSync(write("secret", 10), 0o000);
    chmodSync(folder, 0o755);
    const args = ["--conditions=vram-residency-source", script, at("secret")];
    const options = { uid: NOBODY, gid: NOBODY, encoding: "utf8", env: { HOME: "/nonexistent" } } as const;
    const { stdout, stderr } = spawnSync(process.execPath, args, options);
    expect(`${stdout}${stderr}`).toBe("ERR_SOURCE unreadable\n0\n");
  });
});

describe("what is too large", () => {
  test("is refused over the configured limit, before a byte is read", async () => {
    truncateSync(write("large", 1), 17 * MIB);
    expect(await refusal(at("large"), {}, 64 * MIB)).toBe("ERR_SOURCE too-large");
  });

  test("is refused over the device's memory", async () => {
    truncateSync(write("large", 1), 9 * MIB);
    expect(await refusal(at("large"))).toBe("ERR_VRAM_INSUFFICIENT");
  });

  test("is refused by a device that is full", async () => {
    await using vram = await openVram({ backend: "mock", mock: { capacityBytes: 2 * MIB } });
    const first = await vram.sealModel(write("first", MIB + 4096));
    const error: unknown = await vram.sealModel(write("second", MIB)).catch((reason: unknown) => reason);

    expect(hasCode(error, "ERR_VRAM_INSUFFICIENT") && error.detail.neededBytes).toBeGreaterThan(MIB);
    await vram.verifySealed(first);
    await vram.release(first);
    await vram.sealModel(at("second"));
  });
});

describe("what changes while it is read", () => {
  const change: Readonly<Record<string, (path: string) => void>> = {
    grows: (path) => appendFileSync(path, "more"),
    shrinks: (path) => truncateSync(path, 100),
    "is emptied": (path) => truncateSync(path, 0),
    "is written to in place": (path) => {
      const fd = openSync(path, "r+");
      writeSync(fd, "x", 5);
      closeSync(fd);
    },
    "is replaced": (path) => {
      write("other", 4 * MIB);
      renameSync(at("other"), path);
    },
    "is removed": unlinkSync,
  };

  test.each(Object.entries(change))("a file that %s is refused", async (_, act) => {
    const path = write("changing", 4 * MIB);
    // The kernel's change times have the resolution of its tick.
    await Bun.sleep(20);
    let acted = false;
    const onProgress: SealOptions["onProgress"] = ({ stage }) => {
      if (stage !== "copy" || acted) return;
      acted = true;
      act(path);
    };
    expect(await refusal(path, { onProgress })).toMatch(/^ERR_SOURCE (changed|truncated)$/);
    expect(acted).toBe(true);
  });

  test("a file that is touched between sealing and repair is judged by its bytes", async () => {
    await using allocator = new MockAllocator({
      timers: systemTimers,
      random: systemRandom,
      capacityBytes: 8 * MIB,
    });
    await using vram = await openVram({ backend: "mock", allocator });
    const path = write("original", MIB);
    const shard = await vram.sealModel(path);
    const { stable } = await vram.attestResidency(shard);
    const control = mockControl(allocator);
    control.flipBit(control.find(stable.bufferId), 5000, 1);
    writeFileSync(path, Buffer.alloc(MIB, "z"));
    const code = async (promise: Promise<unknown>): Promise<unknown> =>
      await promise.then(
        () => "done",
        (error: unknown) => (isVramError(error) ? error.code : error),
      );

    expect(await code(vram.repair(shard))).toBe("ERR_INTEGRITY");
    truncateSync(path, 10);
    expect(await code(vram.repair(shard))).toBe("ERR_SOURCE");
    unlinkSync(path);
    expect(await code(vram.repair(shard))).toBe("ERR_SOURCE");
    write("original", MIB);
    expect(await code(vram.repair(shard))).toBe("done");
    expect(openFiles()).toEqual([]);
  });
});
