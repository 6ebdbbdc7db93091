/**
 * Checkpoints: C2SP signed notes over a log's size and root (docs/spec/audit-v1.md, section 6).
 *
 * @module
 */
import {
  concatBytes,
  decodeBase64,
  type Ed25519,
  encodeBase64,
  fromHex,
  sha256,
  toHex,
  utf8,
} from "@vram-residency/crypto";
import { lend } from "@vram-residency/crypto/secret";
import { VramError } from "@vram-residency/types";
import type { CheckpointSeed } from "./keys.ts";

/** Longest checkpoint. Unit: bytes. */
export const CHECKPOINT_BYTES_MAX = 512;

/** What a checkpoint says: the log's first `size` lines have this root. */
export interface TreeHead {
  /** Shape: 32 hexadecimal digits. */
  readonly log: string;
  /** Range: 1 to 2^53 - 1. */
  readonly size: number;
  /** Shape: 64 hexadecimal digits. */
  readonly root: string;
}

/** A checkpoint that was read. Nothing of it is trusted before {@link checkpointHolds}. */
export interface Checkpoint extends TreeHead {
  /** When it was cosigned. Unit: s since 1970. */
  readonly time: number;
  /** The three lines that are signed. */
  readonly body: string;
  /** Shape: 4 bytes of key id, 64 of signature. */
  readonly signature: Uint8Array;
  /** Shape: 4 bytes of key id, 8 of time, 64 of signature. */
  readonly cosignature: Uint8Array;
}

/** The public key of a log's checkpoints. */
export interface CheckpointKey {
  /** Shape: 32 hexadecimal digits. */
  readonly log: string;
  /** Shape: 32 bytes. */
  readonly publicKey: Uint8Array;
}

const ORIGIN = "vram-residency.invalid/log/";
const SIGNATURE = 0x01;
const COSIGNATURE = 0x04;
/** The last second of the year 9999. */
const TIME_MAX = 253402300799;
const NOTE =
  /^(vram-residency\.invalid\/log\/([0-9a-f]{32})\n([1-9][0-9]{0,15})\n([A-Za-z0-9+/=]{44})\n)\n\u2014 (\S+) ([A-Za-z0-9+/=]{92})\n\u2014 (\S+) ([A-Za-z0-9+/=]{104})\n$/;

/**
 * Signs a checkpoint, and cosigns it with the time.
 *
 * @param wall - Unit: ms since 1970.
 * @returns The note. Shape: at most 512 bytes.
 * @throws {@link VramError} `ERR_INPUT_INVALID` for a size, root, log or time that no checkpoint can have.
 */
export function signCheckpoint(
  head: TreeHead,
  seed: CheckpointSeed,
  wall: number,
  ed25519: Ed25519,
): Uint8Array {
  const time = Math.floor(wall / 1000);
  const { log, size, root } = head;
  if (!/^[0-9a-f]{32}$/.test(log)) refuseInput("log", "expected 32 lowercase hexadecimal digits");
  if (!Number.isSafeInteger(size) || size < 1) refuseInput("size", "expected an integer from 1 to 2^53 - 1");
  if (!/^[0-9a-f]{64}$/.test(root)) refuseInput("root", "expected 64 lowercase hexadecimal digits");
  if (!(time >= 0 && time <= TIME_MAX)) refuseInput("time", "expected the years 1970 to 9999");

  const name = ORIGIN + log;
  const body = `${name}\n${size}\n${encodeBase64(fromHex(root))}\n`;
  const publicKey = lend(seed, (bytes) => ed25519.publicKey(bytes));
  const sign = (message: string): Uint8Array => lend(seed, (bytes) => ed25519.sign(bytes, utf8(message)));
  const line = (algorithm: number, ...rest: readonly Uint8Array[]): string =>
    `\u2014 ${name} ${encodeBase64(concatBytes(keyHash(name, algorithm, publicKey), ...rest))}\n`;
  const signatures = [
    line(SIGNATURE, sign(body)),
    line(COSIGNATURE, u64be(time), sign(cosigned(body, time))),
  ];
  return utf8(`${body}\n${signatures.join("")}`);
}

