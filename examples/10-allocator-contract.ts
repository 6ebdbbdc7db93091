/** An allocator of your own against the contract that every allocator keeps (testing). */
import { MockAllocator } from "@vram-residency/allocator-mock";
import { mockControl } from "@vram-residency/allocator-mock/testing";
import { allocatorContract, type ContractSubject, seededRandom } from "@vram-residency/testing";
import { type Allocator, byteCount } from "@vram-residency/types";
import { systemTimers } from "@vram-residency/types/node";
import { LimitedAllocator } from "./lib/limited-allocator.ts";

const makeMock = (capacityBytes: number, devices: number): MockAllocator =>
  new MockAllocator({ capacityBytes, devices, timers: systemTimers, random: seededRandom(1) });

const subjects: readonly ContractSubject[] = [
  {
    name: "limited, and right",
    granularity: 4096,
    create: async ({ capacityBytes, devices }) =>
      new LimitedAllocator(makeMock(capacityBytes, devices), capacityBytes),
    corrupt: async (allocator, id, offset, bit) => {
      if (allocator instanceof LimitedAllocator) mockControl(allocator.inner).flipBit(id, offset, bit);
    },
  },
  {
    name: "wipes nothing",
    granularity: 4096,
    create: async ({ capacityBytes, devices }): Promise<Allocator> => {
      const allocator = makeMock(capacityBytes, devices);
      const bytes = byteCount(4096, "bytes");
      allocator.wipe = async () => ({ bytes, checkedBytes: bytes, nonZeroBytes: byteCount(0, "bytes") });
      return allocator;
    },
  },
];

for (const subject of subjects) {
  const broken: string[] = [];
  let checked = 0;
  for (const { name, skip, run } of allocatorContract(subject)) {
    if (skip !== undefined) continue;
    checked += 1;
    await run().catch(() => broken.push(name));
  }
  const all = broken.length === 0 && checked > 0;
  console.log(`${subject.name}: ${all ? "keeps every promise" : "breaks promises, among them"}`);
  for (const name of broken.filter((one) => one.startsWith("wipes"))) console.log(`  ${name}`);
}
