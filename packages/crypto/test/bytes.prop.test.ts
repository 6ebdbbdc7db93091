import { expect, test } from "bun:test";
import {
  concatBytes,
  decodeBase64,
  encodeBase64,
  equalBytes,
  fromHex,
  lp,
  toHex,
} from "@vram-residency/crypto";
import { hasCode } from "@vram-residency/types";
import fc from "fast-check";

const bytes = fc.uint8Array({ maxLength: 100 });

test("hexadecimal and base64 are inverses, and agree with the runtime's", () => {
  fc.assert(
    fc.property(bytes, (data) => {
      expect(fromHex(toHex(data))).toEqual(data);
      expect(decodeBase64(encodeBase64(data))).toEqual(data);
      expect(toHex(data)).toBe(Buffer.from(data).toString("hex"));
      expect(encodeBase64(data)).toBe(Buffer.from(data).toString("base64"));
    }),
  );
});

test("base64 accepts a text only if an encoder would have written it", () => {
  const almost = fc
    .tuple(bytes, fc.nat(), fc.constantFrom(..."ABCZaz019+/=-_ \n"))
    .map(([data, at, unit]) => {
      const text = encodeBase64(data);
      const index = at % (text.length + 1);
      return text.slice(0, index) + unit + text.slice(index + 1);
    });
  fc.assert(
    fc.property(almost, (text) => {
      const lenient = Buffer.from(text, "base64");
      let decoded: Uint8Array | undefined;
      try {
        decoded = decodeBase64(text);
      } catch (error) {
        expect(hasCode(error, "ERR_FORMAT_INVALID")).toBe(true);
      }

      expect(decoded !== undefined).toBe(lenient.toString("base64") === text);
      if (decoded) expect(decoded).toEqual(Uint8Array.from(lenient));
    }),
    { numRuns: 1000 },
  );
});

test("length prefixes keep lists apart that join to the same bytes", () => {
  fc.assert(
    fc.property(bytes, fc.nat(), fc.nat(), (data, first, second) => {
      const cuts = [first % (data.length + 1), second % (data.length + 1)] as const;
      const [a, b] = cuts.map((cut) => concatBytes(lp(data.subarray(0, cut)), lp(data.subarray(cut))));

      expect(equalBytes(toHex(a ?? data), toHex(b ?? data))).toBe(cuts[0] === cuts[1]);
    }),
  );
});

test("one flipped bit makes byte strings unequal", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), fc.nat(), fc.nat(7), (data, at, bit) => {
      const flipped = data.slice();
      const index = at % data.length;
      flipped[index] = (data[index] ?? 0) ^ (1 << bit);

      expect(equalBytes(data, data.slice())).toBe(true);
      expect(equalBytes(data, flipped)).toBe(false);
    }),
  );
});
