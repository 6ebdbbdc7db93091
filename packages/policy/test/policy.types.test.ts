import { expect, test } from "bun:test";
import { createPolicy, type Decision, evaluatePolicy, type Policy } from "@vram-residency/policy";
import type { PolicyReason } from "@vram-residency/types";
import { GOOD } from "./facts.ts";

test("a decision narrows on its effect, and a refusal has a first reason", () => {
  const first = (decision: Decision): PolicyReason | undefined => {
    switch (decision.effect) {
      case "permit":
        // @ts-expect-error: what is permitted has no reasons
        return decision.reasons;
      case "refuse":
        return decision.reasons[0];
    }
  };

  expect(first(evaluatePolicy(createPolicy("strict"), GOOD))).toBeUndefined();
});

test("a policy cannot be changed, and takes an object whose shape is still to be checked", () => {
  const untyped: object = { profile: "strict" };
  const policy: Policy = createPolicy(untyped);
  const change = (): void => {
    // @ts-expect-error: frozen
    policy.profile = "development";
  };

  expect(change).toThrow(TypeError);
  expect(policy.profile).toBe("strict");
});
