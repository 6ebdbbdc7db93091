import { expect, test } from "bun:test";
import * as loader from "@vram-residency/loader";

test("exports exactly the documented names", () => {
  expect(Object.keys(loader).sort()).toEqual(["fitPlan", "loadModel", "planModel"]);
});
