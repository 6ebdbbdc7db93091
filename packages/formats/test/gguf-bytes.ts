/** GGUF files byte by byte. Shares no code with the reader: sizes and layout are worked out here again. */
import fc from "fast-check";

/** A tensor type: its number, the elements of a block, and the bytes of a block by what its structure holds. */
export interface BlockType {
  readonly id: number;
  readonly elements: number;
  readonly bytes: number;
}

/** By name. Half-precision scales are the twos, the rest are quants, high bits, signs and sums. */
export const BLOCK_TYPES: Readonly<Record<string, BlockType>> = {
  F32: { id: 0, elements: 1, bytes: 4 },
  F16: { id: 1, elements: 1, bytes: 2 },
  Q4_0: { id: 2, elements: 32, bytes: 2 + 32 / 2 },
  Q4_1: { id: 3, elements: 32, bytes: 2 + 2 + 32 / 2 },
  Q5_0: { id: 6, elements: 32, bytes: 2 + 4 + 32 / 2 },
  Q5_1: { id: 7, elements: 32, bytes: 2 + 2 + 4 + 32 / 2 },
  Q8_0: { id: 8, elements: 32, bytes: 2 + 32 },
  Q8_1: { id: 9, elements: 32, bytes: 4 + 4 + 32 },
  Q2_K: { id: 10, elements: 256, bytes: 2 + 2 + 256 / 16 + 256 / 4 },
  Q3_K: { id: 11, elements: 256, bytes: 2 + 256 / 4 + 256 / 8 + 12 },
  Q4_K: { id: 12, elements: 256, bytes: 2 + 2 + 256 / 2 + 12 },
  Q5_K: { id: 13, elements: 256, bytes: 2 + 2 + 256 / 2 + 256 / 8 + 12 },
  Q6_K: { id: 14, elements: 256, bytes: 2 + 256 / 2 + 256 / 4 + 256 / 16 },
  Q8_K: { id: 15, elements: 256, bytes: 4 + 256 + (2 * 256) / 16 },
  IQ2_XXS: { id: 16, elements: 256, bytes: 2 + 256 / 4 },
  IQ2_XS: { id: 17, elements: 256, bytes: 2 + 256 / 4 + 256 / 32 },
  IQ3_XXS: { id: 18, elements: 256, bytes: 2 + 256 / 4 + 256 / 8 },
  IQ1_S: { id: 19, elements: 256, bytes: 2 + 256 / 8 + 256 / 16 },
  IQ4_NL: { id: 20, elements: 32, bytes: 2 + 32 / 2 },
  IQ3_S: { id: 21, elements: 256, bytes: 2 + 256 / 4 + 256 / 8 + 256 / 32 + 4 },
  IQ2_S: { id: 22, elements: 256, bytes: 2 + 256 / 4 + 256 / 16 },
  IQ4_XS: { id: 23, elements: 256, bytes: 2 + 2 + 256 / 2 + 256 / 64 },
  I8: { id: 24, elements: 1, bytes: 1 },
  I16: { id: 25, elements: 1, bytes: 2 },
  I32: { id: 26, elements: 1, bytes: 4 },
  I64: { id: 27, elements: 1, bytes: 8 },
  F64: { id: 28, elements: 1, bytes: 8 },
  IQ1_M: { id: 29, elements: 256, bytes: 256 / 8 + 256 / 16 + 256 / 32 },
  BF16: { id: 30, elements: 1, bytes: 2 },
  TQ1_0: { id: 34, elements: 256, bytes: 2 + 4 * 13 },
  TQ2_0: { id: 35, elements: 256, bytes: 2 + 64 },
  MXFP4: { id: 39, elements: 32, bytes: 1 + 16 },
  NVFP4: { id: 40, elements: 64, bytes: 4 + 32 },
  Q1_0: { id: 41, elements: 128, bytes: 2 + 16 },
  Q2_0: { id: 42, elements: 64, bytes: 2 + 16 },
};

/** Little-endian integers of `width` bytes, and what is given as bytes. */
export function pack(
  ...parts: readonly (readonly [width: number, value: bigint | number] | Uint8Array)[]
): Uint8Array {
  const bytes: number[] = [];
  for (const part of parts) {
    if (part instanceof Uint8Array) {
      for (const byte of part) bytes.push(byte);
      continue;
    }
    let rest = BigInt.asUintN(64, BigInt(part[1]));
    for (let index = 0; index < part[0]; index += 1) {
      bytes.push(Number(rest & 0xffn));
      rest >>= 8n;
    }
  }
  return new Uint8Array(bytes);
}

/** A text: its length, which lies when it is given, and its bytes. */
export function text(value: string | Uint8Array, length?: bigint): Uint8Array {
  const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
  return pack([8, length ?? bytes.length], bytes);
}

/** A key-value pair. */
export function pair(key: string | Uint8Array, type: number, value: Uint8Array): Uint8Array {
  return pack(text(key), [4, type], value);
}

/** An array's value. `count` lies when it is given. */
export function array(type: number, items: readonly Uint8Array[], count?: bigint): Uint8Array {
  return pack([4, type], [8, count ?? items.length], ...items);
}

/** A tensor's info. Shape: innermost dimension first. */
export function info(
  name: string | Uint8Array,
  shape: readonly (bigint | number)[],
  type: number,
  offset: bigint | number,
): Uint8Array {
  return pack(
    text(name),
    [4, shape.length],
    ...shape.map((size) => [8, size] as const),
    [4, type],
    [8, offset],
  );
}

/** What a file is made of. What is given in place of the true value is a lie. */
export interface Parts {
  readonly magic?: string;
  readonly version?: number;
  readonly pairs?: readonly Uint8Array[];
  readonly infos?: readonly Uint8Array[];
  readonly pairCount?: bigint;
  readonly tensorCount?: bigint;
  readonly alignment?: number;
  /** Unit: bytes. */
  readonly data?: number;
}

