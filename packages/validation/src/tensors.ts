import { reading, refuseArgument } from "@vram-residency/crypto";
import { byteCount, type TensorRange, VramError } from "@vram-residency/types";
import * as v from "valibot";
import { bytes, charset, text } from "./primitives.ts";
import { refuse } from "./refusal.ts";
import { checked, list, record, refined, type Schema } from "./schema.ts";

/** Most tensors in one shard. */
export const TENSORS_MAX = 1_000_000;

/** Longest tensor name: what one text in the audit log may hold. Unit: bytes. */
export const TENSOR_NAME_BYTES_MAX = 1024;

/** Most dimensions of a tensor. */
export const TENSOR_DIMENSIONS_MAX = 32;

const nameText = text(1, TENSOR_NAME_BYTES_MAX);

function tensorName(value: unknown): string {
  const name = nameText(value);
  // A damaged tensor is named in the audit log, which takes neither control characters nor bidi controls
  // (docs/spec/audit-v1.md): refused here, it cannot make the log refuse the record of the damage.
  return /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u.test(name)
    ? refuse("expected a name without control or bidi characters")
    : name;
}

const size = checked(bytes);

const tensorSchema: Schema<TensorRange> = refined(
  record({
    name: checked(tensorName),
    offset: size,
    bytes: size,
    dtype: v.exactOptional(checked(charset(32, /^[A-Za-z0-9_]+$/, "A-Z, a-z, 0-9 and _"))),
    shape: v.exactOptional(list(size, TENSOR_DIMENSIONS_MAX)),
  }),
  // INVARIANT: the end of every range is a safe integer. Subtraction cannot overflow, addition could round.
  (tensor) =>
    tensor.bytes <= Number.MAX_SAFE_INTEGER - tensor.offset
      ? tensor
      : refuse("expected offset + bytes within 2^53 - 1", "bytes"),
);

function byPlace(a: TensorRange, b: TensorRange): number {
  return a.offset - b.offset || a.bytes - b.bytes || (a.name < b.name ? -1 : 1);
}

/** Ranges by offset, none overlapping, each name once. An empty tensor overlaps nothing. */
export const tensorsSchema: Schema<readonly TensorRange[]> = refined(
  list(tensorSchema, TENSORS_MAX),
  (tensors) => {
    if (new Set(tensors.map(({ name }) => name)).size < tensors.length) {
      refuse("expected each name once");
    }
    const sorted = [...tensors].sort(byPlace);
    let end = 0;
    for (const tensor of sorted) {
      if (tensor.bytes > 0) {
        if (tensor.offset < end) {
          refuse(`expected ranges that do not overlap: two meet at byte ${tensor.offset}`);
        }
        end = tensor.offset + tensor.bytes;
      }
    }
    return Object.freeze(sorted);
  },
);

/**
 * Checks that every tensor lies inside its shard, whose size is known only once the source is open.
 *
 * @param tensors - As `parseSealOptions` gave them.
 * @param shardBytes - Unit: bytes.
 * @throws {@link VramError} `ERR_INPUT_INVALID`; the field counts by offset.
 */
export function assertTensorsFit(tensors: readonly TensorRange[], shardBytes: number): void {
  if (!reading("tensors", () => Array.isArray(tensors))) {
    refuseArgument("tensors", "expected what parseSealOptions gave");
  }
  byteCount(shardBytes, "shardBytes");
  for (const [index, tensor] of tensors.entries()) {
    if (!(tensor.offset + tensor.bytes <= shardBytes)) {
      const field = `tensors[${index}]`;
      const reason = `expected to end by byte ${shardBytes}, where the shard ends`;
      throw new VramError("ERR_INPUT_INVALID", `${field}: ${reason}`, { field, reason });
    }
  }
}
