/** A process that dies with shards in device memory, and what its log says of them to the next one. */
import { beforeAll, describe, expect, test } from "bun:test";
import { MockAllocator } from "@vram-residency/allocator-mock";
import { AuditLog, openLogSource } from "@vram-residency/audit/file";
import { type AuditLine, AuditRoot, parseLine } from "@vram-residency/audit/log";
import { nodeDigester, nodeEd25519, nodeHmacSha256, nodeSha256 } from "@vram-residency/crypto/node";
import { VramManager } from "@vram-residency/manager";
import { staticKeys } from "@vram-residency/seal";
import {
  type CrashChoice,
  fakeClock,
  fakeTimers,
  type MemoryFileSystem,
  memoryFileSystem,
  seededRandom,
} from "@vram-residency/testing";
import { ROOT, weights } from "./world.ts";

const DIRECTORY = "/state/audit";

const LOST: CrashChoice = () => 0;
const KEPT: CrashChoice = ({ options }) => options - 1;

/** What callers were told. */
interface Told {
  /** Shards that were returned. */
  readonly sealed: string[];
  /** The number of each `SealVerified` that an answer named. */
  readonly verified: number[];
  readonly released: string[];
}

function openLog(fileSystem: MemoryFileSystem, life: number): Promise<AuditLog> {
  const clock = fakeClock({ mono: BigInt(life) });
  return AuditLog.open({
    directory: DIRECTORY,
    root: new AuditRoot(Uint8Array.from({ length: 32 }, (_, index) => index)),
    fileSystem,
    clock,
    timers: fakeTimers(clock),
    random: seededRandom(life),
    lock: { acquire: async () => ({ [Symbol.asyncDispose]: async () => {} }) },
    ed25519: nodeEd25519,
    hashes: { sha256: nodeSha256, hmacSha256: nodeHmacSha256 },
    segmentBytes: 8000,
  });
}

/** Seals, verifies and releases; ends without closing anything. Failures are answers too. */
async function work(files: MemoryFileSystem, told: Told): Promise<void> {
  const log = await openLog(files, 1);
  const clock = fakeClock();
  const timers = fakeTimers(clock);
  const random = seededRandom(1);
  const manager = await VramManager.open({
    allocator: new MockAllocator({
      capacityBytes: 1 << 20,
      granularityBytes: 4096,
      digester: nodeDigester,
      timers,
      random,
    }),
    keys: staticKeys([{ secret: ROOT, state: "active" }]),
    policy: "development",
    audit: log,
    clock,
    timers,
    random,
    fileSystem: files,
  });
  const shards = new Map<string, Awaited<ReturnType<VramManager["sealModel"]>>>();
  const steps: readonly (readonly ["seal" | "verify" | "release", string])[] = [
    ["seal", "a"],
    ["seal", "b"],
    ["verify", "a"],
    ["release", "a"],
    ["seal", "c"],
    ["verify", "b"],
    ["release", "c"],
  ];
  for (const [act, shardId] of steps) {
    const shard = shards.get(shardId);
    try {
      if (act === "seal") {
        shards.set(shardId, await manager.sealModel(weights(5000), { shardId }));
        told.sealed.push(shardId);
      } else if (shard !== undefined && act === "verify") {
        told.verified.push((await manager.verifySealed(shard)).auditSeq);
      } else if (shard !== undefined) {
        await manager.release(shard);
        told.released.push(shardId);
      }
    } catch {
      // The log failed: nothing was told.
    }
  }
}

async function recordsOf(files: MemoryFileSystem): Promise<readonly AuditLine[]> {
  await using source = await openLogSource(files, DIRECTORY);
  const lines: AuditLine[] = [];
  for await (const { chunks, keepBytes } of source.segments) {
    const parts: Uint8Array[] = [];
    for await (const chunk of chunks) parts.push(chunk.slice());
    const text = Buffer.concat(parts).subarray(0, keepBytes).toString();
    for (const line of text.split("\n").slice(0, -1)) lines.push(parseLine(new TextEncoder().encode(line)));
  }
  return lines;
}

function shardOf({ data: { shardId } }: AuditLine): string {
  if (typeof shardId !== "string") throw new Error("a record about a shard names none");
  return shardId;
}

/** What the next process finds in the log, and says of it. */
async function nextLife(files: MemoryFileSystem): Promise<{
  readonly records: readonly AuditLine[];
  /** Shards that were recorded as sealed and not as freed, by the records of the dead process. */
  readonly live: readonly string[];
  /** Shards that the next process calls lost. */
  readonly lost: readonly string[];
}> {
  await openLog(files, 2);
  const records = await recordsOf(files);
  const opened = records.findLastIndex(({ type }) => type === "LogOpened");
  const live = new Set<string>();
  for (const record of records.slice(0, opened)) {
    if (record.type === "VramSealed") live.add(shardOf(record));
    if (record.type === "VramDeallocated") live.delete(shardOf(record));
  }
  const lost = records.slice(opened).filter(({ type }) => type === "VramLost");
  for (const { data } of lost) expect(data).toMatchObject({ reason: "process-ended", wiped: "unknown" });
  return { records, live: [...live].sort(), lost: lost.map(shardOf).sort() };
}

describe("whenever the process dies at a file call, and whatever the disk keeps of what was not synced", () => {
  let calls = 0;

  beforeAll(async () => {
    const files = memoryFileSystem();
    await work(files, { sealed: [], verified: [], released: [] });
    calls = files.calls("any");
  });

  test.each([
    { halt: "before" as const },
    { halt: "after" as const },
    { code: "ENOSPC" },
    { code: "EIO", effect: "dropped" as const },
  ])("%j: what callers were told is in the log, and exactly the seals left over are lost", async (fault) => {
    for (let at = 1; at <= calls; at += 1) {
      const files = memoryFileSystem();
      const told: Told = { sealed: [], verified: [], released: [] };
      files.fail({ operation: "any", at, ...fault });
      await Promise.race([work(files, told).catch(() => {}), files.halted]);
      expect(files.fired()).toHaveLength(1);

      for (const choose of "halt" in fault ? [LOST, KEPT] : [LOST]) {
        const { records, live, lost } = await nextLife(files.crash(choose));

        const sealed = records.filter(({ type }) => type === "VramSealed").map(({ data }) => data["shardId"]);
        const freed = records
          .filter(({ type }) => type === "VramDeallocated")
          .map(({ data }) => data["shardId"]);
        expect(sealed).toEqual(expect.arrayContaining(told.sealed));
        expect(told.verified.map((seq) => records[seq]?.type)).toEqual(
          told.verified.map(() => "SealVerified"),
        );
        if ("halt" in fault) expect(freed).toEqual(expect.arrayContaining(told.released));
        expect(lost).toEqual(live);
      }
    }
  });

  test("a process that dies after its work has one seal left, and no seal is lost twice", async () => {
    const files = memoryFileSystem();
    await work(files, { sealed: [], verified: [], released: [] });

    const left = files.crash(LOST);
    expect((await nextLife(left)).lost).toEqual(["b"]);
    const { records } = await nextLife(left);

    expect(records.filter(({ type }) => type === "VramLost")).toHaveLength(1);
  });
});
