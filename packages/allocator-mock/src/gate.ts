import type { AllocationId, DeviceIndex, Timers } from "@vram-residency/types";
import type { Allocation, MockDevice } from "./device.ts";
import { allocationFailed, closed, copyFailed, invalid } from "./errors.ts";
import { FaultPlan, type MockFault, type MockOperation } from "./faults.ts";
import type { Insides } from "./insides.ts";
import { Waiting } from "./waiting.ts";

/** One call of the port. */
export interface Call<Target, Result> {
  readonly operation: MockOperation;
  readonly device: DeviceIndex;
  readonly signal?: AbortSignal | undefined;
  /** Throws what the call would be refused with. Asked again after each fault, because much may have changed. */
  check(): Target;
  /**
   * Does it. Follows the last check without a turn of the event loop in between, so that no call can act on what another one
   * has just freed.
   *
   * @param faults - Those that are left for the operation itself.
   */
  act(target: Target, faults: ReadonlySet<MockFault>): Result | Promise<Result>;
}

/** What every call goes through: is the allocator open, does the device answer, is the id live, what is scripted. */
export class Gate implements Insides {
  readonly devices: readonly MockDevice[];
  readonly plan: FaultPlan = new FaultPlan();
  readonly #waiting: Waiting;
  #closed = false;

  constructor(devices: readonly MockDevice[], timers: Timers) {
    this.devices = devices;
    this.#waiting = new Waiting(timers);
  }

  /** Refuses every later call, and ends those that wait. */
  close(): void {
    this.#closed = true;
    this.#waiting.end(closed());
  }

  /** @throws `ERR_STATE` once it is closed. */
  open(): void {
    if (this.#closed) throw closed();
  }

  /** @throws `ERR_INPUT_INVALID` for a device there is not. */
  device(index: DeviceIndex): MockDevice {
    const device = typeof index === "number" ? this.devices[index] : undefined;
    if (device === undefined)
      throw invalid("device", `expected a device from 0 to ${this.devices.length - 1}`);
    return device;
  }

  find(id: AllocationId): Allocation {
    return this.device(id.device).find(id);
  }

  /** Counts a call, checks it, lets its scripted faults happen (waits, errors, the loss of the device), and does it. */
  async run<Target, Result>(call: Call<Target, Result>): Promise<Result> {
    const { operation, device, signal } = call;
    const checked = (): Target => {
      this.open();
      this.device(device).answer();
      signal?.throwIfAborted();
      return call.check();
    };
    const scripted = this.plan.count(operation);
    let target = checked();
    const faults = new Set<MockFault>();
    for (const one of scripted) {
      this.plan.fire(one);
      if (one.fault === "hang") await this.#waiting.wait(undefined, signal);
      else if (typeof one.fault === "object") await this.#waiting.wait(one.fault.slowMs, signal);
      else if (!this.#strike(operation, device, one.fault)) faults.add(one.fault);
      target = checked();
    }
    return call.act(target, faults);
  }

  /** Lets a fault happen that ends the call. @returns False for the others. */
  #strike(operation: MockOperation, index: DeviceIndex, fault: MockFault): boolean {
    const device = this.device(index);
    if (fault === "driver-error") {
      throw operation === "allocate" ? allocationFailed(device.ordinal) : copyFailed(device.ordinal);
    }
    const lost = fault === "device-lost" || fault === "sticky";
    if (lost) device.lose(fault === "sticky");
    return lost;
  }
}
