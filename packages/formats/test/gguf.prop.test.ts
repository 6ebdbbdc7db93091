import { expect, test } from "bun:test";
import { readGgufHeader } from "@vram-residency/formats";
import { hasCode } from "@vram-residency/types";
import fc from "fast-check";
import { ggufFiles } from "./gguf-bytes.ts";
import { byPlace, handleOf } from "./safetensors-bytes.ts";

test("any valid file reads back exactly, however short the reads are", async () => {
  await fc.assert(
    fc.asyncProperty(ggufFiles(), fc.integer({ min: 1, max: 64 }), async (expected, stride) => {
      const { file, version, alignment, payloadOffset, architecture } = expected;
      const header = await readGgufHeader(handleOf(file, stride), file.length);

      expect(header).toMatchObject({ version, alignment, bytes: file.length });
      if (expected.tensors.length > 0) expect(header.payloadOffset).toBe(payloadOffset);
      expect(header.metadata.get("general.architecture")).toBe(architecture);
      expect([...header.tensors].sort(byPlace)).toEqual([...expected.tensors].sort(byPlace));
    }),
  );
});

test("a file that lost more than its padding, or has bytes too many, is refused", async () => {
  await fc.assert(
    fc.asyncProperty(ggufFiles(), fc.nat(), async ({ file, tensors, alignment, payloadOffset }, where) => {
      const end = Math.max(...tensors.map(({ offset, bytes }) => offset + bytes));
      fc.pre(end > payloadOffset);
      const longer = new Uint8Array(Math.ceil(end / alignment) * alignment + 1);
      longer.set(file);

      for (const bytes of [file.slice(0, where % end), longer]) {
        const error: unknown = await readGgufHeader(handleOf(bytes), bytes.length).catch((e: unknown) => e);
        expect(hasCode(error, "ERR_FORMAT_INVALID")).toBe(true);
      }
    }),
  );
});

test("whatever is done to the bytes, a header is refused as a whole or its tensors lie in the file, apart by padding only", async () => {
  const change = fc.record({ at: fc.nat(), byte: fc.nat({ max: 255 }) });
  await fc.assert(
    fc.asyncProperty(
      ggufFiles(),
      fc.array(change, { minLength: 1, maxLength: 3 }),
      async ({ file }, changes) => {
        const bytes = file.slice();
        for (const { at, byte } of changes) bytes[at % bytes.length] = byte;
        try {
          const header = await readGgufHeader(handleOf(bytes), bytes.length);
          let next = header.payloadOffset;
          for (const tensor of header.tensors) {
            expect(tensor.offset).toBeGreaterThanOrEqual(next);
            expect(tensor.offset - next).toBeLessThan(header.alignment);
            next = tensor.offset + tensor.bytes;
          }
          expect(next).toBeLessThanOrEqual(bytes.length);
          expect(bytes.length - next).toBeLessThan(header.alignment);
        } catch (error) {
          if (!hasCode(error, "ERR_FORMAT_INVALID")) throw error;
        }
      },
    ),
  );
});
