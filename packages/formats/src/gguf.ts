/**
 * GGUF headers, versions 2 and 3: `magic | version | counts | key-value pairs | tensor infos | padding | data`. Only the header is looked at.
 *
 * @see docs/spec/model-files.md for the rules by name.
 *
 * @module
 */
import { assertPort, readOptions } from "@vram-residency/crypto";
import { byteCount, type FileHandle, type TensorRange } from "@vram-residency/types";
import { formatError } from "./format-error.ts";
import { GGUF, GgufCursor, MoreBytes } from "./gguf-cursor.ts";
import { readGgufMetadata } from "./gguf-metadata.ts";
import { GGUF_TYPES, ggufTensorBytes } from "./gguf-types.ts";

/** Longest header that is read unless a caller raises it. Unit: bytes. */
export const GGUF_HEADER_BYTES_MAX: number = 64 * 1024 * 1024;
/** How a file begins: "GGUF", as a number. */
export const GGUF_MAGIC: number = 0x46554747;
const FIRST_READ_BYTES = 64 * 1024;
const ALIGNMENT_DEFAULT = 32;
const TENSORS_MAX = 1_000_000;
const DIMENSIONS_MAX = 4;
const NAME_BYTES_MAX = 1024;
/** Fewest bytes of a tensor's info: a name of one byte, no dimension, a type, an offset. Unit: bytes. */
const INFO_BYTES_MIN = 25;

/** What a GGUF file says of itself. */
export interface GgufHeader {
  readonly version: 2 | 3;
  /** The whole file. Unit: bytes. */
  readonly bytes: number;
  /** Where the data begins. Unit: bytes from the start of the file. */
  readonly payloadOffset: number;
  /** What the data's and every tensor's offset is a multiple of. Unit: bytes. Range: a power of two, 8 or more. */
  readonly alignment: number;
  /** By offset, with nothing but padding between; offsets are from the start of the *file*, shapes have their outermost dimension first. */
  readonly tensors: readonly TensorRange[];
  /** `general.architecture`, `general.name`, `general.alignment` and `split.*`, as far as they are there. */
  readonly metadata: ReadonlyMap<string, string | number>;
}

/**
 * Reads and checks a header.
 *
 * @param file - Read from its start to its header's end, and at most as much again.
 * @param bytes - The file's real length.
 * @throws {@link VramError} `ERR_FORMAT_INVALID` with the rule that is broken: `too-short`, `magic`, `big-endian`, `version`, `header-length`,
 * `count`, `length`, `key`, `duplicate-key`, `value-type`, `metadata`, `bool`, `array`, `alignment`, `name`, `duplicate-name`, `dtype`, `shape`,
 * `offsets`, `hole`, `overlap`, `trailing`; `ERR_INPUT_INVALID` for arguments that are none.
 */
export async function readGgufHeader(
  file: Pick<FileHandle, "read">,
  bytes: number,
  options: { readonly headerBytesMax?: number } = {},
): Promise<GgufHeader> {
  assertPort(file, "file", "read");
  byteCount(bytes, "bytes");
  const { headerBytesMax = GGUF_HEADER_BYTES_MAX } = readOptions(options, "options", ["headerBytesMax"]);
  byteCount(headerBytesMax, "headerBytesMax");
  const limitBytes = Math.min(bytes, headerBytesMax);
  let head = await extend(file, new Uint8Array(0), Math.min(FIRST_READ_BYTES, limitBytes));
  // A header does not say how long it is: it is read again from its start, with twice the bytes, until it ends.
  for (;;) {
    try {
      return parseHeader(new GgufCursor(head, { fileBytes: bytes, headerBytesMax }), bytes);
    } catch (error) {
      if (!(error instanceof MoreBytes)) throw error;
      head = await extend(file, head, Math.min(Math.max(2 * head.length, error.neededBytes), limitBytes));
    }
  }
}

async function extend(file: Pick<FileHandle, "read">, head: Uint8Array, bytes: number): Promise<Uint8Array> {
  const into = new Uint8Array(bytes);
  into.set(head);
  for (let filled = head.length; filled < bytes; ) {
    const count = await file.read(into.subarray(filled), filled);
    if (count === 0)
      throw formatError(GGUF, "too-short", "the file is shorter than it was said to be", filled);
    filled += count;
  }
  return into;
}

