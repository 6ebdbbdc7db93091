/** What hostile files cost: each is refused by its rule, before more is read than its header. */
import { describe, expect, test } from "bun:test";
import { readGgufHeader, readSafetensorsHeader } from "@vram-residency/formats";
import type { FileHandle } from "@vram-residency/types";
import { ggufOf, headerOf, info, pair, text } from "./gguf-bytes.ts";
import { HOSTILE_GGUF } from "./gguf-hostile.ts";
import { ruleOf } from "./refused.ts";
import { handleOf } from "./safetensors-bytes.ts";
import { HOSTILE_SAFETENSORS, one } from "./safetensors-hostile.ts";

const FIRST_READ_BYTES = 64 * 1024;
const READS_MAX = 12;
type Hostile = readonly (readonly [rule: string, file: Uint8Array])[];
type Reader = (file: Pick<FileHandle, "read">, bytes: number) => Promise<unknown>;

/** A file that counts its reads, and the largest piece of memory that one of them fills. Unit: bytes. */
function counted(file: Uint8Array): {
  handle: Pick<FileHandle, "read">;
  reads: number;
  bytes: number;
  into: number;
} {
  const inner = handleOf(file);
  const count = { handle: inner, reads: 0, bytes: 0, into: 0 };
  count.handle = {
    read: async (into, position) => {
      count.reads += 1;
      count.into = Math.max(count.into, into.buffer.byteLength);
      const read = await inner.read(into, position);
      count.bytes += read;
      return read;
    },
  };
  return count;
}

const READERS: readonly (readonly [format: string, reader: Reader, files: Hostile])[] = [
  ["gguf", readGgufHeader, HOSTILE_GGUF],
  ["safetensors", readSafetensorsHeader, HOSTILE_SAFETENSORS],
];

describe.each(READERS)("hostile files: %s", (_, reader, files) => {
  test("each is refused by its rule, with no byte read twice and no memory beyond the file's size", async () => {
    for (const [rule, file] of files) {
      const count = counted(file);
      const found = await ruleOf(reader(count.handle, file.length));

      expect(found.rule).toBe(rule);
      expect(count.bytes).toBeLessThanOrEqual(file.length);
      expect(count.into).toBeLessThanOrEqual(file.length);
      expect(count.reads).toBeLessThanOrEqual(READS_MAX);
    }
  });

  test("each is refused the same at the head of a file of 1 TiB, or by what that length makes of it, having read little", async () => {
    for (const [, file] of files) {
      const count = counted(file);
      const { rule } = await ruleOf(reader(count.handle, 2 ** 40));

      expect(rule).not.toBe("accepted");
      expect(count.into).toBeLessThanOrEqual(Math.max(FIRST_READ_BYTES, 2 * file.length, 25_000_000));
      expect(count.reads).toBeLessThanOrEqual(READS_MAX);
    }
  });

  test("there are five or more of each rule", () => {
    const counts = new Map<string, number>();
    for (const [rule] of files) counts.set(rule, (counts.get(rule) ?? 0) + 1);

    expect([...counts].filter(([, count]) => count < 5)).toEqual([]);
    expect(counts.size).toBeGreaterThanOrEqual(14);
    expect(files.length).toBeGreaterThanOrEqual(100);
  });
});

test("there are over 200, and each is a file of its own", () => {
  const counts = READERS.map(([, , files]) => new Set(files.map(([, file]) => Bun.hash(file))).size);

  expect(counts).toEqual(READERS.map(([, , files]) => files.length));
  expect(counts.reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(200);
});

test("a cut at any byte of the header is refused, in either format, and in either version of GGUF", async () => {
  const pairs = [pair("general.architecture", 8, text("llama")), pair("general.name", 8, text("a model"))];
  const cuts: readonly (readonly [Reader, Uint8Array, number])[] = [
    ...[2, 3].map((version) => {
      const parts = { version, pairs, infos: [info("a", [8], 0, 0)], data: 32 };
      return [readGgufHeader, ggufOf(parts), headerOf(parts).length] as const;
    }),
    [
      readSafetensorsHeader,
      new Uint8Array([one().length, 0, 0, 0, 0, 0, 0, 0, ...new TextEncoder().encode(one())]),
      8 + one().length,
    ],
  ];
  for (const [reader, file, headerBytes] of cuts) {
    for (let bytes = 0; bytes < headerBytes; bytes += 1) {
      const cut = file.slice(0, bytes);
      expect((await ruleOf(reader(handleOf(cut), bytes))).rule).not.toBe("accepted");
    }
  }
});
