/** A run of the device's address space. Unit: bytes. */
export interface Block {
  readonly start: number;
  readonly bytes: number;
}

/** What is free on one device: blocks by address, neighbours always merged, first fit. */
export class FreeList {
  readonly #blocks: Block[];

  constructor(totalBytes: number) {
    this.#blocks = totalBytes > 0 ? [{ start: 0, bytes: totalBytes }] : [];
  }

  get freeBytes(): number {
    return this.#blocks.reduce((sum, block) => sum + block.bytes, 0);
  }

  get largestBytes(): number {
    return this.#blocks.reduce((largest, block) => Math.max(largest, block.bytes), 0);
  }

  /** Takes the lowest run of `bytes`. @returns Where it starts; undefined when no block is large enough. */
  take(bytes: number): number | undefined {
    const index = this.#blocks.findIndex((block) => block.bytes >= bytes);
    const block = this.#blocks[index];
    if (block === undefined) return undefined;
    const rest = { start: block.start + bytes, bytes: block.bytes - bytes };
    this.#blocks.splice(index, 1, ...(rest.bytes > 0 ? [rest] : []));
    return block.start;
  }

  /** Takes `bytes` from the top down, in as many blocks as it needs. @returns undefined when there is less than that. */
  takeScattered(bytes: number): readonly Block[] | undefined {
    if (bytes > this.freeBytes) return undefined;
    const taken: Block[] = [];
    for (let left = bytes; left > 0; ) {
      const last = this.#blocks.pop();
      if (last === undefined) break;
      const part = Math.min(left, last.bytes);
      taken.push({ start: last.start + last.bytes - part, bytes: part });
      if (part < last.bytes) this.#blocks.push({ start: last.start, bytes: last.bytes - part });
      left -= part;
    }
    return taken;
  }

  /** Gives a run back. */
  give(block: Block): void {
    // The first block above it, by halving.
    let low = 0;
    for (let high = this.#blocks.length; low < high; ) {
      const middle = (low + high) >> 1;
      if ((this.#blocks[middle]?.start ?? 0) < block.start) low = middle + 1;
      else high = middle;
    }
    const below = this.#blocks[low - 1];
    const above = this.#blocks[low];
    const joinsBelow = below !== undefined && below.start + below.bytes === block.start;
    const joinsAbove = above !== undefined && block.start + block.bytes === above.start;
    const start = joinsBelow ? below.start : block.start;
    const end = joinsAbove ? above.start + above.bytes : block.start + block.bytes;
    const from = joinsBelow ? low - 1 : low;
    this.#blocks.splice(from, Number(joinsBelow) + Number(joinsAbove), { start, bytes: end - start });
  }
}
