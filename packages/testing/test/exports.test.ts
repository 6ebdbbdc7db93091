import { expect, test } from "bun:test";
import * as testing from "@vram-residency/testing";

test("exports exactly the documented names", () => {
  expect(Object.keys(testing).sort()).toEqual([
    "ALLOCATOR_OPERATIONS",
    "ContractViolation",
    "allocatorContract",
    "byteFlips",
    "crashChoices",
    "describeAllocatorContract",
    "digests",
    "everyCrash",
    "fakeClock",
    "fakeTimers",
    "faultScripts",
    "hostileObjects",
    "memoryFileSystem",
    "recordingSink",
    "sealBodies",
    "seededRandom",
    "shardBytes",
    "shardIds",
    "shardSizes",
    "sourceOf",
    "tensorRanges",
    "withFaults",
  ]);
});
