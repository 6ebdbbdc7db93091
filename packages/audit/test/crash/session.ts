/**
 * A log's life in one script, over files in memory, and what must be true of whatever is left of it.
 *
 * @module
 */
import { auditEvent } from "@vram-residency/audit";
import { AuditLog, type CheckpointAnchor, openLogSource } from "@vram-residency/audit/file";
import {
  type AuditLine,
  AuditRoot,
  deriveVerifySecret,
  type LogReport,
  parseLine,
  verifyLog,
} from "@vram-residency/audit/log";
import { nodeEd25519 } from "@vram-residency/crypto/node";
import {
  type CrashChoice,
  type FakeTimers,
  fakeClock,
  fakeTimers,
  type MemoryFileSystem,
  memoryFileSystem,
  seededRandom,
} from "@vram-residency/testing";
import type { AuditEvent, FileSystem } from "@vram-residency/types";
import { DEPLOYMENT, HASHES, ROOT } from "../log/fixtures.ts";

/** Where the log is. */
export const DIRECTORY = "/state/audit";
const SEGMENT_BYTES = 6000;

/** What the outside world was told. It survives every crash. */
export interface Told {
  /** The text of each acknowledged record, by its number. */
  readonly records: Map<number, string>;
  /** Every checkpoint that was given out. */
  readonly checkpoints: Uint8Array[];
  /** What an anchor was given last. */
  anchored: Uint8Array | undefined;
}

/** Nothing told yet. */
export function newTold(): Told {
  return { records: new Map(), checkpoints: [], anchored: undefined };
}

/** The same, for another way that the world may go. */
export function copyTold({ records, checkpoints, anchored }: Told): Told {
  return { records: new Map(records), checkpoints: [...checkpoints], anchored };
}

/** A record with a text of its own. */
export function named(text: string): AuditEvent {
  return auditEvent("PolicyChanged", { from: text, to: "to" });
}

/** Opens the log as one more process would. @param life - Which process it is. */
export function openLife(
  fileSystem: FileSystem,
  life: number,
  told: Told,
  timers?: FakeTimers,
): Promise<AuditLog> {
  const clock = fakeClock({ mono: BigInt(life) * 1_000_000_000n });
  const anchor: CheckpointAnchor = {
    read: async () => told.anchored,
    async write(_log, checkpoint) {
      told.anchored = checkpoint.slice();
    },
  };
  return AuditLog.open({
    directory: DIRECTORY,
    root: new AuditRoot(ROOT),
    deployment: DEPLOYMENT,
    fileSystem,
    clock,
    timers: timers ?? fakeTimers(clock),
    random: seededRandom(1000 + life),
    // A dead process holds no lock, and there is one process at a time here.
    lock: { acquire: async () => ({ [Symbol.asyncDispose]: async () => {} }) },
    ed25519: nodeEd25519,
    hashes: HASHES,
    anchor,
    segmentBytes: SEGMENT_BYTES,
  });
}

async function append(log: AuditLog, text: string, told: Told): Promise<void> {
  const { seq } = await log.append(named(text));
  if (told.records.has(seq)) throw new Error(`record ${seq} was acknowledged twice`);
  told.records.set(seq, text);
}

/** Appends records all at once, and waits for every answer. */
export async function appendAll(log: AuditLog, texts: readonly string[], told: Told): Promise<void> {
  await Promise.allSettled(texts.map((text) => append(log, text, told)));
}

/** One process: batches of several sizes, a checkpoint, and enough to begin a new segment. Takes every failure as an answer. */
async function life(files: FileSystem, number: number, told: Told): Promise<void> {
  const log = await openLife(files, number, told);
  let written = 0;
  const batch = (count: number): Promise<void> =>
    appendAll(
      log,
      Array.from({ length: count }, () => `life ${number}, record ${written++}`),
      told,
    );
  await batch(1);
  await batch(3);
  await log.checkpoint().then(
    (note) => told.checkpoints.push(note),
    () => {},
  );
  await batch(7);
  await batch(1);
  await log[Symbol.asyncDispose]();
}

/** Two processes after each other; the second goes on with what the first has left. */
export async function session(files: FileSystem, told: Told): Promise<void> {
  for (const number of [1, 2]) await life(files, number, told).catch(() => {});
}

