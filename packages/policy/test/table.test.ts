import { describe, expect, test } from "bun:test";
import {
  createPolicy,
  EFFECTS,
  type Effect,
  effectsOf,
  evaluatePolicy,
  type PolicyFacts,
  type PolicyProfile,
  RULES,
} from "@vram-residency/policy";
import { GOOD, GOOD_MOCK, withDevice, without, withStable } from "./facts.ts";

/** By hand: violated and unknown under strict, default, development. R refuse, W warn, A accept. */
const TABLE: Readonly<Record<string, string>> = {
  "device-present": "RR RR RR",
  "backend-as-requested": "RR RR RR",
  "cuda-device-present": "RR WR AR",
  "mock-claims-no-hardware": "RR RR RR",
  "not-integrated": "RR RR RW",
  "not-paged": "RR RR RW",
  "compute-capability": "RR RW WW",
  "vram-minimum": "RR RW WW",
  "driver-floor": "RR RW WW",
  "vmm-or-reduced-claim": "RR RR RW",
  "no-ats": "RR RW WW",
  "no-numa-node": "RR RW WW",
  "hmm-recorded": "WW WW AA",
  "ecc-on": "RR WW AA",
  "row-remap-clean": "RR RW WA",
  "mig-recorded": "WW WW AA",
  "mps-recorded": "WW WW AA",
  "native-pinned": "RR WW AA",
  "evidence-of-backend": "RR RR RR",
  "allocation-on-device": "RR RR RR",
  "allocation-pinned": "RR RR RW",
  "memory-type-device": "RR RR RW",
  "not-managed": "RR RR RW",
  "no-host-pointer": "RR RR RW",
  "range-covers-shard": "RR RR RR",
  "hmm-checked": "RR WW WA",
  "read-only": "RR WW AA",
  "staging-under-cap": "RR RW WW",
  "staging-empty-when-idle": "RR RW WW",
  "identity-computed": "RR AW AA",
};

/** Facts under which each rule finds "violated" and "unknown". */
const FACTS: Readonly<Record<string, { violated: PolicyFacts; unknown?: PolicyFacts }>> = {
  "device-present": { violated: { ...GOOD, device: undefined } },
  "backend-as-requested": {
    violated: { ...GOOD, requestedBackend: "mock" },
    unknown: { ...GOOD, requestedBackend: "gpu" as "cuda" },
  },
  "cuda-device-present": { violated: GOOD_MOCK, unknown: withDevice({ backend: "rocm" }) },
  "mock-claims-no-hardware": { violated: withDevice({ ecc: "on" }, GOOD_MOCK) },
  "not-integrated": {
    violated: withDevice({ integrated: true }),
    unknown: withDevice({ integrated: "unknown" }),
  },
  "not-paged": {
    violated: withDevice({ driverModel: "wsl" }),
    unknown: withDevice({ driverModel: "unknown" }),
  },
  "compute-capability": {
    violated: withDevice({ computeCapability: { major: 6, minor: 9 } }),
    unknown: withDevice({ computeCapability: "unknown" }),
  },
  "vram-minimum": {
    violated: withDevice({ totalBytes: 1024 ** 3 - 1 }),
    unknown: withDevice({ totalBytes: Number.NaN }),
  },
  "driver-floor": {
    violated: withDevice({ driverVersion: "439.99.99" }),
    unknown: withDevice({ driverVersion: "unknown" }),
  },
  "no-ats": {
    violated: withDevice({ addressingMode: "ats" }),
    unknown: withDevice({ addressingMode: "unknown" }),
  },
  "no-numa-node": { violated: withDevice({ numaNode: true }), unknown: withDevice({ numaNode: "unknown" }) },
  "hmm-recorded": {
    violated: withDevice({ addressingMode: "hmm" }),
    unknown: withDevice({ addressingMode: "unknown" }),
  },
  "ecc-on": { violated: withDevice({ ecc: "off" }), unknown: withDevice({ ecc: "unknown" }) },
  "row-remap-clean": {
    violated: withDevice({ rowRemap: "pending" }),
    unknown: withDevice({ rowRemap: "unknown" }),
  },
  "mig-recorded": { violated: withDevice({ migMode: true }), unknown: withDevice({ migMode: "unknown" }) },
  "mps-recorded": { violated: withDevice({ mps: true }), unknown: withDevice({ mps: "unknown" }) },
  "native-pinned": {
    violated: withDevice({ native: { digest: "a", pinned: false } }),
    unknown: withDevice({ native: "unknown" }),
  },
  "evidence-of-backend": { violated: withStable({ backend: "mock" }), unknown: without("allocation") },
  "allocation-on-device": { violated: withStable({ deviceUuid: "GPU-2" }), unknown: without("allocation") },
  "allocation-pinned": {
    violated: withStable({ location: "host-numa" }),
    unknown: withStable({ location: "unknown" }),
  },
  "memory-type-device": {
    violated: withStable({ memoryType: "host" }),
    unknown: withStable({ memoryType: "unknown" }),
  },
  "not-managed": { violated: withStable({ managed: true }), unknown: withStable({ managed: "unknown" }) },
  "no-host-pointer": {
    violated: withStable({ hostPointer: true }),
    unknown: withStable({ hostPointer: "unknown" }),
  },
  "range-covers-shard": {
    violated: withStable({ rangeBytes: 999 }),
    unknown: withStable({ rangeBytes: Number.NaN }),
  },
  "hmm-checked": {
    violated: withStable({ managed: "unknown" }, withDevice({ addressingMode: "hmm" })),
    unknown: withDevice({ addressingMode: "unknown" }),
  },
  "read-only": { violated: withStable({ access: "unenforced" }), unknown: withStable({ access: "unknown" }) },
  "staging-under-cap": {
    violated: { ...GOOD, staging: { usedBytes: 1025, capBytes: 1024, loading: true } },
    unknown: without("staging"),
  },
  "staging-empty-when-idle": {
    violated: { ...GOOD, staging: { usedBytes: 1, capBytes: 1024, loading: false } },
    unknown: without("staging"),
  },
  "identity-computed": {
    violated: { ...GOOD, identitySource: "cached" },
    unknown: without("identitySource"),
  },
};

