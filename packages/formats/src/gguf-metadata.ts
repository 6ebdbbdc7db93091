import { formatError } from "./format-error.ts";
import { GGUF, type GgufCursor } from "./gguf-cursor.ts";

const KEY_BYTES_MAX = 65_535;
const TEXT_BYTES_MAX = 65_535;
const ARRAY_DEPTH_MAX = 4;
const U16 = 2;
const U32 = 4;
const I32 = 5;
const BOOL = 7;
const TEXT = 8;
const ARRAY = 9;
/** By number of the value's type, u8 to f64. 0: a text or an array, which say their length themselves. Unit: bytes. */
const VALUE_BYTES = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8] as const;
/** Fewest bytes of a value: an empty text is its length, an empty array its type and length. Unit: bytes. */
const TEXT_BYTES_MIN = 8;
const ARRAY_BYTES_MIN = 12;
/** Fewest bytes of a pair: a key of one byte, a type, a value of one byte. Unit: bytes. */
const PAIR_BYTES_MIN = 14;

/** What is kept, and the type it must have. Everything else, a tokenizer's words for one, is checked and stepped over. */
const KEPT: ReadonlyMap<string, number> = new Map([
  ["general.architecture", TEXT],
  ["general.name", TEXT],
  ["general.alignment", U32],
  ["split.no", U16],
  ["split.count", U16],
  ["split.tensors.count", I32],
]);

/**
 * Steps over the key-value pairs of a header.
 *
 * @returns Those that say how the file is to be read and what it is called.
 * @throws {@link VramError} `ERR_FORMAT_INVALID`: `count`, `key`, `duplicate-key`, `value-type`, `metadata`, `bool`, `array`.
 */
export function readGgufMetadata(cursor: GgufCursor, pairs: number): ReadonlyMap<string, string | number> {
  if (pairs > cursor.remainingBytes / PAIR_BYTES_MIN) {
    throw formatError(GGUF, "count", "there are more key-value pairs than the file can hold", 16);
  }
  const kept = new Map<string, string | number>();
  const keys = new Set<string>();
  for (let index = 0; index < pairs; index += 1) {
    const start = cursor.position;
    const key = cursor.text(KEY_BYTES_MAX, "key");
    if (keys.has(key)) throw formatError(GGUF, "duplicate-key", "a key is there twice", start);
    keys.add(key);
    const type = cursor.u32();
    const expected = KEPT.get(key);
    if (expected === undefined) skipValue(cursor, type);
    else if (type === expected) kept.set(key, readValue(cursor, expected));
    else
      throw formatError(GGUF, "metadata", "a key of the format has another type than the format says", start);
  }
  return kept;
}

function readValue(cursor: GgufCursor, type: number): string | number {
  if (type === TEXT) return cursor.text(TEXT_BYTES_MAX, "metadata");
  if (type === U16) return cursor.u16();
  return type === U32 ? cursor.u32() : cursor.i32();
}

function skipValue(cursor: GgufCursor, type: number): void {
  if (type === ARRAY) skipArray(cursor, 1);
  else if (type === TEXT) cursor.skipText();
  else if (type === BOOL) skipBool(cursor);
  else cursor.skip(bytesOf(cursor, type));
}

function skipBool(cursor: GgufCursor): void {
  const start = cursor.position;
  if (cursor.u8() > 1) throw formatError(GGUF, "bool", "a truth value is neither 0 nor 1", start);
}

/** Takes time in proportion to the bytes it steps over: no length is believed before the file is known to hold it. */
function skipArray(cursor: GgufCursor, depth: number): void {
  const start = cursor.position;
  if (depth > ARRAY_DEPTH_MAX) {
    throw formatError(GGUF, "array", `arrays are nested deeper than ${ARRAY_DEPTH_MAX} levels`, start);
  }
  const type = cursor.u32();
  const itemBytes = bytesOf(cursor, type);
  const count = cursor.u64();
  const itemBytesMin = itemBytes || (type === TEXT ? TEXT_BYTES_MIN : ARRAY_BYTES_MIN);
  if (count > cursor.remainingBytes / itemBytesMin) {
    throw formatError(GGUF, "array", "an array has more items than the file can hold", start);
  }
  if (itemBytes > 0 && type !== BOOL) {
    cursor.skip(count * itemBytes, "length");
    return;
  }
  for (let index = 0; index < count; index += 1) {
    if (type === ARRAY) skipArray(cursor, depth + 1);
    else if (type === TEXT) cursor.skipText();
    else skipBool(cursor);
  }
}

function bytesOf(cursor: GgufCursor, type: number): number {
  const bytes = VALUE_BYTES[type];
  if (bytes === undefined)
    throw formatError(GGUF, "value-type", "a value's type is unknown", cursor.position);
  return bytes;
}