/**
 * Reads a checkpoint, and accepts only what {@link signCheckpoint} could have written.
 *
 * @throws {@link VramError} `ERR_FORMAT_INVALID` with format "checkpoint": rule "too-large", "utf8", "note", "name",
 * "size", "time", or one of base64's.
 */
export function parseCheckpoint(bytes: Uint8Array): Checkpoint {
  if (bytes.length > CHECKPOINT_BYTES_MAX) refuse("too-large");
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    refuse("utf8");
  }
  const [, body = "", log = "", digits = "", root = "", name = "", sig = "", coName = "", cosig = ""] =
    NOTE.exec(text) ?? refuse("note");
  if (name !== ORIGIN + log || coName !== name) refuse("name");
  const size = Number(digits);
  if (!Number.isSafeInteger(size)) refuse("size");
  const [hash, signature, cosignature] = [decodeBase64(root), decodeBase64(sig), decodeBase64(cosig)];
  // One length of base64 is three lengths of bytes.
  if (hash.length !== 32 || signature.length !== 68 || cosignature.length !== 76) refuse("note");
  const time = readU64be(cosignature.subarray(4, 12));
  if (time > TIME_MAX) refuse("time");
  return { log, size, root: toHex(hash), time, body, signature, cosignature };
}

/** True when both signatures of a checkpoint hold under the key. Never throws. */
export function checkpointHolds(checkpoint: Checkpoint, publicKey: Uint8Array, ed25519: Ed25519): boolean {
  const { log, body, time, signature, cosignature } = checkpoint;
  const name = ORIGIN + log;
  const holds = (algorithm: number, signed: Uint8Array, at: number, message: string): boolean =>
    toHex(signed.subarray(0, 4)) === toHex(keyHash(name, algorithm, publicKey)) &&
    ed25519.verify(publicKey, utf8(message), signed.subarray(at));
  return holds(SIGNATURE, signature, 4, body) && holds(COSIGNATURE, cosignature, 12, cosigned(body, time));
}

/** Writes a log's public key as C2SP verifier key: what `log.pub` and `LogOpened` hold. */
export function encodeCheckpointKey({ log, publicKey }: CheckpointKey): string {
  const name = ORIGIN + log;
  const key = concatBytes(Uint8Array.of(SIGNATURE), publicKey);
  return `${name}+${toHex(keyHash(name, SIGNATURE, publicKey))}+${encodeBase64(key)}`;
}

/**
 * Reads what {@link encodeCheckpointKey} wrote, with at most one newline behind it.
 *
 * @throws {@link VramError} `ERR_FORMAT_INVALID` with format "checkpoint key" for anything else.
 */
export function parseCheckpointKey(text: string): CheckpointKey {
  const pattern = /^vram-residency\.invalid\/log\/([0-9a-f]{32})\+[0-9a-f]{8}\+([A-Za-z0-9+/]{44})\n?$/;
  const [, log = "", base64 = ""] = pattern.exec(text) ?? refuse("key", "checkpoint key");
  const key = { log, publicKey: decodeBase64(base64).subarray(1) };
  // Covers the key hash, the algorithm and the length.
  if (encodeCheckpointKey(key) !== text.replace(/\n$/, "")) refuse("key", "checkpoint key");
  return key;
}

/** What a cosignature signs (C2SP tlog-cosignature): the time, then the note's text. */
function cosigned(body: string, time: number): string {
  return `cosignature/v1\ntime ${time}\n${body}`;
}

/** C2SP signed-note's key id: the first 4 bytes of SHA-256(name || LF || algorithm || public key). */
function keyHash(name: string, algorithm: number, publicKey: Uint8Array): Uint8Array {
  return sha256(concatBytes(utf8(`${name}\n`), Uint8Array.of(algorithm), publicKey)).slice(0, 4);
}

function u64be(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}

function readU64be(bytes: Uint8Array): number {
  return Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0));
}

function refuse(rule: string, format: string = "checkpoint"): never {
  const message = `the ${format} breaks the rule "${rule}": take it again from where it was made`;
  throw new VramError("ERR_FORMAT_INVALID", message, { format, rule, offset: 0 });
}

function refuseInput(field: string, reason: string): never {
  throw new VramError("ERR_INPUT_INVALID", `${field}: ${reason}`, { field, reason });
}
