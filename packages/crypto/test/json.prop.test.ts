import { expect, test } from "bun:test";
import { canonicalJson, parseStrictJson, utf8 } from "@vram-residency/crypto";
import { hasCode, type JsonValue } from "@vram-residency/types";
import fc from "fast-check";

const OPTIONS = { format: "test", maxBytes: 1_000_000 };

const text = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom("__proto__", "constructor", "\u2028", "é", '"', "\\"),
);
const number = fc.oneof(
  fc.maxSafeInteger(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => !Number.isInteger(value)),
);
const { value: json } = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    number,
    text,
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 5 }),
    fc.dictionary(text, tie("value"), { maxKeys: 5, noNullPrototype: false }),
  ),
}));

/** JSON texts, most of them damaged in one place. */
const damaged = fc
  .tuple(
    json,
    fc.boolean(),
    fc.nat(),
    fc.nat(3),
    fc.oneof(fc.string({ maxLength: 2 }), fc.constantFrom(...'[]{},:"\\0-eu')),
  )
  .map(([value, spaced, at, cut, put]) => {
    const whole = JSON.stringify(value, null, spaced ? 1 : 0);
    const index = at % (whole.length + 1);
    return whole.slice(0, index) + put + whole.slice(index + cut);
  });

function accepts(input: string): { value: JsonValue } | undefined {
  try {
    return { value: parseStrictJson(input, OPTIONS) };
  } catch (error) {
    if (hasCode(error, "ERR_FORMAT_INVALID")) return undefined;
    throw error;
  }
}

test("every JSON value comes back from its text, its bytes and its canonical form", () => {
  fc.assert(
    fc.property(json, (value) => {
      const written = JSON.stringify(value);
      const canonical = canonicalJson(value);

      expect(JSON.stringify(parseStrictJson(written, OPTIONS))).toBe(written);
      expect(JSON.stringify(parseStrictJson(utf8(written), OPTIONS))).toBe(written);
      expect(canonicalJson(parseStrictJson(canonical, OPTIONS))).toBe(canonical);
      expect(JSON.parse(canonical)).toEqual(JSON.parse(written));
    }),
    { numRuns: 300 },
  );
});

test("what it accepts, the runtime's parser accepts, with the same value", () => {
  let accepted = 0;
  fc.assert(
    fc.property(damaged, (input) => {
      const ours = accepts(input);
      if (ours === undefined) return;
      accepted += 1;

      expect(JSON.stringify(ours.value)).toBe(JSON.stringify(JSON.parse(input)));
    }),
    { numRuns: 3000 },
  );
  expect(accepted).toBeGreaterThan(100);
});

test("what the runtime's parser refuses, it refuses", () => {
  fc.assert(
    fc.property(
      fc.oneof(damaged, fc.string({ unit: fc.constantFrom(...'[]{},:"\\0123-+.eEtruefalsn \n') })),
      (input) => {
        let parsed = true;
        try {
          JSON.parse(input);
        } catch {
          parsed = false;
        }

        if (!parsed) expect(accepts(input)).toBeUndefined();
      },
    ),
    { numRuns: 3000 },
  );
});

test("canonical JSON does not depend on the order in which names were given", () => {
  fc.assert(
    fc.property(fc.dictionary(text, json, { maxKeys: 8, noNullPrototype: false }), (object) => {
      const reversed = Object.create(null);
      for (const [name, value] of Object.entries(object).reverse()) reversed[name] = value;

      expect(canonicalJson(reversed)).toBe(canonicalJson(object));
    }),
  );
});
