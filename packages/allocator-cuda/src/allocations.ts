import { type AllocationId, type DeviceIndex, deviceIndex } from "@vram-residency/types";
import { invalid, stale } from "./errors.ts";

/** What is remembered of a live allocation. Its address is the library's alone. */
export interface Allocation {
  readonly device: DeviceIndex;
  /** The library's name for it. */
  readonly handle: bigint;
  /** As asked for. Unit: bytes. */
  readonly bytes: number;
}

const SLOT_BITS = 32n;

/** The live allocations, by slot and generation. The library checks again; here it is known how long each one is. */
export class Allocations {
  readonly #devices: readonly Map<number, Allocation>[];

  constructor(devices: number) {
    this.#devices = Array.from({ length: devices }, () => new Map());
  }

  /** @throws `ERR_INPUT_INVALID` for a device that is not there. */
  device(device: DeviceIndex): DeviceIndex {
    this.#on(device);
    return device;
  }

  add(allocation: Allocation): AllocationId {
    const slot = Number(BigInt.asUintN(32, allocation.handle));
    this.#on(allocation.device).set(slot, allocation);
    return { device: allocation.device, slot, generation: Number(allocation.handle >> SLOT_BITS) };
  }

  /** @throws `ERR_STATE` unless the id names a live allocation, `ERR_INPUT_INVALID` for a device that is not there. */
  find({ device, slot, generation }: AllocationId): Allocation {
    const found = this.#on(device).get(slot);
    if (found === undefined || Number(found.handle >> SLOT_BITS) !== generation) throw stale();
    return found;
  }

  remove({ device, handle }: Allocation): void {
    this.#on(device).delete(Number(BigInt.asUintN(32, handle)));
  }

  #on(device: DeviceIndex): Map<number, Allocation> {
    const found = this.#devices[deviceIndex(device)];
    if (found === undefined) throw invalid("gpuDevice", `there are ${this.#devices.length} devices, from 0`);
    return found;
  }
}
