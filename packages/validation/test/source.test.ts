import { describe, expect, test } from "bun:test";
import { parseByteSource } from "@vram-residency/validation";
import { refusalOf } from "./refused.ts";

describe("parseByteSource", () => {
  test("gives bytes as a plain view of the same memory", () => {
    const memory = Buffer.from([1, 2, 3, 4]);
    const source = parseByteSource(memory.subarray(1, 3));

    expect(source).toEqual(new Uint8Array([2, 3]));
    expect(Object.getPrototypeOf(source)).toBe(Uint8Array.prototype);
    memory[1] = 9;
    expect(source).toEqual(new Uint8Array([9, 3]));
  });

  test("does not believe an array about its own length", () => {
    const bytes = new Uint8Array(4);
    Object.defineProperty(bytes, "length", { value: 1_000_000 });
    Object.defineProperty(bytes, "byteLength", { value: 1_000_000 });

    expect(Reflect.get(parseByteSource(bytes) as object, "byteLength")).toBe(4);
  });

  test("takes paths, blobs and sized streams", () => {
    const blob = new Blob(["x"]);
    const stream = new ReadableStream<Uint8Array>();
    const sized = parseByteSource({ stream, bytes: 7 });

    expect(parseByteSource("/models/a.safetensors")).toBe("/models/a.safetensors");
    expect(parseByteSource("x".repeat(4096))).toHaveLength(4096);
    expect(parseByteSource(blob)).toBe(blob);
    expect<unknown>(sized).toEqual({ stream, bytes: 7 });
    expect(Object.isFrozen(sized)).toBe(true);
  });

  const locked = new ReadableStream<Uint8Array>();
  locked.getReader();
  const detached = new Uint8Array(8);
  structuredClone(detached.buffer, { transfer: [detached.buffer] });
  const kinds = "source: expected a Uint8Array, a file path, a Blob, or { stream, bytes }";
  const refused: readonly [string, unknown, string][] = [
    ["a detached buffer", detached, "source: expected bytes whose buffer was not transferred away"],
    ["an ArrayBuffer", new ArrayBuffer(8), kinds],
    ["another typed array", new Uint16Array(8), kinds],
    ["clamped bytes", new Uint8ClampedArray(8), kinds],
    ["a DataView", new DataView(new ArrayBuffer(8)), kinds],
    ["an array of numbers", [1, 2, 3], kinds],
    ["a Proxy of bytes", new Proxy(new Uint8Array(8), {}), kinds],
    ["an object that only inherits from bytes", Object.create(Uint8Array.prototype), kinds],
    ["a URL", new URL("file:///x"), kinds],
    ["null", null, kinds],
    ["undefined", undefined, kinds],
    ["a number", 7, kinds],
    ["an empty path", "", "source: expected text of 1 to 4096 bytes"],
    ["a path that is too long", "é".repeat(2049), "source: expected text of 1 to 4096 bytes"],
    ["a path with NUL", "a\u0000b", "source: expected a path without NUL"],
    ["a broken path", "a\ud800", "source: expected well-formed text, without lone surrogates"],
    ["a stream of unknown length", { stream: new ReadableStream() }, "source.bytes: is missing"],
    [
      "a stream with half a byte",
      { stream: new ReadableStream(), bytes: 0.5 },
      "source.bytes: expected an integer from 0 to 2^53 - 1",
    ],
    ["a stream that is none", { stream: {}, bytes: 1 }, "source.stream: expected a ReadableStream"],
    [
      "a stream somebody reads",
      { stream: locked, bytes: 1 },
      "source.stream: expected a stream that nobody reads yet",
    ],
  ];
  for (const [name, input, refusal] of refused) {
    test(`refuses ${name}`, () => {
      expect(refusalOf(() => parseByteSource(input))).toBe(`ERR_INPUT_INVALID ${refusal}`);
    });
  }
});
