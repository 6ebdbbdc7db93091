import { AuditLog } from "@vram-residency/audit/file";
import { nodeEd25519, nodeHmacSha256, nodeSha256 } from "@vram-residency/crypto/node";
import { type Clock, VramError } from "@vram-residency/types";
import {
  nodeDirLock,
  nodeFileSystem,
  systemClock,
  systemRandom,
  systemTimers,
} from "@vram-residency/types/node";
import { type AuditDirectory, parseOpenOptions } from "@vram-residency/validation";
import { assertApart } from "./apart.ts";
import { takeAuditRoot } from "./audit-key.ts";
import { fileAnchor } from "./file-anchor.ts";

export { auditKeyPath } from "./audit-key.ts";

/** Options of {@link openAuditLog}. */
export interface OpenAuditLogOptions extends AuditDirectory {
  readonly clock?: Clock;
}

/**
 * Opens the tamper-evident log of a directory, or begins one, with the machine's own files, clocks and locks.
 *
 * The root is forgotten as soon as the log is open.
 *
 * @throws {@link VramError} `ERR_CONFIG_INVALID` for a root that is missing, or kept with the log; `ERR_AUDIT_UNAVAILABLE` and
 * `ERR_STATE` as `AuditLog.open`.
 */
export async function openAuditLog(options: OpenAuditLogOptions): Promise<AuditLog> {
  const { clock, ...choice } = { ...options };
  const { audit } = parseOpenOptions({ audit: choice, ...(clock === undefined ? {} : { clock }) });
  if (typeof audit !== "object" || !("directory" in audit)) {
    const reason = "expected the path of a directory";
    throw new VramError("ERR_CONFIG_INVALID", `audit.directory: ${reason}`, {
      field: "audit.directory",
      reason,
    });
  }
  const { directory, anchor } = audit;
  if (typeof anchor === "string") await assertApart(anchor, directory, "audit.anchor");
  using root = await takeAuditRoot(audit);
  return await AuditLog.open({
    directory,
    root,
    fileSystem: nodeFileSystem,
    clock: clock ?? systemClock,
    timers: systemTimers,
    random: systemRandom,
    lock: nodeDirLock,
    ed25519: nodeEd25519,
    hashes: { sha256: nodeSha256, hmacSha256: nodeHmacSha256 },
    ...(anchor === undefined ? {} : { anchor: typeof anchor === "string" ? fileAnchor(anchor) : anchor }),
  });
}
