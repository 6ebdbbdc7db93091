import { describe, expect, test } from "bun:test";
import { isVramError } from "@vram-residency/types";
import {
  assertTensorsFit,
  parseByteSource,
  parseConfig,
  parseGroup,
  parseMockOptions,
  parseModelRef,
  parseModelSize,
  parseOpenOptions,
  parseSealOptions,
  parseVerifyOptions,
} from "@vram-residency/validation";
import { resolveUnder } from "@vram-residency/validation/paths";
import fc from "fast-check";
import { hostile, textsOf } from "./arbitraries.ts";

function within(value: unknown, min: number, max: number): void {
  expect(Number.isSafeInteger(value)).toBe(true);
  expect(value as number).toBeGreaterThanOrEqual(min);
  expect(value as number).toBeLessThanOrEqual(max);
}

function configHolds(config: ReturnType<typeof parseConfig>): void {
  expect(Object.isFrozen(config)).toBe(true);
  within(config.gpuDevice, 0, 255);
  within(config.maxModelBytes, 1, Number.MAX_SAFE_INTEGER);
  within(config.stagingBytes, 2 ** 20, 2 ** 32);
  within(config.deadlineMs ?? 1, 1, 2 ** 31 - 1);
  within(config.maxSealAgeMs ?? 1, 1, 2 ** 31 - 1);
  within(config.headroomBytes === "auto" ? 0 : config.headroomBytes, 0, Number.MAX_SAFE_INTEGER);
  expect(config.workerId).toMatch(/^[A-Za-z0-9._-]{1,128}$/);
  expect(config.deployment).toMatch(/^[A-Za-z0-9._-]{1,128}$/);
  within(Buffer.byteLength(config.workerApiToken ?? "x".repeat(32)), 32, 4096);
}

function sealHolds(options: ReturnType<typeof parseSealOptions>): void {
  expect(Object.isFrozen(options)).toBe(true);
  expect(options.shardId ?? "a").toMatch(/^[A-Za-z0-9_-]{1,256}$/);
  expect(options.modelRef ?? "a").toMatch(/^[A-Za-z0-9._:@+][A-Za-z0-9._/:@+-]*$/);
  expect(options.expectedDigest ?? "a".repeat(64)).toMatch(/^[0-9a-f]{64}$/);
  expect(options.shardIndex === undefined).toBe(options.totalShards === undefined);
  within(options.payloadOffset ?? 0, 0, Number.MAX_SAFE_INTEGER);
  expect(options.group?.index ?? 0).toBeLessThan(options.group?.total ?? 1);
  expect(() => assertTensorsFit(options.tensors ?? [], Number.MAX_SAFE_INTEGER)).not.toThrow();
}

/** Each parser, the code it refuses with, and what is true of what it accepts. */
const PARSERS: Readonly<Record<string, readonly [string, (input: unknown) => void]>> = {
  parseConfig: ["ERR_CONFIG_INVALID", (input) => configHolds(parseConfig(input))],
  parseOpenOptions: ["ERR_CONFIG_INVALID", (input) => configHolds(parseOpenOptions(input).config)],
  parseMockOptions: ["ERR_CONFIG_INVALID", (input) => within(parseMockOptions(input).devices ?? 1, 1, 16)],
  parseSealOptions: ["ERR_INPUT_INVALID", (input) => sealHolds(parseSealOptions(input))],
  parseVerifyOptions: ["ERR_INPUT_INVALID", (input) => expect(parseVerifyOptions(input).mode).toBe("full")],
  parseGroup: ["ERR_INPUT_INVALID", (input) => within(parseGroup(input).total, 1, 65_536)],
  parseModelRef: ["ERR_INPUT_INVALID", (input) => expect(parseModelRef(input)).not.toContain("..")],
  parseModelSize: [
    "ERR_INPUT_INVALID",
    (input) => within(parseModelSize(input, { maxModelBytes: 2 ** 60 }), 1, 2 ** 53 - 1),
  ],
  parseByteSource: [
    "ERR_INPUT_INVALID",
    (input) => {
      const source = parseByteSource(input);
      expect(typeof source === "string" ? source.includes("\0") : source === null).toBe(false);
    },
  ],
  resolveUnder: [
    "ERR_INPUT_INVALID",
    (input) => expect(resolveUnder("/root", input as string)).toBe(`/root/${String(input)}`),
  ],
};

describe("any input", () => {
  for (const [name, [code, parse]] of Object.entries(PARSERS)) {
    test(`either keeps what ${name} promises or is refused, and is not repeated in the refusal`, () => {
      fc.assert(
        fc.property(hostile, (input) => {
          try {
            parse(input);
          } catch (error) {
            if (!isVramError(error)) {
              throw error;
            }
            const said = `${error.message}${JSON.stringify(error.detail)}`;
            expect(error.code as string).toBe(code);
            expect(error.cause).toBeUndefined();
            expect(error.message).toMatch(/^ERR_[A-Z_]+: [ -~]{1,300}$/);
            expect(said).not.toContain("the trap spoke");
            for (const text of textsOf(input)) {
              for (let start = 0; start + 8 <= text.length; start++) {
                expect(said.includes(text.slice(start, start + 8))).toBe(false);
              }
            }
          }
        }),
        { numRuns: 1000 },
      );
    });
  }
});

describe("tensors", () => {
  const layout = fc.array(fc.record({ gap: fc.nat(3), bytes: fc.nat(5) }), { maxLength: 12 }).map((parts) => {
    let end = 0;
    return parts.map(({ gap, bytes }, index) => {
      const offset = end + gap;
      end = offset + bytes;
      return { name: `t${index}`, offset, bytes };
    });
  });

  test("laid out without overlap are accepted in any order, and come out in one", () => {
    const shuffled = layout.chain((tensors) =>
      fc.tuple(fc.constant(tensors), fc.shuffledSubarray(tensors, { minLength: tensors.length })),
    );
    fc.assert(
      fc.property(shuffled, ([tensors, shuffle]) => {
        expect(parseSealOptions({ tensors: shuffle }).tensors).toEqual(parseSealOptions({ tensors }).tensors);
      }),
    );
  });

  test("are refused exactly when two of them share a byte", () => {
    const ranges = fc.array(fc.record({ offset: fc.nat(20), bytes: fc.nat(6) }), { maxLength: 6 });
    fc.assert(
      fc.property(ranges, (places) => {
        const tensors = places.map((place, index) => ({ name: `t${index}`, ...place }));
        const bytes = places.flatMap(({ offset, bytes }) =>
          Array.from({ length: bytes }, (_, at) => offset + at),
        );
        const shared = new Set(bytes).size < bytes.length;

        const parse = (): unknown => parseSealOptions({ tensors });
        if (shared) {
          expect(parse).toThrow("expected ranges that do not overlap");
        } else {
          expect(parse).not.toThrow();
        }
      }),
      { numRuns: 1000 },
    );
  });
});
