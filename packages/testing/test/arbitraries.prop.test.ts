import { describe, expect, test } from "bun:test";
import {
  ALLOCATOR_OPERATIONS,
  byteFlips,
  digests,
  faultScripts,
  hostileObjects,
  sealBodies,
  shardBytes,
  shardIds,
  shardSizes,
  tensorRanges,
} from "@vram-residency/testing";
import { hexDigest, shardId } from "@vram-residency/types";
import fc from "fast-check";

/** Whether a generator meets each of some conditions, given enough tries: a property over it can then fail for each. */
function reaches<Value>(
  arbitrary: fc.Arbitrary<Value>,
  conditions: readonly ((value: Value) => boolean)[],
): void {
  const values = fc.sample(arbitrary, { numRuns: 2000, seed: 1 });
  for (const condition of conditions) expect(values.some(condition)).toBe(true);
}

describe("shards", () => {
  test("ids are accepted, from one character to 256", () => {
    fc.assert(fc.property(shardIds(), (id) => expect(shardId(id)).toBe(id)));
    reaches(shardIds(), [
      ({ length }) => length === 1,
      ({ length }) => length === 256,
      (id) => id.includes("-"),
    ]);
  });

  test("digests are digests", () => {
    fc.assert(fc.property(digests(), (digest) => expect(hexDigest(digest)).toBe(digest)));
  });

  test("sizes keep to the limit, and meet the edges of blocks and groups", () => {
    const max = 600_000;
    fc.assert(
      fc.property(shardSizes({ max }), (bytes) => {
        expect(bytes).toBeGreaterThanOrEqual(1);
        expect(bytes).toBeLessThanOrEqual(max);
      }),
    );
    for (const edge of [1, 4095, 4096, 4097, 524_287, 524_288, 524_289, max]) {
      reaches(shardSizes({ max }), [(bytes) => bytes === edge]);
    }
    reaches(shardSizes({ max: 1 }), [(bytes) => bytes === 1]);
  });

  test("contents are random, or zero, or zero up to the last byte", () => {
    const max = 5000;
    reaches(shardBytes({ max }), [
      (bytes) => bytes.every((byte) => byte === 0),
      (bytes) => bytes.length > 1 && bytes.at(-1) === 1 && bytes.subarray(0, -1).every((byte) => byte === 0),
      (bytes) => bytes.length > 100 && new Set(bytes).size > 50,
    ]);
  });

  test("flips lie inside, and meet the first and the last bit", () => {
    fc.assert(
      fc.property(shardSizes({ max: 600_000 }), (bytes) => {
        for (const { offset, bit } of fc.sample(byteFlips(bytes), 5)) {
          expect(offset).toBeGreaterThanOrEqual(0);
          expect(offset).toBeLessThan(bytes);
          expect([0, 1, 2, 3, 4, 5, 6, 7]).toContain(bit);
        }
      }),
    );
    reaches(byteFlips(9000), [
      ({ offset }) => offset === 0,
      ({ offset }) => offset === 8999,
      ({ offset }) => offset === 4096,
    ]);
  });

  test("tensors lie in order inside the shard, without overlaps, under names of their own", () => {
    fc.assert(
      fc.property(tensorRanges(10_000), (ranges) => {
        let end = 0;
        for (const { offset, bytes } of ranges) {
          expect(offset).toBeGreaterThanOrEqual(end);
          expect(bytes).toBeGreaterThanOrEqual(0);
          end = offset + bytes;
        }
        expect(end).toBeLessThanOrEqual(10_000);
        expect(new Set(ranges.map(({ name }) => name)).size).toBe(ranges.length);
      }),
    );
    reaches(tensorRanges(10), [
      (ranges) => ranges.some(({ bytes }) => bytes === 0),
      (ranges) => ranges.length > 3,
    ]);
  });
});

describe("seal bodies", () => {
  const ORDER =
    "v kid sealId supersedes epoch seq allocation shard group bytes identity residency device model policy evidence sealedAt mono maxAgeMs".split(
      " ",
    );

  test("have their fields in the order of the encoding, none of them undefined", () => {
    fc.assert(
      fc.property(sealBodies(), (body) => {
        const names = Object.keys(body);
        expect(names).toEqual(ORDER.filter((name) => names.includes(name)));
        expect(JSON.parse(JSON.stringify(body))).toEqual(body);
        expect(Object.values(body)).not.toContain(undefined);
        if (body.group !== undefined) expect(body.group.index).toBeLessThan(body.group.total);
        expect(new Date(body.sealedAt).toISOString()).toBe(body.sealedAt);
        expect(body.device.uuid).toStartWith(body.device.backend === "mock" ? "MOCK-" : "GPU-");
      }),
    );
  });

  test("come with and without every optional field", () => {
    const optional = ["supersedes", "group", "model", "maxAgeMs"] as const;
    reaches(
      sealBodies(),
      optional.flatMap((name) => [(body: object) => name in body, (body: object) => !(name in body)]),
    );
    reaches(sealBodies(), [
      ({ residency }) => residency.alg === "blake3",
      ({ residency }) => residency.block === 4096,
      ({ device }) => device.mig !== undefined,
      ({ device }) => device.pci === undefined,
      ({ model }) => model?.range !== undefined,
    ]);
  });
});

describe("hostile things", () => {
  test("include what parsers trip over", () => {
    const threw = (value: unknown): boolean => {
      try {
        JSON.stringify(value);
        return false;
      } catch {
        return true;
      }
    };
    reaches(hostileObjects(), [
      threw,
      (value) => value === undefined,
      (value) => typeof value === "symbol",
      (value) => typeof value === "bigint",
      (value) => typeof value === "number" && Number.isNaN(value),
      (value) => typeof value === "string" && value.length > 10_000,
      (value) => typeof value === "object" && value !== null && Object.hasOwn(safely(value), "__proto__"),
    ]);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  test("fault scripts name real operations, from the first call on, and never lose an allocation", () => {
    fc.assert(
      fc.property(faultScripts(), (script) => {
        expect(script.length).toBeGreaterThan(0);
        for (const { operation, at, error, when } of script) {
          expect([...ALLOCATOR_OPERATIONS] as string[]).toContain(operation);
          expect(at).toBeGreaterThanOrEqual(1);
          expect(["ERR_DEVICE_LOST", "ERR_DRIVER_ALLOCATION", "ERR_DRIVER_COPY"]).toContain(error.code);
          if (operation === "allocate") expect(when).toBe("before");
        }
      }),
    );
  });
});

function safely(value: object): object {
  try {
    Object.keys(value);
    return value;
  } catch {
    return {};
  }
}
