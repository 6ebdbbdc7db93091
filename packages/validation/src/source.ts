import type { ByteSource, SizedStream } from "@vram-residency/types";
import { bytes, hasOwn, path } from "./primitives.ts";
import { refuse } from "./refusal.ts";
import { checked, record, run, type Schema } from "./schema.ts";
import { isObject } from "./snapshot.ts";

const typedArray: object = Object.getPrototypeOf(Uint8Array.prototype) as object;

/** Reads an intrinsic of typed arrays, past anything the object or its class put in front of it. */
function intrinsic(name: PropertyKey, value: unknown): unknown {
  const getter = Object.getOwnPropertyDescriptor(typedArray, name)?.get;
  return getter === undefined ? undefined : Reflect.apply(getter, value, []);
}

/** A plain view of the same memory: whatever a subclass or an own property would say of its length does not count. */
function plainView(value: object): Uint8Array {
  const buffer = intrinsic("buffer", value) as ArrayBufferLike;
  try {
    return new Uint8Array(
      buffer,
      intrinsic("byteOffset", value) as number,
      intrinsic("byteLength", value) as number,
    );
  } catch {
    return refuse("expected bytes whose buffer was not transferred away");
  }
}

function readable(value: unknown): ReadableStream<Uint8Array> {
  if (typeof ReadableStream === "undefined" || !(value instanceof ReadableStream)) {
    return refuse("expected a ReadableStream");
  }
  return value.locked
    ? refuse("expected a stream that nobody reads yet")
    : (value as ReadableStream<Uint8Array>);
}

const streamSchema: Schema<SizedStream> = record({
  stream: checked(readable),
  bytes: checked(bytes),
});

const directSource = checked((value): Exclude<ByteSource, SizedStream> => {
  if (typeof value === "string") {
    return path(value);
  }
  if (isObject(value)) {
    // The tag is undefined for whatever is no typed array, a Proxy of one included.
    if (intrinsic(Symbol.toStringTag, value) === "Uint8Array") {
      return plainView(value);
    }
    if (typeof Blob !== "undefined" && value instanceof Blob) {
      return value;
    }
  }
  return refuse("expected a Uint8Array, a file path, a Blob, or { stream, bytes }");
});

/**
 * Parses where a shard's bytes come from. Opens nothing.
 *
 * @param input - A `Uint8Array` (not another view, not an `ArrayBuffer`), a path of 1 to 4096 bytes without NUL, a `Blob`,
 * or a stream nobody reads yet together with its exact length.
 * @returns Bytes as a plain view of the same memory; a path, a blob as it is; a stream in a new frozen object.
 * @throws {@link VramError} `ERR_INPUT_INVALID`.
 */
export function parseByteSource(input: unknown): ByteSource {
  const options = { root: "source", nested: true };
  // Whatever is shaped like a stream and its length wants to be one; every other value is judged as a direct source.
  return hasOwn(input, "stream") ? run(streamSchema, input, options) : run(directSource, input, options);
}
