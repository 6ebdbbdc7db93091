import { expect, test } from "bun:test";
import * as manager from "@vram-residency/manager";

test("exports exactly the documented names", () => {
  expect(Object.keys(manager).sort()).toEqual(["VramManager", "footprint", "leavesRoom", "placement"]);
});
