import { expect, test } from "bun:test";
import { createPolicy, evaluatePolicy, type PolicyFacts, RULES } from "@vram-residency/policy";
import { GOOD, GOOD_MOCK, withDevice, withStable } from "./facts.ts";

/** The rules that refuse under a profile, or "permit". */
function verdict(facts: PolicyFacts, profile: "strict" | "default" = "default"): unknown {
  const decision = evaluatePolicy(createPolicy(profile), facts);
  return decision.effect === "permit" ? "permit" : decision.reasons.map(({ rule }) => rule);
}

test("W-15: memory that is the host's, or that the driver may move there, is refused by the facts that say so, and nothing else is", () => {
  const unified = [
    [withDevice({ integrated: true }), "not-integrated"],
    [withDevice({ addressingMode: "ats" }), "no-ats"],
    [withDevice({ numaNode: true }), "no-numa-node"],
    [withStable({ managed: true }), "not-managed"],
    [withStable({ hostPointer: true }), "no-host-pointer"],
    [withStable({ memoryType: "managed" }), "memory-type-device"],
    [withStable({ location: "host-numa" }), "allocation-pinned"],
  ] as const;
  for (const [facts, rule] of unified) {
    expect(verdict(facts, "strict")).toEqual([rule]);
    expect(verdict(facts)).toEqual([rule]);
  }
  // One address space for host and device is how every 64-bit device works: no fact, and no ground to refuse.
  expect(verdict(GOOD, "strict")).toBe("permit");
  expect(RULES.map(({ id }) => id).filter((id) => /unified-?addressing|heap/i.test(id))).toEqual([]);
});

test("W-15: an answer the driver does not give is never taken for a good one", () => {
  for (const facts of [
    withDevice({ integrated: "unknown" }),
    withDevice({ driverModel: "unknown" }),
    withStable({ managed: "unknown" }),
    withStable({ hostPointer: "unknown" }),
    withStable({ location: "unknown" }),
  ]) {
    expect(verdict(facts)).not.toBe("permit");
  }
});

test("W-16: drivers that page device memory to the host are refused, whatever a MAC could say of it", () => {
  expect(verdict(withDevice({ driverModel: "wddm" }))).toEqual(["not-paged"]);
  expect(verdict(withDevice({ driverModel: "wsl" }))).toEqual(["not-paged"]);
});

test("W-17: a mock passes for a device under no profile: not as CUDA, not with a device's facts, and not under strict", () => {
  const named = withDevice({ integrated: false }, GOOD_MOCK);

  expect(verdict({ ...GOOD_MOCK, requestedBackend: "cuda" })).toEqual(["backend-as-requested"]);
  expect(verdict({ ...GOOD_MOCK, requestedBackend: "auto" })).toEqual(["backend-as-requested"]);
  expect(verdict(named)).toEqual(["mock-claims-no-hardware"]);
  expect(verdict(GOOD_MOCK, "strict")).toEqual(["cuda-device-present"]);
});
