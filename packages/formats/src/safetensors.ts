/**
 * safetensors headers: `u64le length | JSON | data`. Only the header is read.
 *
 * @see docs/spec/model-files.md for the rules by name.
 *
 * @module
 */
import { assertPort, parseStrictJson, readOptions } from "@vram-residency/crypto";
import {
  byteCount,
  type FileHandle,
  hasCode,
  type JsonObject,
  type JsonValue,
  type TensorRange,
} from "@vram-residency/types";
import { tensorBytes } from "./dtype.ts";
import { formatError } from "./format-error.ts";

/** Longest header that is read unless a caller raises it. Unit: bytes. */
export const SAFETENSORS_HEADER_BYTES_MAX = 25_000_000;
const LENGTH_BYTES = 8;
const TENSORS_MAX = 1_000_000;
const DIMENSIONS_MAX = 32;
const NAME_LENGTH_MAX = 1024;
const FORMAT = "safetensors";
const QUOTE = 0x22;
const MINUS = 0x2d;
const POINT = 0x2e;
const NINE = 0x39;
const BACKSLASH = 0x5c;
const BRACE = 0x7b;
const ENTRY_FIELDS = ["dtype", "shape", "data_offsets"] as const;

/** What a safetensors file says of itself. */
export interface SafetensorsHeader {
  /** The whole file. Unit: bytes. */
  readonly bytes: number;
  /** Where the data begins. Unit: bytes from the start of the file. */
  readonly payloadOffset: number;
  /** By offset, without holes or overlaps; offsets are from the start of the *file*. */
  readonly tensors: readonly TensorRange[];
  readonly metadata: ReadonlyMap<string, string>;
}

/**
 * Reads and checks a header.
 *
 * @param file - Only its first `8 + header` bytes are read.
 * @param bytes - The file's real length.
 * @throws {@link VramError} `ERR_FORMAT_INVALID` with the rule that is broken (offsets count bytes where the header is ASCII): `too-short`, `header-length`, `header-json`,
 * `number`, `entry`, `metadata`, `dtype`, `shape`, `offsets`, `size`, `hole`, `overlap`, `trailing`, `count`, `name`; `ERR_INPUT_INVALID` for arguments that are none.
 */
export async function readSafetensorsHeader(
  file: Pick<FileHandle, "read">,
  bytes: number,
  options: { readonly headerBytesMax?: number } = {},
): Promise<SafetensorsHeader> {
  assertPort(file, "file", "read");
  byteCount(bytes, "bytes");
  const { headerBytesMax = SAFETENSORS_HEADER_BYTES_MAX } = readOptions(options, "options", [
    "headerBytesMax",
  ]);
  byteCount(headerBytesMax, "headerBytesMax");
  if (bytes < LENGTH_BYTES + 2) throw formatError(FORMAT, "too-short", "the file is too short for a header");
  const prefix = await readExactly(file, 0, LENGTH_BYTES);
  const length = new DataView(prefix.buffer, prefix.byteOffset).getBigUint64(0, true);
  if (length < 2n || length > BigInt(Math.min(headerBytesMax, bytes - LENGTH_BYTES))) {
    const message = `the header's length is past the file's end or the limit of ${headerBytesMax} bytes`;
    throw formatError(FORMAT, "header-length", message);
  }
  const header = parseHeader(await readExactly(file, LENGTH_BYTES, Number(length)), headerBytesMax);
  const payloadOffset = LENGTH_BYTES + Number(length);
  const tensors: TensorRange[] = [];
  let metadata: ReadonlyMap<string, string> = new Map();
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") metadata = readMetadata(entry);
    else tensors.push(readEntry(name, entry, payloadOffset, bytes - payloadOffset));
    if (tensors.length > TENSORS_MAX) throw formatError(FORMAT, "count", `more than ${TENSORS_MAX} tensors`);
  }
  return { bytes, payloadOffset, tensors: inOrder(tensors, payloadOffset, bytes), metadata };
}

async function readExactly(
  file: Pick<FileHandle, "read">,
  position: number,
  bytes: number,
): Promise<Uint8Array> {
  const into = new Uint8Array(bytes);
  for (let filled = 0; filled < bytes; ) {
    const count = await file.read(into.subarray(filled), position + filled);
    if (count === 0)
      throw formatError(FORMAT, "too-short", "the file ends inside its header", position + filled);
    filled += count;
  }
  return into;
}

