import { expect, test } from "bun:test";
import * as file from "@vram-residency/audit/file";

test("exports exactly the documented names", () => {
  expect(Object.keys(file).sort()).toEqual(["AuditLog", "openLogSource"]);
});
