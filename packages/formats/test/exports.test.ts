import { expect, test } from "bun:test";
import * as formats from "@vram-residency/formats";

test("exports exactly the documented names", () => {
  expect(Object.keys(formats).sort()).toEqual([
    "GGUF_HEADER_BYTES_MAX",
    "SAFETENSORS_HEADER_BYTES_MAX",
    "openModel",
    "readGgufHeader",
    "readSafetensorsHeader",
    "tensorBytes",
  ]);
});