function parseHeader(cursor: GgufCursor, fileBytes: number): GgufHeader {
  const version = readVersion(cursor);
  const tensorCount = cursor.u64();
  const metadata = readGgufMetadata(cursor, cursor.u64());
  const alignment = readAlignment(metadata);
  if (tensorCount > TENSORS_MAX || tensorCount > cursor.remainingBytes / INFO_BYTES_MIN) {
    throw formatError(
      GGUF,
      "count",
      `there are over ${TENSORS_MAX} tensors, or more than the file can hold`,
      8,
    );
  }
  const tensors: TensorRange[] = [];
  const names = new Set<string>();
  for (let index = 0; index < tensorCount; index += 1) {
    const start = cursor.position;
    const tensor = readInfo(cursor, alignment);
    if (names.has(tensor.name)) throw formatError(GGUF, "duplicate-name", "a tensor is there twice", start);
    names.add(tensor.name);
    tensors.push(tensor);
  }
  // A file without data may leave the padding out.
  const payloadOffset = tensorCount === 0 ? cursor.position : aligned(cursor.position, alignment);
  if (payloadOffset > fileBytes) {
    throw formatError(GGUF, "too-short", "the file ends before its data begins", cursor.position);
  }
  const placed = inOrder(tensors, { payloadOffset, fileBytes, alignment });
  return { version, bytes: fileBytes, payloadOffset, alignment, tensors: placed, metadata };
}

function readVersion(cursor: GgufCursor): 2 | 3 {
  if (cursor.u32() !== GGUF_MAGIC) throw formatError(GGUF, "magic", "the file does not begin with GGUF");
  const version = cursor.u32();
  if (version === 2 || version === 3) return version;
  // A small version number whose bytes are swapped has nothing in its lower half.
  if (version !== 0 && version % 65_536 === 0) {
    throw formatError(GGUF, "big-endian", "the file is big-endian: convert it to little-endian", 4);
  }
  throw formatError(GGUF, "version", "the version is neither 2 nor 3: convert the file", 4);
}

function readAlignment(metadata: ReadonlyMap<string, string | number>): number {
  const alignment = metadata.get("general.alignment") ?? ALIGNMENT_DEFAULT;
  // The metadata has made sure that it is a u32.
  if (typeof alignment === "number" && alignment >= 8 && (alignment & (alignment - 1)) === 0)
    return alignment;
  throw formatError(GGUF, "alignment", "the alignment is no power of two, or under 8");
}

/** Reads one tensor's info. Its offset is left as the file has it, from the start of the data. */
function readInfo(cursor: GgufCursor, alignment: number): TensorRange {
  const name = cursor.text(NAME_BYTES_MAX, "name");
  const start = cursor.position;
  const dimensions = cursor.u32();
  if (dimensions > DIMENSIONS_MAX) {
    throw formatError(GGUF, "shape", `a tensor has more than ${DIMENSIONS_MAX} dimensions`, start);
  }
  // The file has the innermost dimension first.
  const shape = Array.from({ length: dimensions }, () => cursor.u64()).reverse();
  const type = GGUF_TYPES.get(cursor.u32());
  if (type === undefined) throw formatError(GGUF, "dtype", "a tensor's type is unknown", cursor.position - 4);
  const bytes = ggufTensorBytes(type, shape);
  if (bytes === undefined) {
    throw formatError(GGUF, "shape", "a tensor is too large, or no whole number of its type's blocks", start);
  }
  const at = cursor.position;
  const offset = cursor.u64();
  if (offset % alignment !== 0) throw formatError(GGUF, "offsets", "a tensor's offset is not aligned", at);
  return { name, offset, bytes, dtype: type.name, shape };
}

function aligned(position: number, alignment: number): number {
  return Math.ceil(position / alignment) * alignment;
}

/** Moves offsets to the start of the file, sorts by them, and checks that only padding lies between tensors. */
function inOrder(
  tensors: readonly TensorRange[],
  file: { readonly payloadOffset: number; readonly fileBytes: number; readonly alignment: number },
): readonly TensorRange[] {
  const { payloadOffset, fileBytes, alignment } = file;
  const dataBytes = fileBytes - payloadOffset;
  // Empty tensors first at their offset, so that they never look like an overlap.
  const sorted = [...tensors].sort((a, b) => a.offset - b.offset || a.bytes - b.bytes);
  let next = payloadOffset;
  const placed = sorted.map((tensor): TensorRange => {
    if (tensor.offset > dataBytes || tensor.bytes > dataBytes - tensor.offset) {
      throw formatError(GGUF, "offsets", "a tensor is past the end of the file", payloadOffset);
    }
    const offset = payloadOffset + tensor.offset;
    if (offset < next) throw formatError(GGUF, "overlap", "two tensors share bytes", offset);
    if (offset > aligned(next, alignment)) {
      throw formatError(GGUF, "hole", "bytes before a tensor belong to none", next);
    }
    next = offset + tensor.bytes;
    return { ...tensor, offset };
  });
  if (fileBytes > aligned(next, alignment)) {
    throw formatError(GGUF, "trailing", "bytes after the last tensor belong to none", next);
  }
  return placed;
}