const PROFILES: readonly PolicyProfile[] = ["strict", "default", "development"];
const LETTERS: Readonly<Record<string, Effect>> = { R: "refuse", W: "warn", A: "accept" };

function expected(rule: string, profile: PolicyProfile, finding: "violated" | "unknown"): Effect | undefined {
  const cell = TABLE[rule]?.split(" ")[PROFILES.indexOf(profile)];
  return LETTERS[cell?.[finding === "violated" ? 0 : 1] ?? ""];
}

/** What happened because of one rule. */
function happened(rule: string, profile: PolicyProfile, facts: PolicyFacts): Effect {
  const vmm = profile === "development" && rule === "vmm-or-reduced-claim";
  const decision = evaluatePolicy(
    createPolicy(vmm ? { profile, acceptReducedClaim: false } : profile),
    facts,
  );
  if (decision.effect === "refuse" && decision.reasons.some((reason) => reason.rule === rule)) {
    return "refuse";
  }
  return decision.warnings.some((reason) => reason.rule === rule) ? "warn" : "accept";
}

describe("the table of rules", () => {
  test("has a row for each rule, in order", () => {
    expect(RULES.map(({ id }) => id)).toEqual(Object.keys(TABLE));
  });

  for (const rule of RULES) {
    for (const profile of PROFILES) {
      for (const finding of ["violated", "unknown"] as const) {
        const effect = expected(rule.id, profile, finding);

        test(`${rule.id}, ${finding}, under ${profile}: ${effect}`, () => {
          expect<unknown>(effectsOf(createPolicy(profile), rule)[finding]).toBe(effect);
          const facts = rule.id === "vmm-or-reduced-claim" ? VMM[finding] : FACTS[rule.id]?.[finding];
          if (facts !== undefined) {
            expect<unknown>(happened(rule.id, profile, facts)).toBe(effect);
          }
        });
      }

      test(`${rule.id}, held, under ${profile}: accept`, () => {
        expect(happened(rule.id, profile, GOOD)).toBe("accept");
      });
    }
  }

  test("every finding that facts can show is shown", () => {
    const silent = RULES.filter(
      ({ id }) => FACTS[id]?.unknown === undefined && id !== "vmm-or-reduced-claim",
    );

    // These two see only whether something is there, and what a mock says: there is nothing that could be unknown.
    expect(silent.map(({ id }) => id)).toEqual(["device-present", "mock-claims-no-hardware"]);
  });

  test("never accepts what is unknown under strict, nor under default", () => {
    for (const rule of RULES) {
      expect(rule.effects.strict.unknown).not.toBe("accept");
      expect(rule.effects.default.unknown).not.toBe("accept");
    }
  });

  test("is never laxer under a stricter profile", () => {
    const rank = (effect: Effect): number => EFFECTS.indexOf(effect);
    for (const { effects } of RULES) {
      for (const finding of ["violated", "unknown"] as const) {
        expect(rank(effects.strict[finding])).toBeGreaterThanOrEqual(rank(effects.default[finding]));
        expect(rank(effects.default[finding])).toBeGreaterThanOrEqual(rank(effects.development[finding]));
      }
    }
  });

  test("says of each rule what to do, in one line of its own", () => {
    const remedies = RULES.map(({ remedy }) => remedy);

    expect(new Set(remedies).size).toBe(RULES.length);
    expect(new Set(RULES.map(({ title }) => title)).size).toBe(RULES.length);
    for (const { id, title, remedy } of RULES) {
      expect(id).toMatch(/^[a-z]+(-[a-z]+)*$/);
      expect(title).toMatch(/^[a-z][^\n]{10,100}[^.\n]$/);
      expect(remedy).toMatch(/^[a-z][^\n]{25,140}[^.\n]$/);
    }
  });

  test("is frozen to the bottom", () => {
    for (const part of RULES.flatMap((rule) => [rule, rule.appliesTo, rule.effects, rule.effects.strict])) {
      expect(Object.isFrozen(part)).toBe(true);
    }
    expect(Object.isFrozen(RULES)).toBe(true);
  });
});

const VMM = { violated: withDevice({ vmm: false }), unknown: withDevice({ vmm: "unknown" }) };
