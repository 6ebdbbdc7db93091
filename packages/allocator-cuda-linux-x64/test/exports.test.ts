import { expect, test } from "bun:test";
import * as platform from "@vram-residency/allocator-cuda-linux-x64";

test("the package exports exactly the place of its library", () => {
  expect(Object.keys(platform)).toEqual(["nativeLibrary"]);
});

test("sources of a checkout carry no library, and say so instead of naming one", async () => {
  expect(await platform.nativeLibrary()).toBeUndefined();
});
