/**
 * Reads what a directory holds of a log, changes nothing, and refuses what no crash explains.
 *
 * @module
 */
import { equalBytes, utf8 } from "@vram-residency/crypto";
import { type FileHandle, hasCode, VramError } from "@vram-residency/types";
import { type Checkpoint, parseCheckpoint } from "../log/checkpoint.ts";
import { auditKeyId } from "../log/keys.ts";
import { type AuditLine, LINE_BYTES_MAX, PORTABLE_HASHES, parseLine } from "../log/line.ts";
import { unavailable } from "../unavailable.ts";
import { type CheckpointOwner, type FoundCheckpoints, isOwn, readCheckpoints } from "./checkpoints.ts";
import { readFile } from "./files.ts";
import { keysOf, type LogKeys } from "./keys.ts";
import { CHECKPOINT_FILE, CHECKPOINTS_FILE, KEY_FILE, segmentFile } from "./names.ts";
import type { AuditLogOptions } from "./options.ts";
import { type Damage, inconsistent, tampered } from "./refusal.ts";
import { type OldSegment, Replay } from "./replay.ts";
import { keepBytesIn } from "./source.ts";
import { UNSIGNED_MAX } from "./writer.ts";

/** A log that can be gone on with. */
export interface Found {
  readonly keys: LogKeys;
  readonly checkpoints: FoundCheckpoints;
  readonly replay: Replay;
  /** The last line that holds. */
  readonly last: AuditLine;
  /** The last segment, opened to read and write. */
  readonly segment: OldSegment;
  /** How long the last segment is. Unit: bytes. */
  readonly bytes: number;
}

/** Longest `log.pub`. Unit: bytes. */
const KEY_BYTES_MAX = 256;

/** Refuses a directory without segments that is not that of a new log. */
export async function assertNew(options: AuditLogOptions, names: readonly string[]): Promise<void> {
  const left = [CHECKPOINT_FILE, CHECKPOINTS_FILE, KEY_FILE].filter((name) => names.includes(name));
  if (left.length > 0) throw inconsistent(`every segment was removed, ${left.join(" and ")} stayed`);
  if ((await options.anchor?.read(undefined)) !== undefined) {
    throw inconsistent("the anchor knows of a log that is not there");
  }
}

/**
 * Reads the end of a log again: from the last segment that stands for itself, and from before the newest checkpoint.
 *
 * @throws `ERR_AUDIT_UNAVAILABLE` when it was tampered with, `ERR_CONFIG_INVALID` when it is another root's.
 */
export async function examine(options: AuditLogOptions, firsts: readonly number[]): Promise<Found> {
  const { fileSystem, directory, root, deployment, ed25519 } = options;
  const newestLine = await firstLine(options, firsts.at(-1) ?? 0);
  await assertRoot(options, firsts);
  const keys = keysOf(root, newestLine.log, ed25519, deployment);
  const owner = { log: keys.log, publicKey: keys.publicKey, ed25519 };
  const checkpoints = await readCheckpoints(fileSystem, directory, owner);
  const anchored = await readAnchor(options, owner);
  await assertKeyFile(options, keys.key);

  const signed = checkpoints.newest?.checkpoint.size ?? 0;
  const from = await startingAt(options, firsts, Math.min(signed, anchored?.size ?? signed));
  const signs = { keys, checkpoints, anchored };
  const again = firsts.slice(firsts.indexOf(from));
  try {
    return await compare(options, again, signs, signed);
  } catch (error) {
    if (!hasCode(error, "ERR_AUDIT_UNAVAILABLE")) throw error;
    // Somebody's hand. Below the checkpoint, only the MACs say which record is the first bad one.
    return await compare(options, again, signs, 0);
  }
}

/** What the records are compared with. */
interface Signs {
  readonly keys: LogKeys;
  readonly checkpoints: FoundCheckpoints;
  readonly anchored: Checkpoint | undefined;
}

/** @param macsFrom - First record whose MAC is checked: the newest checkpoint vouches for those that it covers. */
async function compare(
  options: AuditLogOptions,
  firsts: readonly number[],
  { keys, checkpoints, anchored }: Signs,
  macsFrom: number,
): Promise<Found> {
  const signed = checkpoints.newest?.checkpoint.size ?? 0;
  const sizes = [signed, anchored?.size ?? signed];
  const replay = new Replay(options.hashes ?? PORTABLE_HASHES, keys.secret, sizes, macsFrom);
  let segment: OldSegment | undefined;
  try {
    const ended = await readAgain(options, firsts, replay, signed);
    segment = ended.segment;
    const { bytes } = await segment.file.stat();
    assertSigned(replay, checkpoints.newest?.checkpoint);
    assertAnchored(replay, anchored, signed);
    const { last } = replay;
    if (last === undefined) throw inconsistent("no record holds");
    return { keys, checkpoints, replay, last, segment, bytes };
  } catch (error) {
    replay[Symbol.dispose]();
    await segment?.file[Symbol.asyncDispose]();
    throw error;
  }
}