function parseHeader(json: Uint8Array, maxBytes: number): JsonObject {
  let value: JsonValue;
  try {
    value = parseStrictJson(json, { format: FORMAT, maxBytes, maxDepth: 4 });
  } catch (cause) {
    const offset = hasCode(cause, "ERR_FORMAT_INVALID") ? LENGTH_BYTES + cause.detail.offset : LENGTH_BYTES;
    throw formatError(FORMAT, "header-json", "the header is not strict JSON", offset, cause);
  }
  // The format wants the header to begin with its brace, so that nothing can hide before it.
  if (!isObject(value) || json[0] !== BRACE)
    throw formatError(FORMAT, "header-json", "the header is no JSON object", LENGTH_BYTES);
  const odd = oddNumber(json);
  if (odd !== undefined)
    throw formatError(FORMAT, "number", "a number is not written in plain digits", LENGTH_BYTES + odd);
  return value;
}

/**
 * Finds a number with a sign, a fraction or an exponent: 1e3, 1.0 and -0 are integers to some readers and errors to others.
 *
 * @param json - Well-formed JSON.
 * @returns Where the first such character is. Unit: bytes.
 */
function oddNumber(json: Uint8Array): number | undefined {
  let quoted = false;
  for (let at = 0; at < json.length; at += 1) {
    const character = json[at];
    if (character === QUOTE) quoted = !quoted;
    else if (quoted) at += character === BACKSLASH ? 1 : 0;
    else if (character === MINUS || character === POINT) return at;
    // "e" or "E" after a digit; the one in `true` and `false` follows a letter.
    else if ((character === 0x65 || character === 0x45) && (json[at - 1] ?? 0) <= NINE) return at;
  }
  return undefined;
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function readMetadata(entry: JsonValue): ReadonlyMap<string, string> {
  if (!isObject(entry)) throw formatError(FORMAT, "metadata", "__metadata__ is no object");
  const metadata = new Map<string, string>();
  for (const [name, value] of Object.entries(entry)) {
    if (typeof value !== "string")
      throw formatError(FORMAT, "metadata", "__metadata__ holds something other than text");
    metadata.set(name, value);
  }
  return metadata;
}

function readEntry(name: string, entry: JsonValue, payloadOffset: number, payloadBytes: number): TensorRange {
  if (name.length === 0 || name.length > NAME_LENGTH_MAX) {
    throw formatError(FORMAT, "name", `a tensor's name is empty or over ${NAME_LENGTH_MAX} characters`);
  }
  if (!isObject(entry) || Object.keys(entry).length !== 3 || !ENTRY_FIELDS.every((field) => field in entry)) {
    throw formatError(FORMAT, "entry", "a tensor has other fields than dtype, shape and data_offsets");
  }
  const { dtype, shape, data_offsets: offsets } = entry;
  if (typeof dtype !== "string") throw formatError(FORMAT, "dtype", "a dtype is no text");
  if (!isIntegers(shape) || shape.length > DIMENSIONS_MAX)
    throw formatError(FORMAT, "shape", "a shape is malformed");
  if (!isIntegers(offsets)) throw formatError(FORMAT, "offsets", "data_offsets are malformed");
  const [begin, end, ...rest] = offsets;
  if (begin === undefined || end === undefined || rest.length > 0 || begin > end || end > payloadBytes) {
    throw formatError(
      FORMAT,
      "offsets",
      "data_offsets are reversed or past the end of the file",
      payloadOffset,
    );
  }
  const bytes = tensorBytes(dtype, shape);
  if (bytes === undefined)
    throw formatError(FORMAT, "dtype", "a dtype is unknown, or its size has no whole bytes");
  if (bytes !== end - begin)
    throw formatError(FORMAT, "size", "dtype and shape do not give the range's size");
  return { name, offset: payloadOffset + begin, bytes, dtype, shape };
}

function isIntegers(value: JsonValue | undefined): value is readonly number[] {
  // Plain digits within 2^53 - 1 by now: the parser and `oddNumber` leave nothing else.
  return Array.isArray(value) && value.every((item) => typeof item === "number");
}

/** Sorts by offset and checks that the ranges fill the data exactly. */
function inOrder(tensors: TensorRange[], payloadOffset: number, fileBytes: number): readonly TensorRange[] {
  // Empty tensors first at their offset, so that they never look like an overlap.
  tensors.sort((a, b) => a.offset - b.offset || a.bytes - b.bytes);
  let next = payloadOffset;
  for (const { offset, bytes } of tensors) {
    if (offset > next) throw formatError(FORMAT, "hole", "bytes before a tensor belong to none", next);
    if (offset < next) throw formatError(FORMAT, "overlap", "two tensors share bytes", offset);
    next = offset + bytes;
  }
  if (next !== fileBytes)
    throw formatError(FORMAT, "trailing", "bytes after the last tensor belong to none", next);
  return tensors;
}
