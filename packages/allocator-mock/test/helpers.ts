import { MockAllocator, type MockOptions } from "@vram-residency/allocator-mock";
import { type MockControl, mockControl } from "@vram-residency/allocator-mock/testing";
import { seededRandom } from "@vram-residency/testing";
import { type AllocationId, byteCount, type DeviceIndex, deviceIndex } from "@vram-residency/types";
import { systemTimers } from "@vram-residency/types/node";

export const FIRST: DeviceIndex = deviceIndex(0);

export interface Mock {
  readonly allocator: MockAllocator;
  readonly control: MockControl;
  readonly allocate: (bytes: number, device?: DeviceIndex) => Promise<AllocationId>;
  readonly write: (id: AllocationId, offset: number, bytes: Uint8Array) => Promise<void>;
  readonly read: (id: AllocationId, offset: number, bytes: number) => Promise<Uint8Array>;
}

/** A mock of 1 MiB, unless it is told otherwise. */
export function makeMock(options: Partial<MockOptions> = {}): Mock {
  const allocator = new MockAllocator({
    capacityBytes: 1 << 20,
    timers: systemTimers,
    random: seededRandom(1),
    ...options,
  });
  return {
    allocator,
    control: mockControl(allocator),
    allocate: (bytes, device = FIRST) => allocator.allocate(device, byteCount(bytes, "bytes")),
    write: (id, offset, bytes) => allocator.writeBlocks(id, byteCount(offset, "offset"), bytes),
    read: (id, offset, bytes) =>
      allocator.readBlocks(id, byteCount(offset, "offset"), byteCount(bytes, "bytes")),
  };
}
