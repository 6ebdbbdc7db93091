import { expect, test } from "bun:test";
import { readSafetensorsHeader, tensorBytes } from "@vram-residency/formats";
import { hasCode } from "@vram-residency/types";
import fc from "fast-check";
import { byPlace, DTYPE_BITS, files, handleOf } from "./safetensors-bytes.ts";

test("any valid file reads back exactly, however short the reads are", async () => {
  await fc.assert(
    fc.asyncProperty(files(), fc.integer({ min: 1, max: 64 }), async (expected, stride) => {
      const { file } = expected;
      const header = await readSafetensorsHeader(handleOf(file, stride), file.length);

      expect(header.bytes).toBe(file.length);
      expect(header.payloadOffset).toBe(expected.payloadOffset);
      expect([...header.tensors].sort(byPlace)).toEqual([...expected.tensors]);
      expect(new Map(header.metadata)).toEqual(new Map(expected.metadata));
    }),
  );
});

test("a file that was cut anywhere, or has a byte too many, is refused", async () => {
  await fc.assert(
    fc.asyncProperty(files(), fc.nat(), async ({ file }, where) => {
      const cut = file.slice(0, where % file.length);
      const longer = new Uint8Array(file.length + 1);
      longer.set(file);

      for (const bytes of [cut, longer]) {
        const error: unknown = await readSafetensorsHeader(handleOf(bytes), bytes.length).catch(
          (e: unknown) => e,
        );
        expect(hasCode(error, "ERR_FORMAT_INVALID")).toBe(true);
      }
    }),
  );
});

test("whatever is done to the bytes, a header is refused as a whole or its tensors fill the data exactly", async () => {
  const change = fc.record({
    at: fc.nat(),
    byte: fc.oneof(fc.nat({ max: 255 }), fc.constantFrom(48, 49, 93, 125)),
  });
  await fc.assert(
    fc.asyncProperty(files(), fc.array(change, { minLength: 1, maxLength: 3 }), async ({ file }, changes) => {
      const bytes = file.slice();
      for (const { at, byte } of changes) bytes[at % bytes.length] = byte;
      let next: number;
      try {
        const header = await readSafetensorsHeader(handleOf(bytes), bytes.length);
        next = header.payloadOffset;
        for (const tensor of header.tensors) {
          expect(tensor.offset).toBe(next);
          next += tensor.bytes;
        }
      } catch (error) {
        expect(hasCode(error, "ERR_FORMAT_INVALID")).toBe(true);
        return;
      }
      expect(next).toBe(bytes.length);
    }),
  );
});

test("a tensor's size is the exact product, or undefined where a number cannot hold it", () => {
  const dimension = fc.oneof(
    fc.nat({ max: 9 }),
    fc.integer({ min: 1, max: 2 ** 53 - 1 }),
    fc.constantFrom(2 ** 26, 2 ** 53 - 1),
  );
  fc.assert(
    fc.property(
      fc.constantFrom(...Object.keys(DTYPE_BITS)),
      fc.array(dimension, { maxLength: 5 }),
      (dtype, shape) => {
        const bits = shape.reduce((product, one) => product * BigInt(one), DTYPE_BITS[dtype] ?? 0n);
        const exact = bits % 8n === 0n && bits <= 2n ** 53n - 1n;

        expect(tensorBytes(dtype, shape)).toBe(exact ? Number(bits / 8n) : undefined);
      },
    ),
  );
});
