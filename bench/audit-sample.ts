/**
 * A log like one that a busy manager writes, and the files around it.
 *
 * @module
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { AuditLog } from "../packages/audit/src/file/index.ts";
import { auditEvent } from "../packages/audit/src/index.ts";
import {
  AuditRoot,
  deriveCheckpointSeed,
  deriveMacKey,
  deriveVerifySecret,
  encodeCheckpointKey,
  LINES_PER_KEY,
  type LogHashes,
  LogWriterState,
  logOpened,
  type Opening,
  segmentName,
  segmentOpened,
  signCheckpoint,
  wrapMacKey,
} from "../packages/audit/src/log/index.ts";
import { concatBytes, toHex } from "../packages/crypto/src/index.ts";
import { nodeEd25519, nodeHmacSha256, nodeSha256 } from "../packages/crypto/src/node/index.ts";
import { lend } from "../packages/crypto/src/secret/index.ts";
import type { AuditEvent, FileSystem } from "../packages/types/src/index.ts";
import {
  nodeDirLock,
  nodeFileSystem,
  systemClock,
  systemRandom,
  systemTimers,
} from "../packages/types/src/node/index.ts";

/** Records in one batch, on both sides. */
export const BATCH = 64;
/** Callers that append at the same time: one batch is written while the next one gathers. */
export const CALLERS: number = 2 * BATCH;
/** The log that {@link makeLog} makes. */
export const LOG_ID: string = "1d".repeat(16);

const EPOCH = "ee".repeat(16);
const SEGMENT_BYTES = 64 << 20;

export const HASHES: LogHashes = { sha256: nodeSha256, hmacSha256: nodeHmacSha256 };

/** A root that every run has: what is measured depends on no key. */
export function sampleRoot(): AuditRoot {
  return new AuditRoot(Uint8Array.from({ length: 32 }, (_, index) => index));
}

const EVENTS: readonly AuditEvent[] = Array.from({ length: BATCH }, (_, index) =>
  auditEvent("SealVerified", {
    shardId: `shard-${String(index).padStart(14, "0")}`,
    sealId: "ab".repeat(16),
    gpuDevice: 0,
    deviceUuid: "GPU-01234567-89ab-cdef-0123-456789abcdef",
    mode: "full",
    algorithm: "fsverity-sha256",
    bytesVerified: 536870912,
    durationMs: 100 + index,
    workerId: "worker-1",
  }),
);

/** The event of one record: a verification, the most frequent one. */
export function sampleEvent(index: number): AuditEvent {
  const event = EVENTS[index % EVENTS.length];
  if (event === undefined) throw new Error("there are no events");
  return event;
}

/** Opens a log as `openVram` does. */
export function openLog(directory: string, fileSystem: FileSystem = nodeFileSystem): Promise<AuditLog> {
  return AuditLog.open({
    directory,
    root: sampleRoot(),
    fileSystem,
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
    lock: nodeDirLock,
    ed25519: nodeEd25519,
    hashes: HASHES,
  });
}

/** Appends `count` records, `inFlight` of them at any moment. */
export async function appendMany(log: AuditLog, count: number, inFlight: number): Promise<void> {
  let next = 0;
  const caller = async (): Promise<void> => {
    while (next < count) {
      const index = next;
      next += 1;
      await log.append(sampleEvent(index));
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
}

/** When {@link makeLog} stops: at so many records, or when its segment has so many bytes. */
export interface LogSize {
  readonly records: number;
  readonly bytes?: number;
}

/** Makes the files of a log without syncing any: much faster than the sink, and the same bytes. Nothing closes it. */
export async function makeLog(directory: string, { records, bytes = Infinity }: LogSize): Promise<void> {
  await mkdir(directory, { mode: 0o700 });
  using root = sampleRoot();
  using seed = deriveCheckpointSeed(root);
  const opening = openingOf(
    root,
    lend(seed, (secret) => nodeEd25519.publicKey(secret)),
  );
  const macKey = deriveMacKey(root, EPOCH);
  using state = new LogWriterState({ log: LOG_ID, epoch: EPOCH, macKey, hashes: HASHES });
  const started = Date.now();
  const append = (event: AuditEvent): Uint8Array =>
    state.append(event, { wall: started + state.size, mono: BigInt(state.size) }).bytes;
  const notes: Uint8Array[] = [];
  while (state.size < records) {
    const path = join(directory, `${segmentName(state.size)}.jsonl`);
    const segment = Bun.file(path).writer({ highWaterMark: 1 << 20 });
    const first = append(state.size === 0 ? logOpened(opening) : segmentOpened(state, opening));
    let written = first.length;
    await segment.write(first);
    while (state.size < records && written < Math.min(bytes, SEGMENT_BYTES)) {
      const line = append(sampleEvent(state.size));
      await segment.write(line);
      written += line.length;
      if (state.size % LINES_PER_KEY === 0) {
        const head = { log: LOG_ID, size: state.size, root: toHex(state.tree.root()) };
        notes.push(signCheckpoint(head, seed, Date.now(), nodeEd25519));
        await segment.flush();
      }
    }
    await segment.end();
    if (written >= bytes) break;
  }
  await Bun.write(join(directory, "checkpoints"), concatBytes(...notes));
  await Bun.write(join(directory, "checkpoint"), notes.at(-1) ?? "");
  await Bun.write(join(directory, "log.pub"), `${opening.key}\n`);
}

function openingOf(root: AuditRoot, publicKey: Uint8Array): Opening {
  using secret = deriveVerifySecret(root, LOG_ID);
  using macKey = deriveMacKey(root, EPOCH);
  return {
    kid: secret.kid,
    key: encodeCheckpointKey({ log: LOG_ID, publicKey }),
    macKey: wrapMacKey(secret, EPOCH, macKey),
  };
}
