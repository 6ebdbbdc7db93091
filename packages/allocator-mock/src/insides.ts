import type { AllocationId, DeviceIndex } from "@vram-residency/types";
import type { Allocation, MockDevice } from "./device.ts";
import type { FaultPlan } from "./faults.ts";

/** What a mock shows to `mockControl` and to nobody else. */
export interface Insides {
  readonly devices: readonly MockDevice[];
  readonly plan: FaultPlan;
  device(index: DeviceIndex): MockDevice;
  find(id: AllocationId): Allocation;
}

const INSIDES = new WeakMap<object, Insides>();

/** Makes an allocator's insides known to `insidesOf`. */
export function showInsides(allocator: object, insides: Insides): void {
  INSIDES.set(allocator, insides);
}

/** The insides of a mock; undefined for anything else. */
export function insidesOf(allocator: object): Insides | undefined {
  return INSIDES.get(allocator);
}
