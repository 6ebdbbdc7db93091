/** A tensor type of GGUF: elements come in blocks of a fixed size. */
export interface GgufType {
  readonly name: string;
  /** Elements of a block; the innermost dimension is a multiple of it. */
  readonly elements: number;
  /** Unit: bytes a block. */
  readonly bytes: number;
}

const type = (name: string, elements: number, bytes: number): GgufType => ({ name, elements, bytes });

/** By number in the file. 4, 5, 31 to 33 and 36 to 38 were taken out of the format again. */
export const GGUF_TYPES: ReadonlyMap<number, GgufType> = new Map([
  [0, type("F32", 1, 4)],
  [1, type("F16", 1, 2)],
  [2, type("Q4_0", 32, 18)],
  [3, type("Q4_1", 32, 20)],
  [6, type("Q5_0", 32, 22)],
  [7, type("Q5_1", 32, 24)],
  [8, type("Q8_0", 32, 34)],
  [9, type("Q8_1", 32, 40)],
  [10, type("Q2_K", 256, 84)],
  [11, type("Q3_K", 256, 110)],
  [12, type("Q4_K", 256, 144)],
  [13, type("Q5_K", 256, 176)],
  [14, type("Q6_K", 256, 210)],
  [15, type("Q8_K", 256, 292)],
  [16, type("IQ2_XXS", 256, 66)],
  [17, type("IQ2_XS", 256, 74)],
  [18, type("IQ3_XXS", 256, 98)],
  [19, type("IQ1_S", 256, 50)],
  [20, type("IQ4_NL", 32, 18)],
  [21, type("IQ3_S", 256, 110)],
  [22, type("IQ2_S", 256, 82)],
  [23, type("IQ4_XS", 256, 136)],
  [24, type("I8", 1, 1)],
  [25, type("I16", 1, 2)],
  [26, type("I32", 1, 4)],
  [27, type("I64", 1, 8)],
  [28, type("F64", 1, 8)],
  [29, type("IQ1_M", 256, 56)],
  [30, type("BF16", 1, 2)],
  [34, type("TQ1_0", 256, 54)],
  [35, type("TQ2_0", 256, 66)],
  [39, type("MXFP4", 32, 17)],
  [40, type("NVFP4", 64, 36)],
  [41, type("Q1_0", 128, 18)],
  [42, type("Q2_0", 64, 18)],
]);

/**
 * Size of a tensor of blocks.
 *
 * @param shape - Outermost dimension first; empty for a scalar.
 * @returns Unit: bytes. Undefined when the innermost dimension is no whole number of blocks, or elements or bytes pass 2^53 - 1.
 */
export function ggufTensorBytes({ elements, bytes }: GgufType, shape: readonly number[]): number | undefined {
  if ((shape.at(-1) ?? 1) % elements !== 0) return undefined;
  // A zero anywhere makes the tensor empty, however large the other dimensions are.
  if (shape.includes(0)) return shape.every(Number.isSafeInteger) ? 0 : undefined;
  let total = 1;
  for (const dimension of shape) {
    if (total > Number.MAX_SAFE_INTEGER / dimension) return undefined;
    total *= dimension;
  }
  const blocks = total / elements;
  return blocks > Number.MAX_SAFE_INTEGER / bytes ? undefined : blocks * bytes;
}
