import { expect, test } from "bun:test";
import {
  type AnyVramError,
  type ByteCount,
  byteCount,
  type DeviceIndex,
  deviceIndex,
  hasCode,
  type JsonValue,
  VramError,
} from "@vram-residency/types";

test("the code narrows the detail", () => {
  const limitOf = (error: AnyVramError): number | undefined => {
    switch (error.code) {
      case "ERR_BUSY":
      case "ERR_DEADLINE":
        return error.detail.limit;
      case "ERR_STATE":
        // @ts-expect-error: another code's detail
        return error.detail.limit;
      default:
        return undefined;
    }
  };
  const busy = new VramError("ERR_BUSY", "full", { queue: "seal", limit: 8 });

  expect(limitOf(busy as AnyVramError)).toBe(8);
  expect(hasCode(busy, "ERR_BUSY") ? busy.detail.queue : "").toBe("seal");
});

test("a detail has the fields of its code, and no others", () => {
  // @ts-expect-error: `limit` is missing
  const missing = new VramError("ERR_BUSY", "full", { queue: "seal" });
  // @ts-expect-error: not a code
  const unknown = new VramError("ERR_WHATEVER", "full", {});

  expect(missing.code).toBe("ERR_BUSY");
  expect(unknown.class).toBeUndefined();
});

test("a number becomes a size or a device only through its check, and neither becomes the other", () => {
  const bytes: ByteCount = byteCount(1, "bytes");
  // @ts-expect-error: unchecked
  const unchecked: ByteCount = 1;
  // @ts-expect-error: a size is no device
  const confused: DeviceIndex = bytes;
  const device: DeviceIndex = deviceIndex(1);

  expect<number[]>([unchecked, confused, device]).toEqual([1, 1, 1]);
});

test("JSON values hold neither functions nor undefined", () => {
  const fine: JsonValue = { list: [1, "a", null, { deep: true }] };
  // @ts-expect-error: a function
  const bad: JsonValue = { call: () => 1 };
  // @ts-expect-error: undefined
  const hole: JsonValue = [undefined];

  expect([fine, bad, hole]).toHaveLength(3);
});
