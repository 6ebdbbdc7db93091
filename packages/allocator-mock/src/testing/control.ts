import { type AllocationId, type Allocator, byteCount, type DeviceIndex } from "@vram-residency/types";
import type { Allocation } from "../device.ts";
import { invalid } from "../errors.ts";
import type { FaultScript, MockOperation } from "../faults.ts";
import { type Insides, insidesOf } from "../insides.ts";

/** What a test can do to a mock, and see of it, behind the port. Meets no fault, and goes on after the allocator is closed. */
export interface MockControl {
  /**
   * Flips one bit in device memory, also of protected memory and beyond the size, up to the end of the rounded range.
   *
   * @param byteOffset - From the allocation's first byte.
   * @param bit - 0 to 7.
   */
  flipBit(id: AllocationId, byteOffset: number, bit: number): void;
  /**
   * Finds a live allocation by the number its evidence gives.
   *
   * @throws `ERR_INPUT_INVALID` when no live allocation has it.
   */
  find(bufferId: string): AllocationId;
  /** Reads device memory of an allocation, up to the end of its rounded range. */
  peek(id: AllocationId, offset: number, bytes: number): Uint8Array;
  /** True when all memory of a device is zero, also what was freed or never allocated. */
  isZero(device: DeviceIndex): boolean;
  /** Memory of the host that the devices' contents take. Unit: bytes. */
  heldBytes(): number;
  /**
   * Makes later calls go wrong; `at` counts from the calls made so far.
   *
   * @throws `ERR_INPUT_INVALID` for a fault that could never fire in its operation.
   */
  script(faults: FaultScript): void;
  /** Which scripted faults happened, in order, as "ingest#2: short-copy"; a test asserts that its own is among them. */
  fired(): readonly string[];
  /** How often an operation was called so far, refused calls included. */
  calls(operation: MockOperation): number;
  /** From now on, every call for this device rejects with `ERR_DEVICE_LOST`. */
  loseDevice(device: DeviceIndex, options?: { readonly restartNeeded?: boolean }): void;
  /** Sets how much of a device somebody else uses. @throws `ERR_INPUT_INVALID` when there is not that much free. */
  setForeignBytes(device: DeviceIndex, bytes: number): void;
  /** Live allocations of all devices. */
  live(): number;
}

/**
 * Reaches inside a mock.
 *
 * @throws `ERR_INPUT_INVALID` for any other allocator, a wrapped mock included: pass what is inside the wrapper.
 */
export function mockControl(allocator: Allocator): MockControl {
  const insides = insidesOf(allocator);
  if (insides === undefined) throw invalid("allocator", "expected a MockAllocator itself");
  return control(insides);
}

function control(insides: Insides): MockControl {
  const { devices, plan } = insides;
  return {
    flipBit(id, byteOffset, bit) {
      const allocation = insides.find(id);
      if (!Number.isInteger(bit) || bit < 0 || bit > 7)
        throw invalid("bit", "expected an integer from 0 to 7");
      allocation.device.memory.flip(at(allocation, byteOffset, 1), bit);
    },
    find(bufferId) {
      for (const device of devices) {
        const id = device.named(bufferId);
        if (id !== undefined) return id;
      }
      throw invalid("bufferId", "expected that of a live allocation");
    },
    peek(id, offset, bytes) {
      const allocation = insides.find(id);
      return allocation.device.memory.read(at(allocation, offset, bytes), bytes);
    },
    isZero: (index) => insides.device(index).memory.isZero(),
    heldBytes: () => devices.reduce((sum, one) => sum + one.memory.heldBytes, 0),
    script: (faults) => plan.add(faults),
    fired: () => plan.fired(),
    calls: (operation) => plan.calls(operation),
    loseDevice: (index, options) => insides.device(index).lose(options?.restartNeeded ?? false),
    setForeignBytes: (index, bytes) => insides.device(index).setForeignBytes(bytes),
    live: () => devices.reduce((sum, one) => sum + one.live, 0),
  };
}

/** The address of a byte, checked against the whole range. */
function at({ address, block }: Allocation, offset: number, bytes: number): number {
  const end = address + byteCount(offset, "byteOffset") + byteCount(bytes, "bytes");
  if (end > block.start + block.bytes)
    throw invalid("byteOffset", "expected a place inside the rounded range");
  return address + offset;
}
