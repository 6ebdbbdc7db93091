import { expect, test } from "bun:test";
import { byteCount } from "@vram-residency/types";
test("x", () => {
  expect<number>(byteCount(1, "a")).toBe(1);
});