/** The header, without padding. */
export function headerOf(parts: Parts): Uint8Array {
  const { magic = "GGUF", version = 3, pairs = [], infos = [] } = parts;
  const { pairCount = pairs.length, tensorCount = infos.length } = parts;
  const start = pack(new TextEncoder().encode(magic), [4, version], [8, tensorCount], [8, pairCount]);
  return pack(start, ...pairs, ...infos);
}

/** A file: header, padding, and data. */
export function ggufOf(parts: Parts): Uint8Array {
  const header = headerOf(parts);
  const { alignment = 32, data = 0 } = parts;
  const padded = header.length + ((alignment - (header.length % alignment)) % alignment);
  const file = new Uint8Array(padded + data).fill(0xa5);
  file.fill(0, header.length, padded);
  file.set(header);
  return file;
}

/** What a generated file must read back as. */
export interface ExpectedGguf {
  readonly file: Uint8Array;
  readonly version: number;
  readonly alignment: number;
  readonly payloadOffset: number;
  readonly architecture: string;
  /** In the order of the file's infos; outermost dimension first. */
  readonly tensors: readonly {
    readonly name: string;
    readonly offset: number;
    readonly bytes: number;
    readonly dtype: string;
    readonly shape: readonly number[];
  }[];
}

const scalar = (type: number, width: number): fc.Arbitrary<readonly [number, Uint8Array]> => {
  return fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((value) => [type, pack([width, value])] as const);
};
const word = fc.string({ unit: "grapheme", maxLength: 8 });
const plain = fc.oneof(
  ...([1, 1, 2, 2, 4, 4, 4].map((width, type) => scalar(type, width)) satisfies unknown[]),
  fc.boolean().map((value) => [7, pack([1, value ? 1 : 0])] as const),
  word.map((value) => [8, text(value)] as const),
  ...[10, 11, 12].map((type) => scalar(type, 8)),
);
const arrays = fc.oneof(
  fc.array(word, { maxLength: 5 }).map((words) =>
    array(
      8,
      words.map((value) => text(value)),
    ),
  ),
  fc.array(fc.boolean(), { maxLength: 5 }).map((flags) =>
    array(
      7,
      flags.map((flag) => pack([1, flag ? 1 : 0])),
    ),
  ),
  fc.array(fc.nat(), { maxLength: 5 }).map((numbers) =>
    array(
      5,
      numbers.map((value) => pack([4, value])),
    ),
  ),
  fc.array(word, { maxLength: 3 }).map((words) =>
    array(
      9,
      words.map((value) => array(8, [text(value)])),
    ),
  ),
);
const values = fc.oneof(
  plain,
  arrays.map((value) => [9, value] as const),
);

const tensor = fc.record({
  name: fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 }).filter((name) => !name.includes("\0")),
  dtype: fc.constantFrom(...Object.keys(BLOCK_TYPES)),
  shape: fc.array(fc.nat({ max: 3 }), { maxLength: 4 }),
  sortKey: fc.nat(),
});

/** Valid files: any types and shapes, empty tensors, infos in any order, any values between, both versions, several alignments. */
export function ggufFiles(): fc.Arbitrary<ExpectedGguf> {
  return fc
    .record({
      tensors: fc.uniqueArray(tensor, { selector: ({ name }) => name, maxLength: 8 }),
      extra: fc.uniqueArray(fc.tuple(word, values), { selector: ([key]) => key, maxLength: 6 }),
      version: fc.constantFrom(2, 3),
      alignment: fc.constantFrom(8, 32, 64, 256),
      architecture: fc.constantFrom("llama", "qwen3", "gemma"),
      lastPadded: fc.boolean(),
    })
    .map(({ tensors, extra, version, alignment, architecture, lastPadded }) => {
      let next = 0;
      let end = 0;
      const placed = tensors.map(({ name, dtype, shape: blocks, sortKey }) => {
        const { elements, bytes: blockBytes } = BLOCK_TYPES[dtype] ?? { elements: 1, bytes: 0 };
        // A scalar has one element, so only types of one element can be one.
        const inner = blocks.length === 0 && elements > 1 ? [1] : blocks;
        const shape = inner.map((size, index) => (index === inner.length - 1 ? size * elements : size));
        const bytes = inner.reduce((product, size) => product * size, 1) * blockBytes;
        const offset = next;
        end = offset + bytes;
        next = Math.ceil(end / alignment) * alignment;
        return { name, dtype, shape, bytes, offset, sortKey };
      });
      const infos = [...placed].sort((a, b) => a.sortKey - b.sortKey);
      const header: Parts = {
        version,
        alignment,
        pairs: [
          pair("general.architecture", 8, text(architecture)),
          ...extra.map(([key, [type, value]]) =>
            pair(`x.${key.replaceAll("\0", "")}.${key.length}`, type, value),
          ),
          ...(alignment === 32 ? [] : [pair("general.alignment", 4, pack([4, alignment]))]),
        ],
        infos: infos.map(({ name, dtype, shape, offset }) => {
          return info(name, [...shape].reverse(), BLOCK_TYPES[dtype]?.id ?? 0, offset);
        }),
      };
      const file = ggufOf({ ...header, data: lastPadded ? next : end });
      const payloadOffset = Math.ceil(headerOf(header).length / alignment) * alignment;
      const moved = infos.map(({ name, dtype, shape, bytes, offset }) => {
        return { name, dtype, shape, bytes, offset: payloadOffset + offset };
      });
      return { file, version, alignment, payloadOffset, architecture, tensors: moved };
    });
}
