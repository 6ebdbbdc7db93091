import { isZero, VIEW_BYTES_MAX, zeros } from "./zeros.ts";

/** Size of one piece of memory. A device is larger than any typed array may be. Unit: bytes. */
const SEGMENT_BYTES: number = 4 << 20;

/** A part of a range that lies in one segment. */
interface Run {
  readonly segment: number;
  /** Unit: bytes from the start of the segment. */
  readonly start: number;
  readonly end: number;
  /** Unit: bytes from the start of the range. */
  readonly done: number;
}

/**
 * The raw memory of one device: segments that exist once something other than zero was written to them.
 *
 * Knows nothing of allocations. What was freed stays until it is zeroed, as on a real device.
 */
export class SegmentedMemory {
  readonly #segments = new Map<number, Uint8Array>();

  /** Memory of the host in use. Unit: bytes. */
  get heldBytes(): number {
    return this.#segments.size * SEGMENT_BYTES;
  }

  /** The longest readable run from `address`, at most `bytes` and 1 MiB. Valid until the memory changes. */
  view(address: number, bytes: number): Uint8Array {
    const start = address % SEGMENT_BYTES;
    const end = Math.min(start + Math.min(bytes, VIEW_BYTES_MAX), SEGMENT_BYTES);
    return (
      this.#segments.get(Math.floor(address / SEGMENT_BYTES))?.subarray(start, end) ?? zeros(end - start)
    );
  }

  /** Copies out. @returns A fresh array. */
  read(address: number, bytes: number): Uint8Array {
    const copy = new Uint8Array(bytes);
    for (const { segment, start, end, done } of runs(address, bytes)) {
      const data = this.#segments.get(segment);
      if (data !== undefined) copy.set(data.subarray(start, end), done);
    }
    return copy;
  }

  write(address: number, data: Uint8Array): void {
    for (const { segment, start, end, done } of runs(address, data.length)) {
      const part = data.subarray(done, done + end - start);
      let memory = this.#segments.get(segment);
      if (memory === undefined) {
        if (isZero(part)) continue;
        memory = new Uint8Array(SEGMENT_BYTES);
        this.#segments.set(segment, memory);
      }
      memory.set(part, start);
    }
  }

  /** Zeroes a range; whole segments are given back to the host. */
  zero(address: number, bytes: number): void {
    for (const { segment, start, end } of runs(address, bytes)) {
      if (end - start === SEGMENT_BYTES) this.#segments.delete(segment);
      else this.#segments.get(segment)?.fill(0, start, end);
    }
  }

  /** Counts the bytes in one view from `address` that are not zero. @returns Also how many were looked at. */
  countNonZero(
    address: number,
    bytes: number,
  ): { readonly checkedBytes: number; readonly nonZeroBytes: number } {
    const data = this.view(address, bytes);
    let nonZeroBytes = 0;
    if (!isZero(data)) for (const byte of data) if (byte !== 0) nonZeroBytes += 1;
    return { checkedBytes: data.length, nonZeroBytes };
  }

  /** Flips one bit, 0 to 7, of the byte at `address`. */
  flip(address: number, bit: number): void {
    const [byte = 0] = this.read(address, 1);
    this.write(address, Uint8Array.of(byte ^ (1 << bit)));
  }

  /** True when there is nothing but zeros, allocated or not. */
  isZero(): boolean {
    for (const segment of this.#segments.values()) if (!isZero(segment)) return false;
    return true;
  }
}

function* runs(address: number, bytes: number): Generator<Run> {
  for (let done = 0; done < bytes; ) {
    const segment = Math.floor((address + done) / SEGMENT_BYTES);
    const start = address + done - segment * SEGMENT_BYTES;
    const end = Math.min(SEGMENT_BYTES, start + bytes - done);
    yield { segment, start, end, done };
    done += end - start;
  }
}
