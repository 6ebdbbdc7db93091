import { expect, test } from "bun:test";
import * as mock from "@vram-residency/allocator-mock";
import * as testing from "@vram-residency/allocator-mock/testing";

test("the package exports exactly the allocator", () => {
  expect(Object.keys(mock).sort()).toEqual(["MockAllocator"]);
});

test("the testing entry exports exactly the way inside", () => {
  expect(Object.keys(testing).sort()).toEqual(["mockControl"]);
});

test("nothing of the test entry is on the allocator itself", () => {
  const names = Object.getOwnPropertyNames(mock.MockAllocator.prototype).sort();

  expect(names).toEqual(
    [
      "allocate",
      "capacity",
      "constructor",
      "devices",
      "digest",
      "evidence",
      "free",
      "ingest",
      "protect",
      "readBlocks",
      "wipe",
      "writeBlocks",
    ].sort(),
  );
});
