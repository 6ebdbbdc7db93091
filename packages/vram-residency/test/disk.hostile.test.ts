/** A log on a disk that is full: no answer without its record, and nothing left in device memory. */
import { describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MockAllocator } from "@vram-residency/allocator-mock";
import { mockControl } from "@vram-residency/allocator-mock/testing";
import { auditEvent, JsonlSink } from "@vram-residency/audit";
import { VramManager } from "@vram-residency/manager";
import { randomKeys } from "@vram-residency/seal";
import { memoryFileSystem } from "@vram-residency/testing";
import { type FileSystem, isVramError } from "@vram-residency/types";
import { nodeFileSystem, systemClock, systemRandom, systemTimers } from "@vram-residency/types/node";
import { openVram } from "vram-residency";
import { auditKeys } from "./audit-keys.ts";

const ports = { clock: systemClock, timers: systemTimers, random: systemRandom };
const bytes = new Uint8Array(10_000).fill(7);

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error !== undefined && !isVramError(error)) throw error;
  return error?.code ?? "done";
}

/** The machine's files, except that what is written to a new one goes to a device that is always full. */
const fullDisk: FileSystem = {
  ...nodeFileSystem,
  open: () => nodeFileSystem.open("/dev/full", { mode: "read-write" }),
};

function descriptors(): number {
  return readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === "/dev/full";
    } catch {
      return false;
    }
  }).length;
}

describe("a disk that is full", () => {
  test("from the start: the log is not opened, and its file is closed", async () => {
    const directory = mkdtempSync(join(tmpdir(), "vram-full-"));
    try {
      const opening = JsonlSink.open({ ...ports, fileSystem: fullDisk, directory });
      expect(await codeOf(opening)).toBe("ERR_AUDIT_UNAVAILABLE");
      expect(descriptors()).toBe(0);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  test("from any write on: nothing is sealed or verified without its record, and nothing stays in device memory", async () => {
    for (let at = 1; at <= 8; at++) {
      const fileSystem = memoryFileSystem();
      const allocator = new MockAllocator({
        timers: systemTimers,
        random: systemRandom,
        capacityBytes: 1 << 20,
      });
      const sink = await JsonlSink.open({ ...ports, fileSystem, directory: "/audit" });
      const parts = {
        allocator,
        keys: randomKeys(systemRandom),
        policy: "development",
        audit: sink,
      } as const;
      const manager = await VramManager.open({ ...parts, ...ports, fileSystem, owned: [sink] });
      fileSystem.fail({ operation: "write", at, code: "ENOSPC" });

      const answers: string[] = [];
      const sealing = manager.sealModel(bytes);
      answers.push(await codeOf(sealing));
      const shard = await sealing.catch(() => undefined);
      if (shard !== undefined) {
        answers.push(await codeOf(manager.verifySealed(shard)));
        answers.push(await codeOf(manager.release(shard)));
      } else {
        expect(manager.shards()).toEqual([]);
      }
      answers.push(await codeOf(manager.close()));

      expect(answers.filter((code) => code !== "done" && code !== "ERR_AUDIT_UNAVAILABLE")).toEqual([]);
      expect(mockControl(allocator).live()).toBe(0);
      if (fileSystem.fired().length > 0) expect(sink.state).not.toBe("ready");
    }
  });

  test("under a directory that cannot be made: the facade opens nothing", async () => {
    const folder = mkdtempSync(join(tmpdir(), "vram-full-"));
    try {
      writeFileSync(join(folder, "file"), "");
      for (const directory of [join(folder, "file", "below"), "/proc/none", `/${"a/".repeat(3000)}`]) {
        expect(await codeOf(openVram({ backend: "mock", audit: { directory, keys: auditKeys } }))).toMatch(
          /^ERR_(AUDIT_UNAVAILABLE|CONFIG_INVALID)$/,
        );
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

test("an event that nobody checked is refused alone, and the log goes on", async () => {
  const fileSystem = memoryFileSystem();
  await using sink = await JsonlSink.open({ ...ports, fileSystem, directory: "/audit" });
  const odd: unknown[] = [undefined, {}, { type: "KeyRotated", severity: "info", data: { big: 1n } }];
  odd.push({ type: "KeyRotated", severity: "info", data: { text: "\u202e" } }, { type: "Unknown", data: {} });

  for (const event of odd) expect(await codeOf(sink.append(event as never))).toBe("ERR_INPUT_INVALID");
  expect((await sink.append(auditEvent("LogClosed", { records: 1 }))).seq).toBe(1);
});
