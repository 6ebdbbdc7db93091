import { describe, expect, test } from "bun:test";
import { isPrintable, printable, TEXT_LENGTH_MAX } from "@vram-residency/audit";
import fc from "fast-check";

/** Text of any code units, rich in those that hide or forge something, and of lengths around the limit. */
const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.string({
    unit: fc.constantFrom(
      "a",
      "\u0000",
      "\n",
      "\u202e",
      "\u200b",
      "\ud83d",
      "\ude00",
      "\u{1f600}",
      "\\",
      "\u{e0041}",
    ),
    maxLength: 40,
  }),
  fc.nat({ max: 3 }).map((over) => "\u{1f600}".repeat(511) + "a".repeat(over)),
);

/** Every code point that must not reach a terminal or the log as it is. */
const HIDING: readonly string[] = [
  ...Array.from({ length: 0x20 }, (_, code) => String.fromCharCode(code)),
  ...Array.from({ length: 0x21 }, (_, index) => String.fromCharCode(0x7f + index)),
  "\u00ad",
  "\u061c",
  "\u180e",
  "\u200b\u200c\u200d\u200e\u200f",
  "\u2028\u2029",
  "\u202a\u202b\u202c\u202d\u202e",
  "\u2060\u2064\u2066\u2067\u2068\u2069\u206f",
  "\ufeff",
  "\ufff9\ufffb",
  "\u{e0001}\u{e0041}\u{e007f}",
].flatMap((characters) => [...characters]);

describe("isPrintable", () => {
  test("refuses every control, bidirectional and invisible character", () => {
    for (const character of HIDING) {
      expect([character.codePointAt(0)?.toString(16), isPrintable(`a${character}b`)]).toEqual([
        character.codePointAt(0)?.toString(16),
        false,
      ]);
    }
  });

  test("refuses half a surrogate pair and takes a whole one", () => {
    expect(isPrintable("\ud83d")).toBe(false);
    expect(isPrintable("\ude00\ud83d")).toBe(false);
    expect(isPrintable("\u{1f600}")).toBe(true);
  });

  test("takes visible text of any script up to the limit, and gives the same answer twice", () => {
    for (const text of ["", "model-00001.safetensors", "caf\u00e9 \u6a21\u578b \u05d0 \u0645", "\\u{202e}"]) {
      expect([isPrintable(text), isPrintable(text)]).toEqual([true, true]);
    }
    expect(isPrintable("a".repeat(TEXT_LENGTH_MAX))).toBe(true);
    expect(isPrintable("a".repeat(TEXT_LENGTH_MAX + 1))).toBe(false);
  });
});

describe("printable", () => {
  test("gives printable text of at most the asked length, whatever it was given", () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 0, max: TEXT_LENGTH_MAX }), (text, lengthMax) => {
        const shown = printable(text, lengthMax);

        expect(isPrintable(shown)).toBe(true);
        expect(shown.length).toBeLessThanOrEqual(lengthMax);
        expect(isPrintable(printable(text))).toBe(true);
      }),
    );
  });

  test("leaves printable text as it is", () => {
    fc.assert(
      fc.property(
        anyText.filter((text) => isPrintable(text)),
        (text) => {
          expect(printable(text)).toBe(text);
          expect(printable(text, text.length)).toBe(text);
        },
      ),
    );
  });

  test("is done after once", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(printable(printable(text))).toBe(printable(text));
      }),
    );
  });

  test("names what it took out, and shows where it cut", () => {
    expect(printable("a\u202eb\n\u{e0041}")).toBe("a\\u{202e}b\\u{a}\\u{e0041}");
    expect(printable("abcdef", 4)).toBe("abc\u2026");
    expect(printable("abcd", 4)).toBe("abcd");
    expect(printable("\u{1f600}\u{1f600}", 2)).toBe("\ufffd\u2026");
    expect(printable("abc", 0)).toBe("");
    expect(printable("x".repeat(5_000_000))).toHaveLength(TEXT_LENGTH_MAX);
  });
});
