import { expect, test } from "bun:test";
import * as cuda from "@vram-residency/allocator-cuda";
import * as testing from "@vram-residency/allocator-cuda/testing";

test("the package exports exactly the allocator, the way to open it, and the digests on the CPU", () => {
  expect(Object.keys(cuda).sort()).toEqual(["CudaAllocator", "openCuda", "openNativeDigests"]);
});

test("the testing entry exports exactly the way to another driver", () => {
  expect(Object.keys(testing)).toEqual(["openTestCuda"]);
});
