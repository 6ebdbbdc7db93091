import type { AllocateOptions } from "@vram-residency/types";
import { invalid } from "./errors.ts";

const BOUNDARY_BYTES_MAX = 4096;

/**
 * How far into its range an allocation must start, so that its byte `align.offset` lies on a multiple of `align.boundary`.
 *
 * Ranges start at multiples of the granularity, and so of every boundary.
 *
 * @returns 0 to 4095. Unit: bytes.
 * @throws `ERR_INPUT_INVALID` unless the boundary is a power of two up to 4096 and the offset a byte count.
 */
export function alignmentShift(align: AllocateOptions["align"]): number {
  if (align === undefined) return 0;
  const { boundary, offset } = align;
  if (
    !Number.isInteger(boundary) ||
    boundary < 1 ||
    boundary > BOUNDARY_BYTES_MAX ||
    (boundary & (boundary - 1)) !== 0
  ) {
    throw invalid("align.boundary", `expected a power of two from 1 to ${BOUNDARY_BYTES_MAX}`);
  }
  if (!Number.isSafeInteger(offset) || offset < 0) {
    throw invalid("align.offset", "expected an integer from 0 to 2^53 - 1");
  }
  return (boundary - (offset % boundary)) % boundary;
}
