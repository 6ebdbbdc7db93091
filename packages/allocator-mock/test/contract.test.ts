import { describe, test } from "bun:test";
import { MockAllocator } from "@vram-residency/allocator-mock";
import { mockControl } from "@vram-residency/allocator-mock/testing";
import { type ContractSubject, describeAllocatorContract, seededRandom } from "@vram-residency/testing";
import { systemTimers } from "@vram-residency/types/node";

function mock(granularity: number): ContractSubject {
  return {
    name: `mock, granularity ${granularity}`,
    granularity,
    create: async ({ capacityBytes, devices }) =>
      new MockAllocator({
        capacityBytes,
        devices,
        granularityBytes: granularity,
        timers: systemTimers,
        random: seededRandom(1),
      }),
    corrupt: async (allocator, id, offset, bit) => mockControl(allocator).flipBit(id, offset, bit),
  };
}

describeAllocatorContract(mock(4096), { describe, test });
describeAllocatorContract(mock(65_536), { describe, test });
