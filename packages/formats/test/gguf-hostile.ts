/** Hostile GGUF files, by the rule that must refuse them. */
import { array, BLOCK_TYPES, ggufOf, info, type Parts, pack, pair, text } from "./gguf-bytes.ts";

const HUGE = [2n ** 63n, 2n ** 64n - 1n, 2n ** 53n, 2n ** 32n, 1_000_001n] as const;
const F32 = 0;
const TEXT = 8;
const ARRAY = 9;
const u32 = (value: number): Uint8Array => pack([4, value]);
const tensor = (shape: readonly (bigint | number)[], type = F32, offset: bigint | number = 0): Parts => ({
  infos: [info("a", shape, type, offset)],
  data: 32,
});
const named = (name: string | Uint8Array): Parts => ({ infos: [info(name, [8], F32, 0)], data: 32 });
const only = (key: string | Uint8Array, type: number, value: Uint8Array): Parts => ({
  pairs: [pair(key, type, value)],
});
/** Two tensors of 32 bytes, the second at `offset`. */
const two = (offset: number, data: number, shape: readonly number[] = [8]): Parts => {
  return { infos: [info("a", [8], F32, 0), info("b", shape, F32, offset)], data };
};
const nested = (depth: number): Uint8Array => {
  return depth === 0 ? array(0, []) : array(ARRAY, [nested(depth - 1)]);
};
const start = (tensors: bigint, pairs: bigint): Uint8Array => {
  return pack(new TextEncoder().encode("GGUF"), [4, 3], [8, tensors], [8, pairs]);
};
const NOT_UTF8 = new Uint8Array([0xff, 0xfe]);
const OVERLONG = new Uint8Array([0xc0, 0xaf]);
const SURROGATE = new Uint8Array([0xed, 0xa0, 0x80]);
const long = (length: number): string => "x".repeat(length);

