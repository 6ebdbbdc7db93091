/** One shard in the picture. */
export interface MapEntry {
  /** One character. */
  readonly mark: string;
  /** Unit: bytes. */
  readonly bytes: number;
}

/**
 * A picture of one device's memory: a strip of cells, each an equal part of the capacity.
 *
 * Every shard that is there gets at least one cell, and free memory gets the rest; the cells always fill the strip.
 *
 * @param capacityBytes - The whole device. Unit: bytes.
 * @param width - Cells, brackets included. At least 4.
 */
export function memoryMap(entries: readonly MapEntry[], capacityBytes: number, width: number): string {
  const cells = Math.max(2, width - 2);
  let strip = "";
  for (const { mark, bytes } of entries) {
    const wanted = Math.max(1, Math.round((bytes / capacityBytes) * cells));
    strip += mark.repeat(Math.max(0, Math.min(wanted, cells - strip.length)));
  }
  return `[${strip.padEnd(cells, "·")}]`;
}
