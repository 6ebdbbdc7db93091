/** safetensors files byte by byte. Shares no code with the reader: sizes and layout are worked out here again. */
import type { FileHandle } from "@vram-residency/types";
import fc from "fast-check";

/** Bits of one element, from the format's own documentation. */
export const DTYPE_BITS: Readonly<Record<string, bigint>> = {
  F4: 4n,
  F6_E2M3: 6n,
  F6_E3M2: 6n,
  BOOL: 8n,
  U8: 8n,
  I8: 8n,
  F8_E5M2: 8n,
  F8_E4M3: 8n,
  F8_E8M0: 8n,
  I16: 16n,
  U16: 16n,
  F16: 16n,
  BF16: 16n,
  I32: 32n,
  U32: 32n,
  F32: 32n,
  C64: 64n,
  F64: 64n,
  I64: 64n,
  U64: 64n,
};

/** A file: the header's length, the header, and `payload` bytes of data. `length` lies when it is given. */
export function fileOf(header: string | Uint8Array, payload = 0, length?: bigint): Uint8Array {
  const json = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const file = new Uint8Array(8 + json.length + payload).fill(0xa5);
  let rest = length ?? BigInt(json.length);
  for (let index = 0; index < 8; index += 1) {
    file[index] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  file.set(json, 8);
  return file;
}

/** The header's text for one tensor. */
export function entry(
  name: string,
  dtype: string,
  shape: readonly number[],
  begin: number,
  end: number,
): string {
  return `${JSON.stringify(name)}:{"dtype":"${dtype}","shape":[${shape.join(",")}],"data_offsets":[${begin},${end}]}`;
}

/** An open file that gives at most `stride` bytes a read. */
export function handleOf(bytes: Uint8Array, stride: number = bytes.length): Pick<FileHandle, "read"> {
  return {
    read: (into, position) => {
      const part = bytes.subarray(position, position + Math.min(into.length, stride));
      into.set(part);
      return Promise.resolve(part.length);
    },
  };
}

/** What a generated file must read back as. */
export interface Expected {
  readonly file: Uint8Array;
  readonly payloadOffset: number;
  /** By offset, then size, then name. */
  readonly tensors: readonly {
    readonly name: string;
    readonly offset: number;
    readonly bytes: number;
    readonly dtype: string;
    readonly shape: readonly number[];
  }[];
  readonly metadata: readonly (readonly [string, string])[];
}

const names = fc.oneof(
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 }),
  fc.constantFrom(
    "__proto__",
    "constructor",
    "toString",
    "hasOwnProperty",
    "0",
    "1",
    "model.layers.0.weight",
    '"\\',
  ),
);

const spaces = fc.string({ unit: fc.constantFrom(" ", "\t", "\n"), maxLength: 3 });

/** Valid files: any dtypes and shapes, empty tensors, any order in the JSON, spaces, escapes, metadata. */
export function files(): fc.Arbitrary<Expected> {
  const tensor = fc.record({
    name: names.filter((name) => name !== "__metadata__"),
    dtype: fc.constantFrom(...Object.keys(DTYPE_BITS)),
    shape: fc.array(fc.nat({ max: 5 }), { maxLength: 4 }),
    sortKey: fc.nat(),
    escaped: fc.boolean(),
  });
  return fc
    .record({
      tensors: fc.uniqueArray(tensor, { selector: ({ name }) => name, maxLength: 8 }),
      metadata: fc.option(
        fc.uniqueArray(fc.tuple(names, names), { selector: ([name]) => name, maxLength: 3 }),
      ),
      space: spaces,
      padding: spaces,
    })
    .map(({ tensors, metadata, space, padding }) => {
      const whole = tensors.filter(({ dtype, shape }) => bitsOf(dtype, shape) % 8n === 0n);
      let end = 0;
      const placed = whole.map(({ name, dtype, shape, sortKey, escaped }) => {
        const offset = end;
        const bytes = Number(bitsOf(dtype, shape) / 8n);
        end += bytes;
        return { name, dtype, shape, sortKey, escaped, offset, bytes };
      });
      const entries = [...placed]
        .sort((a, b) => a.sortKey - b.sortKey)
        .map(({ name, dtype, shape, offset, bytes, escaped }) => {
          const key = escaped ? escapeAll(name) : JSON.stringify(name);
          const range = `${space}[${offset},${space}${offset + bytes}]`;
          return `${key}${space}:{"shape":[${shape.join()}],"data_offsets":${range},"dtype":"${dtype}"}`;
        });
      if (metadata !== null) {
        const pairs = metadata.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
        entries.splice(Math.floor(entries.length / 2), 0, `"__metadata__":{${pairs.join()}}`);
      }
      const json = `{${space}${entries.join(`,${space}`)}}${padding}`;
      const payloadOffset = 8 + new TextEncoder().encode(json).length;
      return {
        file: fileOf(json, end),
        payloadOffset,
        tensors: placed
          .map(({ name, offset, bytes, dtype, shape }) => ({
            name,
            offset: payloadOffset + offset,
            bytes,
            dtype,
            shape,
          }))
          .sort(byPlace),
        metadata: metadata ?? [],
      };
    });
}

/** A total order of tensors. */
export function byPlace(
  a: { readonly offset: number; readonly bytes: number; readonly name: string },
  b: { readonly offset: number; readonly bytes: number; readonly name: string },
): number {
  return a.offset - b.offset || a.bytes - b.bytes || (a.name < b.name ? -1 : 1);
}

function bitsOf(dtype: string, shape: readonly number[]): bigint {
  return shape.reduce((bits, dimension) => bits * BigInt(dimension), DTYPE_BITS[dtype] ?? 0n);
}

/** A JSON string in which every code unit is escaped. */
function escapeAll(text: string): string {
  const units = Array.from({ length: text.length }, (_, index) => text.charCodeAt(index));
  return `"${units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("")}"`;
}
