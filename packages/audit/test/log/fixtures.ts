import { auditEvent } from "@vram-residency/audit";
import { AuditRoot, deriveMacKey, type LogHashes, LogWriterState } from "@vram-residency/audit/log";
import { CompactRange } from "@vram-residency/crypto";
import { nodeHmacSha256, nodeSha256 } from "@vram-residency/crypto/node";
import type { AuditEvent } from "@vram-residency/types";

export const ROOT: Uint8Array = Uint8Array.from({ length: 32 }, (_, index) => index);
export const DEPLOYMENT = "example-node-1";
export const EPOCH: string = "ee".repeat(16);
export const LOG: string = "1d".repeat(16);
export const HASHES: LogHashes = { sha256: nodeSha256, hmacSha256: nodeHmacSha256 };
export const WALL: number = Date.parse("2026-01-01T00:00:00.000Z");

/** A state of a new log, under the vectors' root. */
export function freshState(epoch: string = EPOCH, log: string = LOG): LogWriterState {
  const macKey = deriveMacKey(new AuditRoot(ROOT), epoch, DEPLOYMENT);
  return new LogWriterState({ log, epoch, macKey, hashes: HASHES, tree: new CompactRange(nodeSha256) });
}

/** An event with a different text each time. */
export function change(index: number): AuditEvent {
  return auditEvent("PolicyChanged", { from: `from ${index}`, to: 'to "é" \\' });
}

/** Appends `count` lines, one a second. */
export function writeLines(state: LogWriterState, count: number): readonly Uint8Array[] {
  return Array.from({ length: count }, () => {
    const { size } = state;
    return state.append(change(size), { wall: WALL + 1000 * size, mono: BigInt(size) }).bytes;
  });
}

/** A line without its newline. */
export function bare(line: Uint8Array): Uint8Array {
  return line.subarray(0, -1);
}
