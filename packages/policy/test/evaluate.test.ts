import { describe, expect, test } from "bun:test";
import {
  assertPermitted,
  createPolicy,
  type Decision,
  evaluatePolicy,
  type PolicyFacts,
  type PolicyPhase,
} from "@vram-residency/policy";
import { hasCode } from "@vram-residency/types";
import { DEVICE, GOOD, GOOD_MOCK, STABLE, withDevice, without, withStable } from "./facts.ts";

const strict = createPolicy("strict");

function refusals(decision: Decision): readonly string[] {
  return decision.effect === "refuse" ? decision.reasons.map(({ rule }) => rule) : [];
}

function warnings(decision: Decision): readonly string[] {
  return decision.warnings.map(({ rule }) => rule);
}

describe("evaluatePolicy", () => {
  test("permits a good device in every phase under the strict profile, without a warning", () => {
    for (const phase of ["start", "allocation", "sealed", "verify"] as const) {
      expect(evaluatePolicy(strict, { ...GOOD, phase })).toEqual({ effect: "permit", warnings: [] });
    }
  });

  test("refuses the mock under strict, warns under default, accepts it under development", () => {
    expect(refusals(evaluatePolicy(strict, GOOD_MOCK))).toEqual(["cuda-device-present"]);
    expect(evaluatePolicy(createPolicy("default"), GOOD_MOCK).effect).toBe("permit");
    expect(warnings(evaluatePolicy(createPolicy("default"), GOOD_MOCK))).toEqual(["cuda-device-present"]);
    expect(evaluatePolicy(createPolicy("development"), GOOD_MOCK)).toEqual({
      effect: "permit",
      warnings: [],
    });
  });

  test("never lets the mock stand in for a device that was asked for", () => {
    for (const requestedBackend of ["auto", "cuda"] as const) {
      const decision = evaluatePolicy(createPolicy("development"), { ...GOOD_MOCK, requestedBackend });

      expect(refusals(decision)).toEqual(["backend-as-requested"]);
    }
  });

  test("refuses a mock that claims to be more", () => {
    const development = createPolicy("development");
    for (const change of [
      { ecc: "on" },
      { vmm: true },
      { integrated: false },
      { native: { digest: "", pinned: true } },
    ]) {
      expect(refusals(evaluatePolicy(development, withDevice(change, GOOD_MOCK)))).toEqual([
        "mock-claims-no-hardware",
      ]);
    }
    for (const change of [{ location: "device" }, { memoryType: "device" }, { path: "vmm" }]) {
      expect(refusals(evaluatePolicy(development, withStable(change, GOOD_MOCK)))).toEqual([
        "evidence-of-backend",
      ]);
    }
    const { allocation } = GOOD_MOCK;
    if (allocation !== undefined) {
      const evidence = { ...allocation.evidence, kind: "device" as const };
      const claim = { ...GOOD_MOCK, allocation: { ...allocation, evidence } };
      expect(refusals(evaluatePolicy(development, claim))).toEqual(["evidence-of-backend"]);
    }
  });

  test("refuses a device whose evidence is a mock's in any part", () => {
    for (const change of [{ location: "mock" }, { memoryType: "mock" }, { path: "mock" }]) {
      expect(refusals(evaluatePolicy(strict, withStable(change)))).toContain("evidence-of-backend");
    }
  });

  test("asks the mock nothing about hardware, but all about its range, access and place", () => {
    const development = createPolicy("development");
    const changes: readonly [object, string][] = [
      [{ rangeBytes: 999 }, "range-covers-shard"],
      [{ deviceUuid: "MOCK-2" }, "allocation-on-device"],
      [{ ordinal: 1 }, "allocation-on-device"],
    ];
    for (const [change, rule] of changes) {
      expect(refusals(evaluatePolicy(development, withStable(change, GOOD_MOCK)))).toEqual([rule]);
    }
    const writable = withStable({ access: "read-write" }, GOOD_MOCK);
    expect(warnings(evaluatePolicy(createPolicy("default"), writable))).toEqual([
      "cuda-device-present",
      "read-only",
    ]);
  });

  test("without a device names only what is missing", () => {
    expect(refusals(evaluatePolicy(strict, { ...GOOD, device: undefined }))).toEqual(["device-present"]);
  });

  test("wants evidence in every phase after the start", () => {
    expect(evaluatePolicy(strict, { ...without("allocation"), phase: "start" }).effect).toBe("permit");
    for (const phase of ["allocation", "sealed", "verify"] as const) {
      expect(refusals(evaluatePolicy(strict, { ...without("allocation"), phase }))).toContain(
        "allocation-pinned",
      );
    }
  });

  test("wants read-only memory and a computed identity only once there is content", () => {
    const fresh = withStable({ access: "read-write" }, without("identitySource"));

    expect(evaluatePolicy(strict, { ...fresh, phase: "allocation" }).effect).toBe("permit");
    expect(refusals(evaluatePolicy(strict, { ...fresh, phase: "sealed" }))).toEqual([
      "read-only",
      "identity-computed",
    ]);
  });

  test("wants read-only memory when the policy or the caller asks, and not otherwise", () => {
    const writable = withStable({ access: "read-write" });
    const lenient = createPolicy({ profile: "strict", readOnlyAfterSealing: false });
    const unasked = (facts: PolicyFacts): PolicyFacts =>
      facts.allocation === undefined
        ? facts
        : { ...facts, allocation: { ...facts.allocation, readOnlyAsked: false } };

    expect(refusals(evaluatePolicy(lenient, writable))).toEqual(["read-only"]);
    expect(refusals(evaluatePolicy(strict, unasked(writable)))).toEqual(["read-only"]);
    expect(evaluatePolicy(lenient, unasked(writable)).effect).toBe("permit");
  });

  test("takes plain memory only with the reduced claim, and then still what the driver says of it", () => {
    const plain = withStable({ path: "plain", location: "unknown" }, withDevice({ vmm: false }));
    const reduced = createPolicy({ profile: "strict", acceptReducedClaim: true });

    expect(refusals(evaluatePolicy(strict, plain))).toEqual(["vmm-or-reduced-claim", "allocation-pinned"]);
    expect(evaluatePolicy(reduced, plain).effect).toBe("permit");
    expect(refusals(evaluatePolicy(reduced, withStable({ location: "host" }, plain)))).toEqual([
      "allocation-pinned",
    ]);
    expect(refusals(evaluatePolicy(reduced, withStable({ location: "unknown" })))).toEqual([
      "allocation-pinned",
    ]);
    expect(refusals(evaluatePolicy(reduced, withStable({ memoryType: "managed" }, plain)))).toEqual([
      "memory-type-device",
    ]);
  });

  test("records HMM, and refuses it under strict only while a check of the allocation is unknown", () => {
    const hmm = withDevice({ addressingMode: "hmm" });
    const reduced = createPolicy({ profile: "strict", acceptReducedClaim: true });

    expect(evaluatePolicy(strict, hmm).effect).toBe("permit");
    expect(warnings(evaluatePolicy(strict, hmm))).toEqual(["hmm-recorded"]);
    expect(
      refusals(evaluatePolicy(reduced, withStable({ path: "plain", location: "unknown" }, hmm))),
    ).toEqual(["hmm-checked"]);
    for (const check of ["location", "memoryType", "managed", "hostPointer"]) {
      expect(refusals(evaluatePolicy(strict, withStable({ [check]: "unknown" }, hmm)))).toContain(
        "hmm-checked",
      );
    }
  });

  test("compares drivers and capabilities by number", () => {
    const outcome = (change: object): string => evaluatePolicy(strict, withDevice(change)).effect;

    for (const driverVersion of ["440", "440.0", "440.0.0", "440.0.0.1", "1000.1"]) {
      expect(outcome({ driverVersion })).toBe("permit");
    }
    for (const driverVersion of [
      "439.9999",
      "99.99",
      "",
      "440.",
      "v440",
      "440.0.0-rc",
      "440.1.1.1.1",
      440,
      null,
    ]) {
      expect(outcome({ driverVersion })).toBe("refuse");
    }
    for (const [major, minor] of [
      [7, 0],
      [7, 5],
      [12, 0],
    ]) {
      expect(outcome({ computeCapability: { major, minor } })).toBe("permit");
    }
    for (const [major, minor] of [
      [6, 9],
      [Number.NaN, 0],
      [7, undefined],
      [6, 255],
    ]) {
      expect(outcome({ computeCapability: { major, minor } })).toBe("refuse");
    }
  });

  test("lets an earlier part of a driver's version outweigh the later ones", () => {
    const policy = createPolicy({ profile: "strict", driverFloor: "440.33.1" });

    expect(evaluatePolicy(policy, withDevice({ driverVersion: "535.0.0" })).effect).toBe("permit");
    expect(refusals(evaluatePolicy(policy, withDevice({ driverVersion: "440.4.99" })))).toEqual([
      "driver-floor",
    ]);
  });

  test("takes each bound as inclusive", () => {
    expect(evaluatePolicy(strict, withDevice({ totalBytes: 1024 ** 3 })).effect).toBe("permit");
    expect(evaluatePolicy(strict, withStable({ rangeBytes: 1000 })).effect).toBe("permit");
    const full = { ...GOOD, staging: { usedBytes: 1024, capBytes: 1024, loading: true } };
    expect(evaluatePolicy(strict, full).effect).toBe("permit");
  });

  test("takes staging figures that are none for unknown", () => {
    for (const usedBytes of [-1, Number.NaN, 0.5]) {
      const decision = evaluatePolicy(strict, {
        ...GOOD,
        staging: { usedBytes, capBytes: 1024, loading: false },
      });

      expect(refusals(decision)).toEqual(["staging-under-cap", "staging-empty-when-idle"]);
    }
  });

  test("accepts a MIG slice that is named", () => {
    expect(warnings(evaluatePolicy(strict, withDevice({ migMode: true, mig: "MIG-1" })))).toEqual([]);
  });

  test("takes a phase it does not know for every phase", () => {
    const facts = { ...without("allocation"), phase: "later" as PolicyPhase };

    expect(refusals(evaluatePolicy(strict, facts))).toContain("allocation-on-device");
  });

  test("does not take two devices without a UUID for one", () => {
    const facts = withStable(
      { deviceUuid: undefined },
      { ...GOOD, device: { ...DEVICE, uuid: undefined as never } },
    );

    expect(refusals(evaluatePolicy(strict, facts))).toEqual(["allocation-on-device"]);
    expect(STABLE.deviceUuid).toBe("GPU-1");
  });

  test("says what is not true, and what is not known", () => {
    const decision = evaluatePolicy(createPolicy("default"), withDevice({ ecc: "off", mps: "unknown" }));

    expect(decision.warnings.map(({ reason }) => reason)).toEqual([
      "not true that the device corrects memory errors (ECC is on)",
      "unknown whether no other process shares the device's context (MPS is off)",
    ]);
  });
});

describe("assertPermitted", () => {
  test("is silent about what is permitted, warnings and all", () => {
    expect(() => assertPermitted(evaluatePolicy(createPolicy("default"), GOOD_MOCK))).not.toThrow();
  });

  test("throws the first rule and its remedy, and carries every reason", () => {
    const decision = evaluatePolicy(strict, withDevice({ integrated: true, ecc: "off" }));
    let thrown: unknown;
    try {
      assertPermitted(decision);
    } catch (error) {
      thrown = error;
    }

    expect(hasCode(thrown, "ERR_POLICY_VIOLATION") && thrown.detail.reasons.map(({ rule }) => rule)).toEqual([
      "not-integrated",
      "ecc-on",
    ]);
    expect(String(thrown)).toEndWith(
      "ERR_POLICY_VIOLATION: not-integrated: not true that the device has memory of its own, not the host's: " +
        "choose a discrete GPU: on an integrated one device memory is host memory (and 1 more)",
    );
  });

  test("does not count what is not there", () => {
    expect(() => assertPermitted(evaluatePolicy(strict, GOOD_MOCK))).toThrow(/development"$/);
  });
});
