/**
 * Makes a log, or goes on with one: every way that a process may have ended is put right, and recorded.
 *
 * @module
 */
import { toHex, utf8 } from "@vram-residency/crypto";
import type { AuditEvent, FileSystem } from "@vram-residency/types";
import { auditEvent } from "../event.ts";
import { PORTABLE_HASHES } from "../log/line.ts";
import { logOpened } from "../log/opening.ts";
import { LogWriterState } from "../log/writer-state.ts";
import { CheckpointFiles } from "./checkpoints.ts";
import { type Draft, encodeBatch } from "./encode.ts";
import { assertNew, examine, type Found } from "./examine.ts";
import { chunksOf, errorCode, removeIfThere, replaceFile, writeAll } from "./files.ts";
import { type Epoch, keysOf, type LogKeys, newEpoch } from "./keys.ts";
import { KEY_FILE, segmentFile, segmentsAmong, UNFINISHED } from "./names.ts";
import type { AuditLogOptions } from "./options.ts";
import type { OpenedReport } from "./report.ts";
import { LiveSeals } from "./seals.ts";
import { GrowingFile } from "./segment.ts";
import { cutTail, type Torn, unrecordedTorn } from "./torn.ts";
import { dayOf, Writer } from "./writer.ts";

/** When a new segment begins. Unit: bytes. */
const SEGMENT_BYTES = 64 * 1024 * 1024;
/** Most torn files that a record names. */
const TORN_NAMED_MAX = 8;

/** A log that is ready to be written. */
export interface OpenedLog {
  readonly writer: Writer;
  readonly log: string;
  readonly epoch: string;
  /** The verifier key. */
  readonly key: string;
  readonly report: OpenedReport;
}

/** Opens a directory that is locked. */
export async function openDirectory(options: AuditLogOptions): Promise<OpenedLog> {
  const names = await options.fileSystem.list(options.directory);
  const firsts = segmentsAmong(names);
  if (firsts.length > 0) return await goOn(options, firsts, names);
  await assertNew(options, names);
  return await begin(options);
}

async function begin(options: AuditLogOptions): Promise<OpenedLog> {
  const {
    fileSystem,
    directory,
    random,
    clock,
    root,
    deployment,
    ed25519,
    hashes = PORTABLE_HASHES,
  } = options;
  const keys = keysOf(root, toHex(random.bytes(16)), ed25519, deployment);
  const epoch = newEpoch(root, keys, random, deployment);
  const { log } = keys;
  const state = new LogWriterState({ log, epoch: epoch.epoch, macKey: epoch.macKey, hashes });
  await syncAncestors(fileSystem, directory);
  const { bytes, results } = encodeBatch(state, [logOpened(epoch.opening)], clock);
  if (results[0] !== 0) throw results[0];
  const file = await GrowingFile.create(fileSystem, `${directory}/${segmentFile(0)}`, bytes);
  return await disposingOnFailure([file], async () => {
    // The records first: checkpoints without any would look like a log that somebody emptied.
    await fileSystem.syncDirectory(directory);
    await replaceFile(fileSystem, `${directory}/${KEY_FILE}`, utf8(`${keys.key}\n`));
    const checkpoints = await CheckpointFiles.open(fileSystem, directory, { keepBytes: 0 });
    const segment = { firstSeq: 0, file, day: dayOf(clock.wall()) };
    const parts = {
      ...partsOf(options, keys, epoch),
      state,
      segment,
      checkpoints,
      seals: new LiveSeals(),
      signed: 0,
    };
    const report = {
      found: "new",
      records: 0,
      signed: 0,
      recovered: false,
      suspect: false,
      lostSeals: 0,
      abandonedBytes: 0,
    } as const;
    return await settle(new Writer(parts), [], keys, epoch, report);
  });
}

async function goOn(
  options: AuditLogOptions,
  firsts: readonly number[],
  names: readonly string[],
): Promise<OpenedLog> {
  const found = await examine(options, firsts);
  using replay = found.replay;
  await using old = found.segment.file;
  const opened: AsyncDisposable[] = [];
  return await disposingOnFailure(opened, async () => {
    const { keys, checkpoints, segment, last } = found;
    const clean = last.type === "LogClosed" && found.bytes === replay.offset;
    const torn = clean ? [] : await recover(options, found, names);
    const epoch = newEpoch(options.root, keys, options.random, options.deployment);
    const { tree, prev } = replay.chain;
    const { hashes = PORTABLE_HASHES, fileSystem, directory } = options;
    const state = new LogWriterState({
      log: keys.log,
      epoch: epoch.epoch,
      macKey: epoch.macKey,
      tree,
      prev,
      hashes,
    });
    // What somebody was making when it died is no part of the log.
    for (const name of names)
      if (name.endsWith(UNFINISHED)) await removeIfThere(fileSystem, `${directory}/${name}`);
    const path = `${directory}/${segmentFile(segment.firstSeq)}`;
    const file = await GrowingFile.adopt(fileSystem, path, old);
    opened.push(file);
    if (!names.includes(KEY_FILE))
      await replaceFile(fileSystem, `${directory}/${KEY_FILE}`, utf8(`${keys.key}\n`));
    const files = await CheckpointFiles.open(fileSystem, directory, checkpoints);
    const signed = checkpoints.newest?.checkpoint.size ?? 0;
    const writer = new Writer({
      ...partsOf(options, keys, epoch),
      state,
      segment: { firstSeq: segment.firstSeq, file, day: dayOf(Date.parse(replay.segmentTime)) },
      checkpoints: files,
      seals: replay.seals,
      signed,
    });
    const previous = { epoch: last.epoch, clean, liveSeals: replay.seals.size };
    const report: OpenedReport = {
      found: clean ? "clean" : "unclean",
      records: replay.chain.size,
      signed,
      previousEpoch: last.epoch,
      recovered: torn.length > 0,
      suspect: torn.some(({ suspect }) => suspect),
      lostSeals: replay.seals.size,
      abandonedBytes: torn.reduce((sum, { bytes }) => sum + bytes, 0),
    };
    const records = [logOpened(epoch.opening, { previous }), ...whatWasLost(replay.seals, torn, last.seq)];
    return await settle(writer, records, keys, epoch, report);
  });
}

