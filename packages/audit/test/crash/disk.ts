/** The log of the child processes, on a real disk. */
import { AuditLog } from "@vram-residency/audit/file";
import { AuditRoot, type LogHashes } from "@vram-residency/audit/log";
import { nodeEd25519, nodeHmacSha256, nodeSha256 } from "@vram-residency/crypto/node";
import type { FileSystem } from "@vram-residency/types";
import { nodeDirLock, systemClock, systemRandom, systemTimers } from "@vram-residency/types/node";

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
