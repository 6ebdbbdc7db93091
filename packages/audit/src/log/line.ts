/**
 * One line of the log: its bytes, and the strict way back (docs/spec/audit-v1.md, section 4).
 *
 * @module
 */
import {
  concatBytes,
  equalBytes,
  hmacSha256,
  parseStrictJson,
  sha256,
  toHex,
  utf8,
} from "@vram-residency/crypto";
import { lend } from "@vram-residency/crypto/secret";
import type { AuditSeverity, JsonObject, JsonValue } from "@vram-residency/types";
import { VramError } from "@vram-residency/types";
import { isPrintable } from "../text.ts";
import type { AuditMacKey } from "./keys.ts";

/** Longest line, without its newline. Unit: bytes. */
export const LINE_BYTES_MAX: number = 16 * 1024;

/** How many lines of an epoch one MAC key authenticates. */
export const LINES_PER_KEY = 256;

/** What `prev` says in a log's first line. */
export const NO_PREVIOUS: string = "0".repeat(64);

/** The keyed and plain hash that lines rest on. Neither may keep what it is given. */
export interface LogHashes {
  readonly sha256: (bytes: Uint8Array) => Uint8Array;
  readonly hmacSha256: (key: Uint8Array, data: Uint8Array) => Uint8Array;
}

/** The hashes that run everywhere. `@vram-residency/crypto/node` has faster ones. */
export const PORTABLE_HASHES: LogHashes = { sha256, hmacSha256 };

/** One record as it was read. */
export interface AuditLine {
  /** Shape: 32 hexadecimal digits. */
  readonly log: string;
  readonly seq: number;
  /** Shape: 32 hexadecimal digits. */
  readonly epoch: string;
  /** RFC 3339, ms. */
  readonly time: string;
  /** Unit: ns, decimal. */
  readonly mono: string;
  readonly type: string;
  readonly severity: AuditSeverity;
  readonly data: JsonObject;
  /** Leaf hash of the line before. Shape: 64 hexadecimal digits. */
  readonly prev: string;
  /** Shape: 64 hexadecimal digits. */
  readonly mac: string;
}

/** `,"mac":"` + 64 digits + `"}`: what the MAC does not cover. Unit: bytes. */
const MAC_TAIL_BYTES = 74;
const TAIL_BYTES = 2 * MAC_TAIL_BYTES;
const DEPTH_MAX = 9;
const [NEWLINE, QUOTE, BRACE] = [0x0a, 0x22, 0x7d];
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const ENCODER = new TextEncoder();
const MAC_DOMAIN = utf8("vram-audit/v1\n");
const MAC_NAME = utf8(',"mac":"');
const HEX_DIGITS = utf8("0123456789abcdef");
/** What a MAC is of, and then the whole line. Only what follows the domain is written anew each time, so as not to allocate. */
const SCRATCH: Uint8Array = concatBytes(MAC_DOMAIN, new Uint8Array(LINE_BYTES_MAX + 1));
const LINE: Uint8Array = SCRATCH.subarray(MAC_DOMAIN.length);

const HEAD =
  /^\{"v":1,"log":"([0-9a-f]{32})","seq":(0|[1-9][0-9]{0,15}),"epoch":"([0-9a-f]{32})","time":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)","mono":"(0|[1-9][0-9]{0,19})","type":"([A-Za-z]{1,64})","severity":"(info|warning|critical)","data":(?=\{)/;
/** Without a calendar: a time on a day that every month has. */
const TIME_BEFORE_29 =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/;
const TAIL = /^,"prev":"([0-9a-f]{64})","mac":"([0-9a-f]{64})"\}$/;

/**
 * Writes a line and its newline.
 *
 * @param line - Its parts but the MAC. `data` is what `auditEvent` made.
 * @returns Valid until the next call.
 * @throws {@link VramError} `ERR_INPUT_INVALID` for a line of more than 16 KiB.
 */
export function encodeLine(line: Omit<AuditLine, "mac">, key: AuditMacKey, hashes: LogHashes): Uint8Array {
  const { log, seq, epoch, time, mono, type, severity, data, prev } = line;
  // By hand: the order is the format. Every text but those in `data` is of a pattern that JSON escapes nothing of.
  const covered =
    `{"v":1,"log":"${log}","seq":${seq},"epoch":"${epoch}","time":"${time}","mono":"${mono}","type":"${type}",` +
    `"severity":"${severity}","data":${JSON.stringify(data)},"prev":"${prev}"`;
  const { read, written } = ENCODER.encodeInto(covered, LINE);
  if (read < covered.length || written + MAC_TAIL_BYTES > LINE_BYTES_MAX) {
    const reason = `a record has at most ${LINE_BYTES_MAX} bytes`;
    throw new VramError("ERR_INPUT_INVALID", `data: ${reason}; record less detail`, {
      field: "data",
      reason,
    });
  }
  const mac = macOfScratch(written, key, hashes);
  LINE.set(MAC_NAME, written);
  let end = written + MAC_NAME.length;
  for (let index = 0; index < mac.length; index += 1) {
    const byte = mac[index] ?? 0;
    LINE[end++] = HEX_DIGITS[byte >> 4] ?? 0;
    LINE[end++] = HEX_DIGITS[byte & 15] ?? 0;
  }
  LINE[end++] = QUOTE;
  LINE[end++] = BRACE;
  LINE[end++] = NEWLINE;
  return LINE.subarray(0, end);
}

