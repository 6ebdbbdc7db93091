import { describe, expect, test } from "bun:test";
import {
  assertTensorsFit,
  parseGroup,
  parseSealOptions,
  parseVerifyOptions,
} from "@vram-residency/validation";
import { refusalOf } from "./refused.ts";

const ID = "0123456789abcdef0123456789abcdef";
const DIGEST = "a".repeat(64);

function sealRefusal(input: unknown): string {
  return refusalOf(() => parseSealOptions(input)).replace("ERR_INPUT_INVALID ", "");
}

describe("parseSealOptions", () => {
  test("takes nothing, and then exports nothing", () => {
    expect<unknown>(parseSealOptions(undefined)).toEqual({ exportable: false });
  });

  test("takes everything at once", () => {
    const options = {
      shardId: "shard-1",
      gpuDevice: 1,
      modelRef: "org/model@v1",
      group: { id: ID, index: 1, total: 2 },
      shardIndex: 1,
      totalShards: 2,
      expectedDigest: DIGEST,
      tensors: [{ name: "w", offset: 0, bytes: 8, dtype: "BF16", shape: [2, 2] }],
      exportable: true,
      payloadOffset: 1024,
      signal: new AbortController().signal,
      onProgress: () => {},
      deadlineMs: 1000,
    };
    const parsed = parseSealOptions(options);

    expect<unknown>(parsed).toEqual(options);
    expect(parsed.signal).toBe(options.signal);
    expect(parsed.onProgress).toBe(options.onProgress);
    for (const part of [
      parsed,
      parsed.group,
      parsed.tensors,
      parsed.tensors?.[0],
      parsed.tensors?.[0]?.shape,
    ]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });

  const refused: readonly [unknown, string][] = [
    [{ shardId: "a b" }, "shardId: expected 1 to 256 bytes of A-Z, a-z, 0-9, _ and -"],
    [{ shardId: "x".repeat(257) }, "shardId: expected 1 to 256 bytes of A-Z, a-z, 0-9, _ and -"],
    [{ gpuDevice: 256 }, "gpuDevice: expected an integer from 0 to 255"],
    [{ modelRef: "../x" }, 'modelRef: expected a name without ".."'],
    [{ expectedDigest: DIGEST.toUpperCase() }, "expectedDigest: expected 64 lowercase hexadecimal digits"],
    [{ exportable: 1 }, "exportable: expected true or false"],
    [{ payloadOffset: -1 }, "payloadOffset: expected an integer from 0 to 2^53 - 1"],
    [{ signal: {} }, "signal: expected an AbortSignal"],
    [{ signal: Object.create(AbortSignal.prototype) }, "signal: cannot be read"],
    [{ onProgress: {} }, "onProgress: expected a function"],
    [{ deadlineMs: 2 ** 31 }, "deadlineMs: expected an integer from 1 to 2147483647"],
    [{ group: { id: ID, index: 2, total: 2 } }, "group.index: expected less than group.total"],
    [{ group: { id: ID, index: 0 } }, "group.total: is missing"],
    [{ group: { id: ID, index: 0, total: 0 } }, "group.total: expected an integer from 1 to 65536"],
    [{ group: { id: ID, index: 0, total: 65_537 } }, "group.total: expected an integer from 1 to 65536"],
    [
      { group: { id: ID.toUpperCase(), index: 0, total: 1 } },
      "group.id: expected 32 lowercase hexadecimal digits",
    ],
    [{ shardIndex: 0 }, "shardIndex: expected together with the other of shardIndex and totalShards"],
    [{ totalShards: 1 }, "totalShards: expected together with the other of shardIndex and totalShards"],
    [{ shardIndex: 1, totalShards: 1 }, "shardIndex: expected less than totalShards"],
    [
      { group: { id: ID, index: 1, total: 3 }, shardIndex: 0, totalShards: 3 },
      "shardIndex: expected the same as group.index",
    ],
    [
      { group: { id: ID, index: 1, total: 3 }, shardIndex: 1, totalShards: 2 },
      "totalShards: expected the same as group.total",
    ],
  ];
  for (const [input, refusal] of refused) {
    test(`refuses ${refusal}`, () => {
      expect(sealRefusal(input)).toBe(refusal);
    });
  }

  test("takes the largest group", () => {
    expect(parseSealOptions({ group: { id: ID, index: 65_535, total: 65_536 } }).group?.index).toBe(65_535);
  });
});

describe("tensors", () => {
  const tensor = (name: string, offset: number, bytes: number): object => ({ name, offset, bytes });

  test("come out sorted by offset, whatever order they went in", () => {
    const { tensors } = parseSealOptions({
      tensors: [tensor("c", 8, 4), tensor("a", 0, 4), tensor("b", 4, 4)],
    });

    expect(tensors?.map(({ name }) => name)).toEqual(["a", "b", "c"]);
  });

  test("may touch, leave holes, and be empty anywhere", () => {
    const tensors = [tensor("a", 0, 8), tensor("inside", 4, 0), tensor("b", 8, 8), tensor("far", 100, 1)];

    expect(parseSealOptions({ tensors }).tensors).toHaveLength(4);
  });

  const last = Number.MAX_SAFE_INTEGER;
  const refused: readonly [string, readonly unknown[], string][] = [
    [
      "overlap by one byte",
      [tensor("a", 0, 5), tensor("b", 4, 4)],
      "tensors: expected ranges that do not overlap: two meet at byte 4",
    ],
    [
      "lie one in the other",
      [tensor("a", 0, 9), tensor("b", 2, 1)],
      "tensors: expected ranges that do not overlap: two meet at byte 2",
    ],
    [
      "overlap past an empty one",
      [tensor("a", 0, 9), tensor("e", 8, 0), tensor("b", 8, 1)],
      "tensors: expected ranges that do not overlap: two meet at byte 8",
    ],
    ["share a name", [tensor("a", 0, 1), tensor("a", 1, 1)], "tensors: expected each name once"],
    [
      "end beyond 2^53 - 1",
      [tensor("a", 0, 1), tensor("b", last, 1)],
      "tensors[1].bytes: expected offset + bytes within 2^53 - 1",
    ],
    [
      "have a negative size",
      [tensor("a", 0, -1)],
      "tensors[0].bytes: expected an integer from 0 to 2^53 - 1",
    ],
    ["have no offset", [{ name: "a", bytes: 1 }], "tensors[0].offset: is missing"],
    ["have no name", [tensor("", 0, 1)], "tensors[0].name: expected text of 1 to 1024 bytes"],
    [
      "have too long a name",
      [tensor("é".repeat(513), 0, 1)],
      "tensors[0].name: expected text of 1 to 1024 bytes",
    ],
    [
      "have a broken name",
      [tensor("\udc00", 0, 1)],
      "tensors[0].name: expected well-formed text, without lone surrogates",
    ],
    [
      "have a line end in the name",
      [tensor("a\nb", 0, 1)],
      "tensors[0].name: expected a name without control or bidi characters",
    ],
    [
      "have a bidi override in the name",
      [tensor("a\u202eb", 0, 1)],
      "tensors[0].name: expected a name without control or bidi characters",
    ],
    [
      "have a strange dtype",
      [{ ...tensor("a", 0, 1), dtype: "f 16" }],
      "tensors[0].dtype: expected 1 to 32 bytes of A-Z, a-z, 0-9 and _",
    ],
    [
      "have a fractional dimension",
      [{ ...tensor("a", 0, 1), shape: [1, 0.5] }],
      "tensors[0].shape[1]: expected an integer from 0 to 2^53 - 1",
    ],
    [
      "have too many dimensions",
      [{ ...tensor("a", 0, 1), shape: Array(33).fill(1) }],
      "tensors[0].shape: expected at most 32 elements",
    ],
    [
      "carry an unknown key",
      [{ ...tensor("a", 0, 1), stride: 1 }],
      "tensors[0]: unknown key stride: known are name, offset, bytes, dtype, shape",
    ],
  ];
  for (const [name, tensors, refusal] of refused) {
    test(`are refused when they ${name}`, () => {
      expect(sealRefusal({ tensors })).toBe(refusal);
    });
  }

  test("may end exactly at 2^53 - 1", () => {
    expect(parseSealOptions({ tensors: [tensor("a", last - 1, 1)] }).tensors).toHaveLength(1);
  });

  test("are refused by count before any is looked at", () => {
    expect(sealRefusal({ tensors: new Array(1_000_001) })).toBe("tensors: expected at most 1000000 elements");
  });

  test("must fit the shard to the byte", () => {
    const { tensors = [] } = parseSealOptions({ tensors: [tensor("a", 0, 4), tensor("b", 4, 4)] });

    expect(() => assertTensorsFit(tensors, 8)).not.toThrow();
    expect(refusalOf(() => assertTensorsFit(tensors, 7))).toBe(
      "ERR_INPUT_INVALID tensors[1]: expected to end by byte 7, where the shard ends",
    );
    expect(() => assertTensorsFit(tensors, Number.NaN)).toThrow("ERR_INPUT_INVALID");
  });
});

describe("parseVerifyOptions", () => {
  test("means the full mode unless told", () => {
    expect<unknown>(parseVerifyOptions(undefined)).toEqual({ mode: "full" });
    expect<unknown>(parseVerifyOptions({ mode: "full", deadlineMs: 5 })).toEqual({
      mode: "full",
      deadlineMs: 5,
    });
  });

  test("refuses modes that do not exist", () => {
    expect(refusalOf(() => parseVerifyOptions({ mode: "quick" }))).toBe(
      'ERR_INPUT_INVALID mode: expected "full"',
    );
  });
});

describe("parseGroup", () => {
  test("names its fields in full", () => {
    expect<unknown>(parseGroup({ id: ID, index: 0, total: 1 })).toEqual({ id: ID, index: 0, total: 1 });
    expect(refusalOf(() => parseGroup(7))).toBe("ERR_INPUT_INVALID group: expected an object");
    expect(refusalOf(() => parseGroup({ id: ID, index: 1, total: 1 }))).toBe(
      "ERR_INPUT_INVALID group.index: expected less than group.total",
    );
    expect(refusalOf(() => parseGroup({ id: ID, index: 65_536, total: 1 }))).toBe(
      "ERR_INPUT_INVALID group.index: expected an integer from 0 to 65535",
    );
  });
});
