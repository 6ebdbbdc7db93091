import { auditEvent } from "@vram-residency/audit";
import {
  AuditLog,
  type AuditLogOptions,
  type CheckpointAnchor,
  openLogSource,
} from "@vram-residency/audit/file";
import {
  AuditRoot,
  deriveVerifySecret,
  type LogReport,
  parseCheckpointKey,
  parseLine,
  type VerifyOptions,
  verifyLog,
} from "@vram-residency/audit/log";
import { nodeEd25519 } from "@vram-residency/crypto/node";
import {
  type FakeClock,
  type FakeTimers,
  fakeClock,
  fakeTimers,
  type MemoryFileSystem,
  memoryFileSystem,
  seededRandom,
} from "@vram-residency/testing";
import { type AuditEvent, type DirLock, VramError } from "@vram-residency/types";
import { DEPLOYMENT, HASHES, ROOT } from "../log/fixtures.ts";

export const DIRECTORY = "/state/audit";

/** A lock that holds within this process. */
export function testLock(): DirLock & { readonly held: Set<string> } {
  const held = new Set<string>();
  return {
    held,
    async acquire(directory) {
      if (held.has(directory)) {
        throw new VramError("ERR_STATE", "another process writes there: close it first", {
          state: "locked",
          expected: "free",
        });
      }
      held.add(directory);
      return {
        async [Symbol.asyncDispose]() {
          held.delete(directory);
        },
      };
    },
  };
}

/** A log's directory in memory, and all that a log is opened with. */
export interface LogBench {
  readonly files: MemoryFileSystem;
  readonly clock: FakeClock;
  readonly timers: FakeTimers;
  readonly lock: ReturnType<typeof testLock>;
  readonly open: (more?: Partial<AuditLogOptions>) => Promise<AuditLog>;
}

export function logBench(files: MemoryFileSystem = memoryFileSystem(), seed = 1): LogBench {
  const clock = fakeClock();
  const timers = fakeTimers(clock);
  const random = seededRandom(seed);
  const lock = testLock();
  const open = (more: Partial<AuditLogOptions> = {}): Promise<AuditLog> =>
    AuditLog.open({
      directory: DIRECTORY,
      root: new AuditRoot(ROOT),
      deployment: DEPLOYMENT,
      fileSystem: files,
      clock,
      timers,
      random,
      lock,
      ed25519: nodeEd25519,
      hashes: HASHES,
      ...more,
    });
  return { files, clock, timers, lock, open };
}

/** Copies every file of the log: what a crash leaves, when nothing in memory is lost. */
export async function copyOf(files: MemoryFileSystem): Promise<MemoryFileSystem> {
  const copy = memoryFileSystem();
  for (const name of await files.list(DIRECTORY)) {
    copy.put(`${DIRECTORY}/${name}`, files.get(`${DIRECTORY}/${name}`));
  }
  return copy;
}

/** Every whole line of a segment, parsed; lines that are none are left out. */
export function linesOf(files: MemoryFileSystem, firstSeq = 0): readonly ReturnType<typeof parseLine>[] {
  const bytes = files.get(`${DIRECTORY}/${String(firstSeq).padStart(20, "0")}.jsonl`);
  const lines: ReturnType<typeof parseLine>[] = [];
  let start = 0;
  for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
    try {
      lines.push(parseLine(bytes.subarray(start, end)));
    } catch {
      // Torn.
    }
    start = end + 1;
  }
  return lines;
}

/** Verifies a directory with every key there is. */
export async function verified(
  files: MemoryFileSystem,
  log: { readonly log: string; readonly publicKey: string },
  more: Partial<VerifyOptions> = {},
): Promise<LogReport> {
  await using source = await openLogSource(files, DIRECTORY);
  return await verifyLog(source, {
    ed25519: nodeEd25519,
    hashes: HASHES,
    now: Date.UTC(2026, 0, 1),
    publicKey: parseCheckpointKey(log.publicKey).publicKey,
    secrets: [deriveVerifySecret(new AuditRoot(ROOT), log.log, DEPLOYMENT)],
    ...more,
  });
}

/** An anchor in memory. */
export function testAnchor(): CheckpointAnchor & { kept: Uint8Array | undefined; fails: boolean } {
  return {
    kept: undefined,
    fails: false,
    async read() {
      return this.kept;
    },
    async write(_log, checkpoint) {
      if (this.fails) throw new Error("the anchor is down");
      this.kept = checkpoint.slice();
    },
  };
}

/** An event with a text of its own. */
export function change(index: number): AuditEvent {
  return auditEvent("PolicyChanged", { from: `from ${index}`, to: `to ${index}` });
}

/** A seal of a shard. */
export function sealed(shardId: string, more: object = {}): AuditEvent {
  return auditEvent("VramSealed", {
    shardId,
    sealId: `seal-${shardId}`,
    gpuDevice: 0,
    deviceUuid: "GPU-1",
    kid: "k0",
    epoch: "e",
    generation: 1,
    bytes: 4096,
    digest: "d",
    residency: { algorithm: "fsverity-sha256", digest: "d" },
    policy: "p",
    evidence: {} as never,
    workerId: "worker",
    ...more,
  });
}