/** Cuts off what is torn, and makes sure that what is kept is on the disk. */
async function recover(
  { fileSystem, directory }: AuditLogOptions,
  { replay, segment, bytes, checkpoints, keys }: Found,
  names: readonly string[],
): Promise<readonly Torn[]> {
  const { file, firstSeq } = segment;
  const keepBytes = replay.offset;
  if (bytes > keepBytes) {
    await cutTail(fileSystem, directory, { segment: firstSeq, file, keepBytes }, names, keys.log);
  }
  const signed = replay.places.get(checkpoints.newest?.checkpoint.size ?? 0) ?? { segment: 0, offset: 0 };
  // After a failed sync, what can be read may not be on the disk. What a checkpoint covers was synced before it was signed.
  const from = signed.segment === firstSeq ? signed.offset : 0;
  for await (const chunk of withPlaces(chunksOf(file, from, keepBytes), from)) {
    await writeAll(file, chunk.bytes, chunk.at);
  }
  await file.dataSync();
  const since = { segment: signed.segment, keepBytes: signed.offset };
  return await unrecordedTorn(fileSystem, directory, since, replay.named, keys.log);
}

async function* withPlaces(
  chunks: AsyncIterable<Uint8Array>,
  from: number,
): AsyncGenerator<{ readonly bytes: Uint8Array; readonly at: number }, void> {
  let at = from;
  for await (const bytes of chunks) {
    yield { bytes, at };
    at += bytes.length;
  }
}

function whatWasLost(seals: LiveSeals, torn: readonly Torn[], lastSeq: number): readonly AuditEvent[] {
  const lost = seals
    .list()
    .map((seal) => auditEvent("VramLost", { ...seal, reason: "process-ended", wiped: "unknown" }));
  if (torn.length === 0) return lost;
  const recovered = auditEvent("AuditRecovered", {
    lastSeq,
    suspect: torn.some(({ suspect }) => suspect),
    torn: torn.slice(-TORN_NAMED_MAX).map(({ file, bytes, digest }) => ({ file, bytes, digest })),
    tornBytes: torn.reduce((sum, { bytes }) => sum + bytes, 0),
  });
  return [recovered, ...lost];
}

/** Records how the log was found, and signs it. */
async function settle(
  writer: Writer,
  drafts: readonly Draft[],
  keys: LogKeys,
  { epoch }: Epoch,
  report: OpenedReport,
): Promise<OpenedLog> {
  const { log, key, secret } = keys;
  secret[Symbol.dispose]();
  return await disposingOnFailure([writer], async () => {
    // No checkpoint between LogOpened and AuditRecovered: whoever opens next looks for the latter behind the newest.
    if (drafts.length > 0 && writer.room < 2) await writer.sign();
    for (let done = 0; done < drafts.length; ) {
      if (writer.room === 0) await writer.sign();
      const batch = drafts.slice(done, done + writer.room);
      const refused = (await writer.commit(batch)).find((result) => typeof result !== "number");
      if (refused !== undefined) throw refused;
      done += batch.length;
    }
    await writer.sign();
    return { writer, log, epoch, key, report };
  });
}

function partsOf(
  { fileSystem, directory, clock, ed25519, segmentBytes = SEGMENT_BYTES }: AuditLogOptions,
  { seed }: LogKeys,
  { opening }: Epoch,
): Pick<
  ConstructorParameters<typeof Writer>[0],
  "fileSystem" | "directory" | "clock" | "ed25519" | "segmentBytes" | "opening" | "seed"
> {
  return { fileSystem, directory, clock, ed25519, segmentBytes, opening, seed };
}

/** Makes the names of a directory and of every one above it durable: whoever made them may have died before they were. */
async function syncAncestors(fileSystem: FileSystem, directory: string): Promise<void> {
  for (let path = directory; path !== ""; path = parentOf(path)) {
    try {
      await fileSystem.syncDirectory(`${path}/..`);
    } catch (error) {
      // A directory that we may pass through but not read cannot be synced, nor need one be where nothing can be written.
      if (!["EACCES", "EPERM", "EROFS", "EINVAL"].includes(errorCode(error))) throw error;
    }
  }
}

function parentOf(path: string): string {
  return path
    .replace(/\/*$/, "")
    .replace(/[^/]*$/, "")
    .replace(/\/+$/, "");
}

async function disposingOnFailure<Result>(
  parts: readonly AsyncDisposable[],
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    for (const part of parts) await part[Symbol.asyncDispose]();
    throw error;
  }
}