/** Runs the script until its end, or its process's. */
export async function play(files: MemoryFileSystem, told: Told): Promise<void> {
  await Promise.race([session(files, told), files.halted]);
}

/** How many file calls of each kind a script without faults makes. */
export async function cleanRun(): Promise<MemoryFileSystem> {
  const files = memoryFileSystem();
  await session(files, newTold());
  return files;
}

/** Verifies with every key there is, and everything that was told. */
async function verify(files: FileSystem, log: string, told: Told): Promise<LogReport> {
  await using source = await openLogSource(files, DIRECTORY);
  const against = told.checkpoints.at(-1);
  return await verifyLog(source, {
    ed25519: nodeEd25519,
    hashes: HASHES,
    now: Date.UTC(2026, 0, 1),
    secrets: [deriveVerifySecret(new AuditRoot(ROOT), log, DEPLOYMENT)],
    ...(against === undefined ? {} : { against }),
  });
}

/** Every record that counts. */
export async function recordsOf(
  files: FileSystem,
  directory: string = DIRECTORY,
): Promise<readonly AuditLine[]> {
  await using source = await openLogSource(files, directory);
  const lines: AuditLine[] = [];
  for await (const { chunks, keepBytes } of source.segments) {
    const parts: Uint8Array[] = [];
    for await (const chunk of chunks) parts.push(chunk.slice());
    const bytes = Buffer.concat(parts).subarray(0, keepBytes);
    for (let at = 0, end = bytes.indexOf(10); end >= 0; at = end + 1, end = bytes.indexOf(10, at)) {
      lines.push(parseLine(bytes.subarray(at, end)));
    }
  }
  return lines;
}

/** What is wrong with a log, given what was told of it; undefined when nothing is. */
async function faultOf(files: FileSystem, log: string, told: Told): Promise<string | undefined> {
  const report = await verify(files, log, told);
  if (report.verdict !== "sound") return `${report.verdict}: ${JSON.stringify(report.bad)}`;
  if (told.checkpoints.length > 0 && report.trust !== "anchored")
    return "a checkpoint that was given out is none of it";
  const lines = await recordsOf(files);
  for (const [seq, text] of told.records) {
    if (lines[seq]?.data["from"] !== text) return `record ${seq} was acknowledged and is lost`;
  }
  const texts = lines.filter(({ type }) => type === "PolicyChanged").map(({ data }) => data["from"]);
  return new Set(texts).size === texts.length ? undefined : "a record is there twice";
}

/**
 * Opens what is left of a log and says what is wrong with it; undefined when nothing is.
 *
 * Everything acknowledged is there; the verifier finds it sound, and every checkpoint that was given out in it; and the recovery is done once:
 * an opening after one that died at once finds nothing more to put right.
 */
export async function judge(files: MemoryFileSystem, told: Told): Promise<string | undefined> {
  const log = await openLife(files, 3, told);
  const fault = await faultOf(files, log.log, told);
  if (fault !== undefined) return fault;
  // Dies without a word.
  const dead = files.crash(({ options }) => options - 1);
  const toldDead = copyTold(told);
  await log[Symbol.asyncDispose]();
  const again = await openLife(dead, 4, toldDead);
  const { found, recovered, abandonedBytes, lostSeals } = again.opened;
  await again[Symbol.asyncDispose]();
  if (recovered || abandonedBytes > 0 || lostSeals > 0) return "what was recovered is recovered again";
  if (found !== "unclean") return `a log that was not closed was found ${found}`;
  if ((await dead.list(DIRECTORY)).some((name) => name.endsWith(".new"))) return "an unfinished file stays";
  return await faultOf(dead, log.log, toldDead);
}

/** Judges each thing that a power loss could leave. */
export async function judgeCrashes(
  files: MemoryFileSystem,
  told: Told,
  choices: Readonly<Record<string, () => CrashChoice>>,
): Promise<readonly string[]> {
  const faults: string[] = [];
  for (const [name, choose] of Object.entries(choices)) {
    const left = files.crash(choose());
    const fault = await judge(left, copyTold(told)).catch((error: unknown) => String(error));
    if (fault !== undefined) faults.push(`${name}: ${fault}`);
  }
  return faults;
}
