import {
  type AllocationId,
  byteCount,
  type DeviceCapacity,
  type DeviceFacts,
  type DeviceIndex,
  VramError,
} from "@vram-residency/types";
import { allocationFailed, deviceLost, invalid, wrongState } from "./errors.ts";
import { type Block, FreeList } from "./free-list.ts";
import { SegmentedMemory } from "./memory.ts";
import type { Pass } from "./pass.ts";
import { SlotTable } from "./slots.ts";

/** Most live allocations of one device. */
export const LIVE_ALLOCATIONS_MAX = 1_048_576;

/** One live allocation. */
export interface Allocation {
  readonly device: MockDevice;
  /** Everything the device gave for it. Its start is the range's, not the first byte's. */
  readonly block: Block;
  /** Where byte 0 lies in the device's address space. */
  readonly address: number;
  /** What was asked for. Unit: bytes. */
  readonly bytes: number;
  /** Never used again by this allocator. */
  readonly bufferId: number;
  readonly blockId: number;
  access: "read" | "read-write";
  live: boolean;
  lastPass: Pass | undefined;
}

/** One simulated device: its memory, what is allocated of it, and whether it still answers. */
export class MockDevice {
  readonly ordinal: DeviceIndex;
  readonly uuid: string;
  readonly memory: SegmentedMemory = new SegmentedMemory();
  readonly #totalBytes: number;
  readonly #granularityBytes: number;
  readonly #free: FreeList;
  readonly #table: SlotTable<Allocation>;
  #foreign: readonly Block[] = [];
  #oursBytes = 0;
  /** Host memory that holds weights on their way. Unit: bytes. */
  stagingBytes = 0;
  #restartNeeded: boolean | undefined;

  constructor(
    ordinal: DeviceIndex,
    uuid: string,
    size: { readonly totalBytes: number; readonly granularityBytes: number },
    liveMax: number = LIVE_ALLOCATIONS_MAX,
  ) {
    this.ordinal = ordinal;
    this.uuid = uuid;
    this.#totalBytes = size.totalBytes;
    this.#granularityBytes = size.granularityBytes;
    this.#free = new FreeList(size.totalBytes);
    this.#table = new SlotTable(liveMax);
  }

  get live(): number {
    return this.#table.live;
  }

  /** From now on, every call for this device rejects. */
  lose(restartNeeded: boolean): void {
    this.#restartNeeded ??= restartNeeded;
  }

  /** @throws `ERR_DEVICE_LOST` once the device is lost. */
  answer(): void {
    if (this.#restartNeeded !== undefined) throw deviceLost(this.ordinal, this.#restartNeeded);
  }

  /**
   * Sets how much of the device somebody else uses.
   *
   * @throws `ERR_INPUT_INVALID` when there is not that much free.
   */
  setForeignBytes(bytes: number): void {
    for (const block of this.#foreign) this.#free.give(block);
    this.#foreign = [];
    const taken = this.#free.takeScattered(this.#rounded(byteCount(bytes, "foreignBytes")));
    if (taken === undefined)
      throw invalid("foreignBytes", "expected no more than what is free on the device");
    this.#foreign = taken;
  }

  /** Takes zeroed memory for `bytes` bytes that start `shift` bytes into their range. */
  allocate(
    bytes: number,
    shift: number,
    ids: { readonly bufferId: number; readonly blockId: number },
  ): AllocationId {
    if (this.#table.full) throw allocationFailed(this.ordinal, "MOCK_ERROR_TOO_MANY_ALLOCATIONS");
    const rangeBytes = this.#rounded(shift + bytes);
    const start = this.#free.take(rangeBytes);
    if (start === undefined) throw this.insufficient(rangeBytes);
    // What was freed was not cleared, so that a wipe that was forgotten can be seen.
    this.memory.zero(start, rangeBytes);
    this.#oursBytes += rangeBytes;
    const name = this.#table.add({
      device: this,
      block: { start, bytes: rangeBytes },
      address: start + shift,
      bytes,
      ...ids,
      access: "read-write",
      live: true,
      lastPass: undefined,
    });
    return Object.freeze({ device: this.ordinal, ...name });
  }

  /** The live allocation whose evidence gives this number. */
  named(bufferId: string): AllocationId | undefined {
    const name = this.#table.search((allocation) => String(allocation.bufferId) === bufferId);
    return name === undefined ? undefined : Object.freeze({ device: this.ordinal, ...name });
  }

  /** @throws `ERR_STATE` for an id that is stale, or was never issued. */
  find(id: AllocationId): Allocation {
    const allocation = this.#table.get(id);
    if (allocation === undefined) throw wrongState("freed", "live: this id is stale");
    return allocation;
  }

  /** Takes an allocation off the books. Its memory keeps what it held. */
  release(id: AllocationId): void {
    const allocation = this.find(id);
    allocation.live = false;
    this.#table.remove(id);
    this.#free.give(allocation.block);
    this.#oursBytes -= allocation.block.bytes;
  }

  insufficient(neededBytes: number): VramError<"ERR_VRAM_INSUFFICIENT"> {
    const { freeBytes, largestFreeBytes, foreignBytes } = this.capacity();
    return new VramError(
      "ERR_VRAM_INSUFFICIENT",
      `device ${this.ordinal} needs ${neededBytes} bytes in one block and has ${largestFreeBytes}, release a shard first`,
      { device: this.ordinal, neededBytes, availableBytes: freeBytes, largestFreeBytes, foreignBytes },
    );
  }

  capacity(): DeviceCapacity {
    return {
      totalBytes: byteCount(this.#totalBytes, "totalBytes"),
      freeBytes: byteCount(this.#free.freeBytes, "freeBytes"),
      largestFreeBytes: byteCount(this.#free.largestBytes, "largestFreeBytes"),
      granularityBytes: byteCount(this.#granularityBytes, "granularityBytes"),
      oursBytes: byteCount(this.#oursBytes, "oursBytes"),
      foreignBytes: byteCount(
        this.#foreign.reduce((sum, block) => sum + block.bytes, 0),
        "foreignBytes",
      ),
      stagingBytes: byteCount(this.stagingBytes, "stagingBytes"),
    };
  }

  facts(): DeviceFacts {
    return {
      backend: "mock",
      ordinal: this.ordinal,
      uuid: this.uuid,
      name: `Mock device ${this.ordinal}`,
      totalBytes: byteCount(this.#totalBytes, "totalBytes"),
      computeCapability: "unknown",
      integrated: "unknown",
      driverModel: "unknown",
      driverVersion: "unknown",
      vmm: "unknown",
      addressingMode: "unknown",
      numaNode: "unknown",
      ecc: "unknown",
      rowRemap: "unknown",
      migMode: "unknown",
      mps: "unknown",
      native: "none",
    };
  }

  #rounded(bytes: number): number {
    return Math.ceil(bytes / this.#granularityBytes) * this.#granularityBytes;
  }
}