/**
 * Reads one line, without its newline, by slicing.
 *
 * @throws {@link VramError} `ERR_FORMAT_INVALID` with format "audit line": rule "too-large", "utf8", "tail", "head",
 * "seq", "time", "data" (a name, text or number that no record may hold), or one of strict JSON's.
 */
export function parseLine(bytes: Uint8Array): AuditLine {
  if (bytes.length > LINE_BYTES_MAX) refuse("too-large");
  let text: string;
  try {
    text = UTF8.decode(bytes);
  } catch {
    refuse("utf8");
  }
  const end = text.length - TAIL_BYTES;
  const [, prev = "", mac = ""] = TAIL.exec(text.slice(Math.max(end, 0))) ?? refuse("tail");
  const head = HEAD.exec(text) ?? refuse("head");
  const [whole, log = "", digits = "", epoch = "", time = "", mono = "", type = "", severity] = head;
  const seq = Number(digits);
  if (!Number.isSafeInteger(seq)) refuse("seq");
  if (!isTime(time)) refuse("time");
  const data = parseData(text.slice(whole.length, Math.max(end, whole.length)));
  // The pattern names no other.
  return { log, seq, epoch, time, mono, type, severity: severity as AuditSeverity, data, prev, mac };
}

/** True when the line's MAC is the one that `key` makes of its bytes. @param bytes - A line that was parsed. */
export function macHolds(bytes: Uint8Array, mac: string, key: AuditMacKey, hashes: LogHashes): boolean {
  return equalBytes(toHex(macOf(bytes.subarray(0, -MAC_TAIL_BYTES), key, hashes)), mac);
}

function macOf(covered: Uint8Array, key: AuditMacKey, hashes: LogHashes): Uint8Array {
  LINE.set(covered);
  return macOfScratch(covered.length, key, hashes);
}

/** The MAC of the first `bytes` bytes of {@link LINE}. */
function macOfScratch(bytes: number, key: AuditMacKey, hashes: LogHashes): Uint8Array {
  const input = SCRATCH.subarray(0, MAC_DOMAIN.length + bytes);
  return lend(key, (secret) => hashes.hmacSha256(secret, input));
}

function isTime(text: string): boolean {
  // The 30th of February would be read as one of March, and hour 24 as one of the next day.
  return TIME_BEFORE_29.test(text) || new Date(text).getUTCDate() === Number(text.slice(8, 10));
}

function parseData(text: string): JsonObject {
  const quick = parseUnambiguous(text);
  if (isData(quick)) return quick;
  const limits = { format: "audit line", maxBytes: LINE_BYTES_MAX, maxDepth: DEPTH_MAX };
  const strict = parseStrictJson(text, limits);
  return isData(strict) ? strict : refuse("data");
}

/**
 * Text that `JSON.stringify` writes again as it is has no duplicate name, no white space and no second spelling of a text
 * or number: there it needs no strict parser, which takes many times as long and judges whatever else there is.
 */
function parseUnambiguous(text: string): JsonValue | undefined {
  try {
    const value = JSON.parse(text) as JsonValue;
    return JSON.stringify(value) === text ? value : undefined;
  } catch {
    return undefined;
  }
}

function isData(value: JsonValue | undefined): value is JsonObject {
  return value !== undefined && isObject(value) && isRecordable(value, 1);
}

/** True for what `auditEvent` lets through: it cannot hide or forge anything, nor be taken for a line's last fields. */
function isRecordable(value: JsonValue, depth: number): boolean {
  if (typeof value === "string") return isPrintable(value);
  if (typeof value === "number") return Number.isSafeInteger(value);
  if (typeof value !== "object" || value === null) return true;
  if (depth > DEPTH_MAX) return false;
  if (!isObject(value)) return value.every((item) => isRecordable(item, depth + 1));
  // Its names are names like any other, `constructor` as well.
  Object.setPrototypeOf(value, null);
  for (const name in value) {
    if (!isName(name) || !isRecordable(value[name] ?? null, depth + 1)) return false;
  }
  return true;
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isName(name: string): boolean {
  return name !== "mac" && name !== "prev" && /^[A-Za-z][A-Za-z0-9_.]*$/.test(name);
}

function refuse(rule: string): never {
  throw new VramError(
    "ERR_FORMAT_INVALID",
    `the audit line breaks the rule "${rule}": restore the log from a copy, or verify it to see how far it holds`,
    { format: "audit line", rule, offset: 0 },
  );
}
