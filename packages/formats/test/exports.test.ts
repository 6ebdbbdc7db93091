import { expect, test } from "bun:test";
import * as formats from "@vram-residency/formats";

test("exports exactly the documented names", () => {
  expect(Object.keys(formats).sort()).toEqual([
    "SAFETENSORS_HEADER_BYTES_MAX",
    "openModel",
    "readSafetensorsHeader",
    "tensorBytes",
  ]);
});
