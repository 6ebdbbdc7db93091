/**
 * Structs of the C ABI as bytes: little-endian, in the order of their fields, without gaps.
 *
 * @module
 */
import { invariant } from "@vram-residency/types";

/** "size": a `uint64_t` that is a number here, because it counts bytes. "text": UTF-8, padded with zeros. */
export type FieldType = "i32" | "u32" | "i64" | "u64" | "size" | `text${number}` | `bytes${number}`;

/** Fields by name, in the order in which they lie. */
export type Struct = Readonly<Record<string, FieldType>>;

type ValueOf<Type extends FieldType> = Type extends "i32" | "u32" | "size"
  ? number
  : Type extends "i64" | "u64"
    ? bigint
    : Type extends `text${number}`
      ? string
      : Uint8Array;

/** What a struct holds. */
export type Decoded<Fields extends Struct> = { readonly [Name in keyof Fields]: ValueOf<Fields[Name]> };

/** Size of one field. Unit: bytes. */
export function fieldBytes(type: FieldType): number {
  if (type === "i32" || type === "u32") return 4;
  if (type === "i64" || type === "u64" || type === "size") return 8;
  return Number(type.replace(/^[a-z]+/, ""));
}

/** Size of a struct. Unit: bytes. */
export function structBytes(fields: Struct): number {
  return Object.values(fields).reduce((sum, type) => sum + fieldBytes(type), 0);
}

/** Reads a struct that begins at `offset`. */
export function decode<Fields extends Struct>(fields: Fields, from: Uint8Array, offset = 0): Decoded<Fields> {
  const found: Record<string, unknown> = {};
  let at = offset;
  for (const [name, type] of Object.entries(fields)) {
    found[name] = read(type, from, at);
    at += fieldBytes(type);
  }
  return found as Decoded<Fields>;
}

/** A struct with these values and zeros in every other field. */
export function encode<Fields extends Struct>(fields: Fields, values: Partial<Decoded<Fields>>): Uint8Array {
  const bytes = new Uint8Array(structBytes(fields));
  let at = 0;
  for (const [name, type] of Object.entries(fields)) {
    const value: unknown = values[name];
    if (value !== undefined) write(type, bytes, at, value);
    at += fieldBytes(type);
  }
  return bytes;
}

function read(type: FieldType, from: Uint8Array, at: number): unknown {
  const view = new DataView(from.buffer, from.byteOffset, from.byteLength);
  switch (type) {
    case "i32":
      return view.getInt32(at, true);
    case "u32":
      return view.getUint32(at, true);
    case "i64":
      return view.getBigInt64(at, true);
    case "u64":
      return view.getBigUint64(at, true);
    case "size":
      return asNumber(view.getBigUint64(at, true));
    default: {
      const bytes = from.slice(at, at + fieldBytes(type));
      return type.startsWith("bytes") ? bytes : textOf(bytes);
    }
  }
}

function write(type: FieldType, into: Uint8Array, at: number, value: unknown): void {
  const view = new DataView(into.buffer);
  if (value instanceof Uint8Array) {
    invariant(value.length <= fieldBytes(type), "a field of a struct has room for its value");
    into.set(value, at);
  } else if (type === "i32") view.setInt32(at, Number(value), true);
  else if (type === "u32") view.setUint32(at, Number(value), true);
  else if (type === "i64") view.setBigInt64(at, value as bigint, true);
  else view.setBigUint64(at, BigInt(value as number | bigint), true);
}

/** @throws `ERR_BUG` for a count of bytes that no machine has. */
export function asNumber(value: bigint): number {
  invariant(value <= BigInt(Number.MAX_SAFE_INTEGER), "the native library counts at most 2^53 - 1 bytes");
  return Number(value);
}

/** What comes before the first zero. */
function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}
