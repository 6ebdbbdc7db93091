/** The log of the child processes, on a real disk. */
import { AuditLog, openLogSource } from "@vram-residency/audit/file";
import { AuditRoot, deriveVerifySecret, type LogHashes, verifyLog } from "@vram-residency/audit/log";
import { nodeEd25519, nodeHmacSha256, nodeSha256 } from "@vram-residency/crypto/node";
import type { FileSystem } from "@vram-residency/types";
import {
  nodeDirLock,
  nodeFileSystem,
  systemClock,
  systemRandom,
  systemTimers,
} from "@vram-residency/types/node";
import { recordsOf } from "./session.ts";

/** Shape: 32 bytes. */
export const DISK_ROOT: Uint8Array = Uint8Array.from({ length: 32 }, (_, index) => index);
export const DISK_HASHES: LogHashes = { sha256: nodeSha256, hmacSha256: nodeHmacSha256 };

/** Opens the log as production does, with small segments. */
export function openOnDisk(fileSystem: FileSystem, directory: string): Promise<AuditLog> {
  return AuditLog.open({
    directory,
    root: new AuditRoot(DISK_ROOT),
    fileSystem,
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
    lock: nodeDirLock,
    ed25519: nodeEd25519,
    hashes: DISK_HASHES,
    segmentBytes: 5000,
  });
}

/** Opens what a child has left, and looks for everything that it said. Twice: what was put right stays right. */
export async function judgeOnDisk(directory: string, said: string): Promise<string | undefined> {
  for (const time of ["first", "second"]) {
    const log = await openOnDisk(nodeFileSystem, directory);
    await log[Symbol.asyncDispose]();
    if (time === "second" && log.opened.found !== "clean")
      return `found ${log.opened.found} after it was closed`;
    const verdict = await verdictOf(directory, log.log);
    if (verdict !== "sound") return verdict;
    const lines = await recordsOf(nodeFileSystem, directory);
    for (const [, seq, text] of said.matchAll(/^acknowledged (\d+) (.*)$/gm)) {
      if (lines[Number(seq)]?.data["from"] !== text) return `record ${seq} was acknowledged and is lost`;
    }
  }
  return undefined;
}

/** Verifies with every key. @returns "sound", or what is wrong and where. */
export async function verdictOf(directory: string, log: string): Promise<string> {
  await using source = await openLogSource(nodeFileSystem, directory);
  const secrets = [deriveVerifySecret(new AuditRoot(DISK_ROOT), log)];
  const options = { ed25519: nodeEd25519, hashes: DISK_HASHES, now: Date.now(), secrets };
  const { verdict, bad } = await verifyLog(source, options);
  return bad === undefined ? verdict : `${verdict}: ${JSON.stringify(bad)}`;
}
