import {
  assertPort,
  assertText,
  type Ed25519,
  isWellFormed,
  readOptions,
  refuseArgument,
} from "@vram-residency/crypto";
import {
  byteCount,
  type Clock,
  type DirLock,
  type FileSystem,
  type Random,
  type Timers,
} from "@vram-residency/types";
import type { AuditRoot } from "../log/keys.ts";
import type { LogHashes } from "../log/line.ts";

/** A place outside of the log's directory that remembers its newest checkpoint. */
export interface CheckpointAnchor {
  /**
   * Reads what was last written for a log.
   *
   * @param log - Its id; undefined when the directory holds no log: then whatever the anchor knows of a log that should be
   * there.
   * @returns The checkpoint; undefined when there is none.
   */
  read(log: string | undefined): Promise<Uint8Array | undefined>;
  /** Replaces it. One call at a time; a failure is recorded, and does not stop the log. */
  write(log: string, checkpoint: Uint8Array): Promise<void>;
}

/** Parts and limits of an `AuditLog`. */
export interface AuditLogOptions {
  /** Made when missing, for its owner alone. */
  readonly directory: string;
  /** Never the seal root; keep it where the log is not. The caller's: the log derives what it needs while it opens. */
  readonly root: AuditRoot;
  /** Default "default". */
  readonly deployment?: string;
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly lock: DirLock;
  readonly ed25519: Ed25519;
  /** Default: the portable ones. */
  readonly hashes?: LogHashes;
  readonly anchor?: CheckpointAnchor;
  /** When a new segment begins. Unit: bytes. Default 64 MiB. */
  readonly segmentBytes?: number;
  /** Longest a batch may take to reach the disk. Unit: ms. Default 2000. */
  readonly deadlineMs?: number;
  /** Most events waiting. Default 4096. */
  readonly queueMax?: number;
}

const NAMES = [
  "directory",
  "root",
  "deployment",
  "fileSystem",
  "clock",
  "timers",
  "random",
  "lock",
  "ed25519",
  "hashes",
  "anchor",
  "segmentBytes",
  "deadlineMs",
  "queueMax",
] as const;

/** Checks options and copies them. @throws `ERR_INPUT_INVALID` for what is none. */
export function checkedOptions(from: AuditLogOptions): AuditLogOptions {
  const options = readOptions(from, "options", NAMES);
  const { directory, anchor, hashes } = options;
  assertPort(options.fileSystem, "fileSystem", "makeDirectory", "open", "rename", "list", "syncDirectory");
  assertPort(options.clock, "clock", "wall", "mono");
  assertPort(options.timers, "timers", "after");
  assertPort(options.random, "random", "bytes");
  assertPort(options.lock, "lock", "acquire");
  assertPort(options.ed25519, "ed25519", "publicKey", "sign", "verify");
  if (hashes !== undefined) assertPort(hashes, "hashes", "sha256", "hmacSha256");
  if (anchor !== undefined) assertPort(anchor, "anchor", "read", "write");
  assertText(directory, "directory");
  // An empty one would be the root of all files, and a lone surrogate another name than the one that was meant.
  if (directory === "" || directory.includes("\0") || !isWellFormed(directory)) {
    refuseArgument("directory", "expected a path in well-formed text without NUL");
  }
  for (const name of ["segmentBytes", "deadlineMs", "queueMax"] as const) {
    const value = options[name];
    if (value !== undefined) byteCount(value, name);
  }
  return options;
}
