import { type DeviceCapacity, invariant, type VramConfig, VramError } from "@vram-residency/types";
import type { Capacity } from "./options.ts";

const HEADROOM_MIN_BYTES = 2 * 1024 ** 3;

/**
 * What this manager has taken from one device, reservations included.
 *
 * The check and the charge are one synchronous step over a snapshot of what is *not* ours, so that no two reservations can
 * be granted the same bytes, however many are asked for at once.
 */
export class Ledger {
  readonly #device: number;
  readonly #backend: "cuda" | "mock";
  readonly #headroom: VramConfig["headroomBytes"];
  #charged = 0;

  constructor(device: number, backend: "cuda" | "mock", headroom: VramConfig["headroomBytes"]) {
    this.#device = device;
    this.#backend = backend;
    this.#headroom = headroom;
  }

  /** Unit: bytes. */
  get chargedBytes(): number {
    return this.#charged;
  }

  /** What the device looks like to a caller, given what the allocator says now. */
  capacity(seen: DeviceCapacity): Capacity {
    const usable = Math.max(0, seen.totalBytes - seen.foreignBytes - this.#charged);
    const headroom = this.#headroomOf(usable);
    return {
      totalBytes: seen.totalBytes,
      usedBytes: this.#charged,
      availableBytes: Math.max(0, usable - headroom),
      largestFreeBytes: Math.min(seen.largestFreeBytes, usable),
      foreignBytes: seen.foreignBytes,
    };
  }

  /**
   * Charges `bytes` if the device can hold them.
   *
   * @param bytes - Rounded to the device's granularity.
   * @throws {@link VramError} `ERR_VRAM_INSUFFICIENT`.
   */
  charge(bytes: number, seen: DeviceCapacity): void {
    const { availableBytes, largestFreeBytes, foreignBytes } = this.capacity(seen);
    if (bytes > availableBytes) {
      throw new VramError(
        "ERR_VRAM_INSUFFICIENT",
        `device ${this.#device} has ${availableBytes} bytes for new shards, ${bytes - availableBytes} too few for ${bytes}: release a shard, lower headroomBytes, or use another device`,
        { device: this.#device, neededBytes: bytes, availableBytes, largestFreeBytes, foreignBytes },
      );
    }
    this.#charged += bytes;
  }

  /** Gives back what was charged. */
  refund(bytes: number): void {
    invariant(bytes >= 0 && bytes <= this.#charged, "no more is refunded than was charged");
    this.#charged -= bytes;
  }

  #headroomOf(freeBytes: number): number {
    if (this.#headroom !== "auto") return this.#headroom;
    return this.#backend === "mock" ? 0 : Math.max(Math.ceil(freeBytes / 10), HEADROOM_MIN_BYTES);
  }
}
