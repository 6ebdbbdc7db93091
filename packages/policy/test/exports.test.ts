import { expect, test } from "bun:test";
import * as policy from "@vram-residency/policy";

test("the package exports exactly these names", () => {
  expect(Object.keys(policy).sort()).toEqual([
    "EFFECTS",
    "RULES",
    "RULES_REVISION",
    "assertPermitted",
    "createPolicy",
    "effectsOf",
    "evaluatePolicy",
    "policyDigest",
  ]);
});