/** Reads segments, the last of which is left open. Damage is a crash's only behind the newest checkpoint, at the very end. */
async function readAgain(
  { fileSystem, directory }: AuditLogOptions,
  firsts: readonly number[],
  replay: Replay,
  signed: number,
): Promise<{ readonly segment: OldSegment }> {
  let before: OldSegment | undefined;
  for (const [index, firstSeq] of firsts.entries()) {
    const isLast = index === firsts.length - 1;
    const path = `${directory}/${segmentFile(firstSeq)}`;
    const file = await fileSystem.open(path, { mode: isLast ? "read-write" : "read", noFollow: true });
    try {
      const keepBytes = isLast ? undefined : await cutBy(fileSystem, directory, firsts[index + 1] ?? 0);
      const segment: OldSegment = { firstSeq, file, ...(keepBytes === undefined ? {} : { keepBytes }) };
      const damage = await replay.read(segment, before);
      if (damage !== undefined && !isTorn(damage, isLast, signed)) throw tampered(damage);
      if (isLast) return { segment };
      before = segment;
    } catch (error) {
      await file[Symbol.asyncDispose]();
      throw error;
    }
    await file[Symbol.asyncDispose]();
  }
  throw inconsistent("no record holds");
}

/** A segment appears with its first record durable, and the next one only once it is whole: a crash damages neither. */
function isTorn({ seq, offset }: Damage, isLast: boolean, signed: number): boolean {
  return isLast && offset > 0 && seq >= signed;
}

async function cutBy(
  fileSystem: AuditLogOptions["fileSystem"],
  directory: string,
  firstSeq: number,
): Promise<number | undefined> {
  const file: FileHandle = await fileSystem.open(`${directory}/${segmentFile(firstSeq)}`, {
    mode: "read",
    noFollow: true,
  });
  try {
    return await keepBytesIn(file);
  } finally {
    await file[Symbol.asyncDispose]();
  }
}

/** Finds the last segment that stands for itself and begins at `seq` or before. */
async function startingAt(options: AuditLogOptions, firsts: readonly number[], seq: number): Promise<number> {
  for (const firstSeq of firsts.toReversed()) {
    if (firstSeq > seq) continue;
    const { type, data } = await firstLine(options, firstSeq);
    if (firstSeq > 0 && !(type === "SegmentOpened" && Array.isArray(data["live"]))) continue;
    return firstSeq;
  }
  throw inconsistent("the segment that the newest checkpoint rests on was removed");
}

/** A log of another root is no damage: whoever opened it mixed something up. */
async function assertRoot(options: AuditLogOptions, firsts: readonly number[]): Promise<void> {
  const kid = auditKeyId(options.root, options.deployment);
  for (const firstSeq of firsts.toReversed()) {
    const { data } = await firstLine(options, firstSeq);
    if (typeof data["kid"] !== "string") continue;
    if (data["kid"] === kid) return;
    const reason = `the log was written under another audit root than ${kid}; give that one, or another directory`;
    throw new VramError("ERR_CONFIG_INVALID", `root: ${reason}`, { field: "root", reason });
  }
}

async function firstLine({ fileSystem, directory }: AuditLogOptions, firstSeq: number): Promise<AuditLine> {
  const path = `${directory}/${segmentFile(firstSeq)}`;
  const bytes = (await readFile(fileSystem, path, LINE_BYTES_MAX + 1)) ?? new Uint8Array(0);
  try {
    return parseLine(bytes.subarray(0, Math.max(0, bytes.indexOf(0x0a))));
  } catch (error) {
    if (!hasCode(error, "ERR_FORMAT_INVALID")) throw error;
    throw tampered({ seq: firstSeq, segment: firstSeq, offset: 0, rule: error.detail.rule });
  }
}

async function readAnchor(
  { anchor }: AuditLogOptions,
  owner: CheckpointOwner,
): Promise<Checkpoint | undefined> {
  const bytes = await anchor?.read(owner.log);
  if (bytes === undefined) return undefined;
  let checkpoint: Checkpoint;
  try {
    checkpoint = parseCheckpoint(bytes);
  } catch (cause) {
    throw unavailable("the anchor holds no checkpoint; mend or replace the anchor", cause);
  }
  if (!isOwn(checkpoint, owner)) throw inconsistent("the anchor holds another log's checkpoint");
  return checkpoint;
}

async function assertKeyFile({ fileSystem, directory }: AuditLogOptions, key: string): Promise<void> {
  const found = await readFile(fileSystem, `${directory}/${KEY_FILE}`, KEY_BYTES_MAX);
  if (found !== undefined && !equalBytes(found, utf8(`${key}\n`))) {
    throw inconsistent(`${KEY_FILE} does not hold the log's key`);
  }
}

function assertSigned(replay: Replay, newest: Checkpoint | undefined): void {
  const { size } = replay.chain;
  const signed = newest?.size ?? 0;
  if (newest !== undefined && size < signed)
    throw inconsistent(`${signed} records are signed, ${size} are there`);
  if (newest !== undefined && replay.roots.get(signed) !== newest.root) {
    throw inconsistent(`the records before ${signed} are not those that were signed`);
  }
  // One more than a batch leaves room for: the record of a recovery.
  const allowed = newest === undefined ? UNSIGNED_MAX - 1 : UNSIGNED_MAX + 1;
  if (size - signed > allowed) {
    throw inconsistent(`${size - signed} records follow the newest checkpoint: later ones were removed`);
  }
}

function assertAnchored(replay: Replay, anchored: Checkpoint | undefined, signed: number): void {
  if (anchored === undefined) return;
  if (anchored.size > signed) {
    throw inconsistent(
      `the anchor knows of ${anchored.size} signed records, the directory of ${signed}: rolled back`,
    );
  }
  if (replay.roots.get(anchored.size) !== anchored.root) {
    throw inconsistent(`the records before ${anchored.size} are not those that the anchor knows of`);
  }
}
