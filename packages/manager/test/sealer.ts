import { join } from "node:path";
import type { AuditLine } from "@vram-residency/audit/log";
import { nodeFileSystem } from "@vram-residency/types/node";
import { judgeOnDisk, openOnDisk } from "../../audit/test/crash/disk.ts";
import { recordsOf } from "../../audit/test/crash/session.ts";
import type { Subject } from "../../audit/test/crash/strace.ts";

/** The child that seals: every answer it was given is in the log, and what it left in device memory is lost. */
export const SEALER: Subject = {
  entry: join(import.meta.dir, "sealing-child.ts"),
  says: "sealed b",
  async judge(directory, said) {
    await (await openOnDisk(nodeFileSystem, directory))[Symbol.asyncDispose]();
    const records = await recordsOf(nodeFileSystem, directory);
    return unrecorded(records, said) ?? wronglyLost(records) ?? (await judgeOnDisk(directory, ""));
  },
};

function unrecorded(records: readonly AuditLine[], said: string): string | undefined {
  for (const [words, act, what] of said.matchAll(/^(sealed|verified|released) (\w+)$/gm)) {
    const is = (type: string, shardId: unknown): boolean =>
      records.some((record) => record.type === type && record.data["shardId"] === shardId);
    const recorded =
      act === "verified"
        ? records[Number(what)]?.type === "SealVerified"
        : is(act === "sealed" ? "VramSealed" : "VramDeallocated", what);
    if (!recorded) return `"${words}" was told, and is not in the log`;
  }
  return undefined;
}

function wronglyLost(records: readonly AuditLine[]): string | undefined {
  const live = new Set<unknown>();
  const lost = new Set<unknown>();
  for (const { type, data } of records) {
    if (type === "VramSealed") live.add(data["shardId"]);
    if (type === "VramDeallocated") live.delete(data["shardId"]);
    if (type === "VramLost") lost.add(data["shardId"]);
  }
  const same = live.size === lost.size && [...live].every((shard) => lost.has(shard));
  return same ? undefined : `left over: ${JSON.stringify([...live])}; lost: ${JSON.stringify([...lost])}`;
}
