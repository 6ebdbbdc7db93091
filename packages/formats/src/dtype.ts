/** Bits of one element of each safetensors dtype. */
const BITS: ReadonlyMap<string, number> = new Map([
  ["F4", 4],
  ["F6_E2M3", 6],
  ["F6_E3M2", 6],
  ["BOOL", 8],
  ["U8", 8],
  ["I8", 8],
  ["F8_E5M2", 8],
  ["F8_E4M3", 8],
  ["F8_E8M0", 8],
  ["I16", 16],
  ["U16", 16],
  ["F16", 16],
  ["BF16", 16],
  ["I32", 32],
  ["U32", 32],
  ["F32", 32],
  ["C64", 64],
  ["F64", 64],
  ["I64", 64],
  ["U64", 64],
]);

/**
 * Size of a tensor.
 *
 * @param shape - Safe non-negative integers; empty for a scalar.
 * @returns Unit: bytes. Undefined for an unknown dtype, a shape that is none, a size past 2^53 - 1 bits, or one that is no whole number of bytes.
 */
export function tensorBytes(dtype: string, shape: readonly number[]): number | undefined {
  const bits = BITS.get(dtype);
  if (bits === undefined || !isShape(shape)) return undefined;
  // A zero anywhere makes the tensor empty, however large the other dimensions are.
  if (shape.includes(0)) return 0;
  let total = bits;
  for (const dimension of shape) {
    if (total > Number.MAX_SAFE_INTEGER / dimension) return undefined;
    total *= dimension;
  }
  return total % 8 === 0 ? total / 8 : undefined;
}

function isShape(shape: unknown): boolean {
  try {
    return Array.isArray(shape) && shape.every((size) => Number.isSafeInteger(size) && size >= 0);
  } catch {
    // A proxy, whose traps are somebody else's code.
    return false;
  }
}