const PARTS: Readonly<Record<string, readonly Parts[]>> = {
  magic: ["GGUf", "FUGG", "GGML", "\0\0\0\0", "PK\u0003\u0004", '{"a"'].map((magic) => ({ magic })),
  "big-endian": [1, 2, 3, 4, 255].map((number) => ({ version: number * 2 ** 24 })),
  version: [0, 1, 4, 5, 65_535, 2 ** 32 - 1].map((version) => ({ version })),
  count: [
    ...HUGE.map((tensorCount) => ({ tensorCount })),
    ...HUGE.map((pairCount) => ({ pairCount })),
    { tensorCount: 1n, data: 0 },
    { pairCount: 1n, data: 0 },
    { ...named("a"), tensorCount: 5n },
  ],
  key: [
    only("", 0, pack([1, 0])),
    only("a\0b", 0, pack([1, 0])),
    only(NOT_UTF8, 0, pack([1, 0])),
    only(OVERLONG, 0, pack([1, 0])),
    only(SURROGATE, 0, pack([1, 0])),
    only(long(65_536), 0, pack([1, 0])),
  ],
  "duplicate-key": [
    ...["a", "general.name", "tokenizer.ggml.tokens", "\u00e4", "__proto__"].map((key) => {
      return {
        pairs: [pair(key, TEXT, text("one")), pair("between", 0, pack([1, 0])), pair(key, TEXT, text("two"))],
      };
    }),
    { pairs: [pair("general.alignment", 4, u32(32)), pair("general.alignment", 4, u32(64))] },
  ],
  "value-type": [
    ...[13, 14, 255, 2 ** 31, 2 ** 32 - 1].map((type) => only("a", type, pack([8, 0]))),
    ...[13, 2 ** 32 - 1].map((type) => only("a", ARRAY, array(type, [], 1n))),
  ],
  metadata: [
    only("general.architecture", 4, u32(1)),
    only("general.architecture", TEXT, text("")),
    only("general.name", ARRAY, array(TEXT, [text("a")])),
    only("general.name", TEXT, text(NOT_UTF8)),
    only("general.name", TEXT, text(long(65_536))),
    only("general.name", TEXT, text("a\0b")),
    only("general.alignment", 10, pack([8, 32])),
    only("general.alignment", TEXT, text("32")),
    only("split.no", 4, u32(0)),
    only("split.count", 5, u32(1)),
    only("split.tensors.count", 10, pack([8, 1])),
  ],
  bool: [
    ...[2, 3, 128, 255].map((value) => only("a", 7, pack([1, value]))),
    only("a", ARRAY, array(7, [pack([1, 1]), pack([1, 2])])),
    only("a", ARRAY, array(ARRAY, [array(7, [pack([1, 9])])])),
  ],
  array: [
    ...HUGE.flatMap((count) => [0, TEXT, ARRAY].map((type) => only("a", ARRAY, array(type, [], count)))),
    ...HUGE.map((count) => only("a", ARRAY, array(12, [pack([8, 0])], count))),
    ...[4, 5, 50, 1000].map((depth) => only("a", ARRAY, nested(depth))),
  ],
  length: [
    ...HUGE.map((length) => ({ pairs: [pack(text("a", length), [4, 0], [8, 0])] })),
    ...HUGE.map((length) => only("a", TEXT, text("", length))),
    ...HUGE.map((length) => only("general.name", TEXT, text("", length))),
    ...HUGE.map((length) => only("a", ARRAY, array(TEXT, [text("", length)]))),
    ...HUGE.map((length) => ({ infos: [pack(text("abcdefgh", length), [4, 0], [4, 0], [8, 0])] })),
  ],
  alignment: [0, 1, 2, 4, 7, 24, 33, 48, 2 ** 31 - 1, 2 ** 32 - 1].map((value) => {
    return only("general.alignment", 4, u32(value));
  }),
  name: ["", "a\0", "\0", NOT_UTF8, OVERLONG, SURROGATE, long(1025)].map(named),
  "duplicate-name": ["a", "\u00e4", "__proto__", "blk.0.ffn_up.weight", long(1024)].flatMap((name) => [
    { infos: [info(name, [8], F32, 0), info(name, [8], F32, 32)], data: 64 },
    { infos: [info(name, [8], F32, 0), info("b", [8], F32, 32), info(name, [0], F32, 0)], data: 64 },
  ]),
  dtype: [4, 5, 31, 32, 33, 36, 37, 38, 43, 255, 2 ** 32 - 1].map((type) => tensor([8], type)),
  shape: [
    ...[5, 6, 8].map((dimensions) => tensor(Array.from({ length: dimensions }, () => 1))),
    { infos: [pack(text("a"), [4, 2 ** 32 - 1], [8, 0], [8, 0])] },
    ...HUGE.slice(0, 3).map((size) => tensor([size])),
    tensor([2n ** 32n, 2n ** 32n]),
    tensor([2n ** 31n, 2n ** 31n, 2n, 2n]),
    tensor([2n ** 16n, 2n ** 16n, 2n ** 16n, 2n ** 16n]),
    tensor([2n ** 52n]),
    tensor([0, 2n ** 53n]),
    tensor([2n ** 64n - 1n, 0]),
    ...Object.values(BLOCK_TYPES).flatMap(({ id, elements }) => {
      return elements === 1
        ? []
        : [tensor([], id), tensor([elements - 1], id), tensor([elements + 1, elements], id)];
    }),
  ],
  offsets: [
    ...[1, 8, 16, 31, 33].map((offset) => tensor([8], F32, offset)),
    ...HUGE.slice(0, 4).map((offset) => tensor([8], F32, offset)),
    tensor([8], F32, 32),
    tensor([8], F32, 64),
    tensor([9], F32, 0),
    tensor([2n ** 40n], F32, 0),
    tensor([2n ** 50n], F32, 2n ** 52n),
    tensor([0], F32, 64),
  ],
  hole: [
    { infos: [info("a", [4], F32, 32)], data: 48 },
    two(64, 96),
    two(96, 128),
    { infos: [info("a", [8], F32, 64), info("b", [8], F32, 0)], data: 96 },
    { infos: [info("a", [0], F32, 32)], data: 48 },
    { infos: [info("a", [8], F32, 32), info("b", [8], F32, 64)], data: 96 },
  ],
  overlap: [
    two(0, 32),
    two(0, 64, [9]),
    { infos: [info("a", [9], F32, 0), info("b", [8], F32, 32)], data: 64 },
    { infos: [info("a", [64], F32, 0), info("b", [1], F32, 224)], data: 256 },
    { infos: [info("a", [64], F32, 0), info("b", [64], F32, 0), info("c", [64], F32, 0)], data: 256 },
    { infos: [info("a", [16], F32, 0), info("b", [0], F32, 32)], data: 64 },
  ],
  trailing: [
    { data: 33 },
    { data: 1000 },
    { ...named("a"), data: 33 },
    { ...named("a"), data: 64 },
    { ...two(32, 97) },
    { infos: [info("a", [0], F32, 0)], data: 1 },
  ],
};

/** The file ends inside a field of known size. */
const SHORT: readonly Uint8Array[] = [
  new Uint8Array(0),
  start(0n, 0n).slice(0, 3),
  start(0n, 0n).slice(0, 7),
  start(0n, 0n).slice(0, 15),
  start(0n, 0n).slice(0, 23),
  // The counts are possible, the values are not there.
  pack(start(0n, 1n), text("abc"), [4, 10], [4, 0]),
  pack(start(0n, 1n), text("abcdef"), [4, 4], [2, 0]),
  pack(start(1n, 0n), text("abcdefgh"), [4, 1], [8, 8], [4, 0], [4, 0]),
  pack(start(1n, 0n), text("abcdefgh"), [4, 4], [8, 1], [8, 1]),
  // The data begins behind the end.
  pack(start(1n, 0n), info("ab", [0], F32, 0)),
];

/** Every file with its rule. At least five of each. */
export const HOSTILE_GGUF: readonly (readonly [rule: string, file: Uint8Array])[] = [
  ...Object.entries(PARTS).flatMap(([rule, list]) => list.map((parts) => [rule, ggufOf(parts)] as const)),
  ...SHORT.map((file) => ["too-short", file] as const),
];
