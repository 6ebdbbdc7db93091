import {
  AuditRoot,
  deriveCheckpointSeed,
  deriveMacKey,
  deriveVerifySecret,
  encodeCheckpointKey,
  type LogReport,
  type LogWriterState,
  logOpened,
  type Opening,
  segmentOpened,
  signCheckpoint,
  type VerifyOptions,
  verifyLog,
  wrapMacKey,
} from "@vram-residency/audit/log";
import { concatBytes, type Ed25519, toHex } from "@vram-residency/crypto";
import { nodeEd25519 } from "@vram-residency/crypto/node";
import { lend } from "@vram-residency/crypto/secret";
import { change, DEPLOYMENT, EPOCH, freshState, HASHES, LOG, ROOT, WALL } from "./fixtures.ts";

/** The files of a log, in memory. */
export interface Files {
  readonly segments: readonly {
    readonly firstSeq: number;
    readonly bytes: Uint8Array;
    readonly keepBytes?: number;
  }[];
  readonly checkpoints: Uint8Array;
  readonly head?: Uint8Array;
}

export function keysOf(
  root: AuditRoot,
  log: string = LOG,
  epoch: string = EPOCH,
): Opening & { publicKey: Uint8Array } {
  const seed = deriveCheckpointSeed(root, DEPLOYMENT);
  const publicKey = lend(seed, (bytes) => nodeEd25519.publicKey(bytes));
  const secret = deriveVerifySecret(root, log, DEPLOYMENT);
  const macKey = wrapMacKey(secret, epoch, deriveMacKey(root, epoch, DEPLOYMENT));
  return { kid: secret.kid, key: encodeCheckpointKey({ log, publicKey }), macKey, publicKey };
}

/** Writes a log record by record. */
export class LogMaker {
  state: LogWriterState;
  root: AuditRoot = new AuditRoot(ROOT);
  opening: Opening;
  segments: { firstSeq: number; lines: Uint8Array[]; keepBytes?: number }[] = [{ firstSeq: 0, lines: [] }];
  notes: Uint8Array[] = [];

  constructor(log: string = LOG, epoch: string = EPOCH) {
    this.state = freshState(epoch, log);
    this.opening = keysOf(this.root, log, epoch);
    this.add(logOpened(this.opening));
  }

  add(event: Parameters<LogWriterState["append"]>[0]): this {
    const { size } = this.state;
    const { bytes } = this.state.append(event, { wall: WALL + 1000 * size, mono: BigInt(size) });
    this.segments.at(-1)?.lines.push(bytes);
    return this;
  }

  changes(count: number): this {
    for (let index = 0; index < count; index += 1) this.add(change(this.state.size));
    return this;
  }

  checkpoint(root: AuditRoot = this.root): this {
    const { log, size, tree } = this.state;
    const head = { log, size, root: toHex(tree.root()) };
    this.notes.push(
      signCheckpoint(head, deriveCheckpointSeed(root, DEPLOYMENT), WALL + 1000 * size, nodeEd25519),
    );
    return this;
  }

  rotateSegment(): this {
    const event = segmentOpened(this.state, this.opening);
    this.segments.push({ firstSeq: this.state.size, lines: [] });
    return this.add(event);
  }

  files(): Files {
    const head = this.notes.at(-1);
    return {
      segments: this.segments.map(({ lines, ...rest }) => ({ ...rest, bytes: concatBytes(...lines) })),
      checkpoints: concatBytes(...this.notes),
      ...(head ? { head } : {}),
    };
  }
}

/** A cleanly closed log: `records` lines, a checkpoint after the first, every eighth and the last. */
export function closedLog(records: number, log: string = LOG): LogMaker {
  const maker = new LogMaker(log).checkpoint();
  while (maker.state.size < records) {
    maker.changes(1);
    if (maker.state.size % 8 === 0 || maker.state.size === records) maker.checkpoint();
  }
  return maker;
}

const answers = new Map<string, boolean>();

/** Remembers what was verified: a flipped bit leaves most signatures as they were. */
const remembering: Ed25519 = {
  ...nodeEd25519,
  verify(publicKey, message, signature) {
    const question = Buffer.concat([publicKey, signature, message]).toString("latin1");
    const answer = answers.get(question) ?? nodeEd25519.verify(publicKey, message, signature);
    answers.set(question, answer);
    return answer;
  },
};

export const BASE: VerifyOptions = { ed25519: remembering, hashes: HASHES, now: WALL };
export const PINNED: VerifyOptions = { ...BASE, publicKey: keysOf(new AuditRoot(ROOT)).publicKey };

/** Every way to verify: with the log's own key, the pinned one, and the MACs as well. */
export const WITH_MACS: VerifyOptions = {
  ...PINNED,
  secrets: [deriveVerifySecret(new AuditRoot(ROOT), LOG, DEPLOYMENT)],
};

/** Verifies files in chunks of `chunkBytes`. */
export function verifyFiles(
  files: Files,
  options: VerifyOptions = PINNED,
  chunkBytes = 4096,
): Promise<LogReport> {
  const { segments, checkpoints, head } = files;
  const cut = function* (bytes: Uint8Array): Generator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
  };
  const source = {
    segments: segments.map(({ bytes, ...rest }) => ({ ...rest, chunks: cut(bytes) })),
    checkpoints: cut(checkpoints),
  };
  return verifyLog(head ? { ...source, head } : source, options);
}
