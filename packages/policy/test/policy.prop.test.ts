import { describe, expect, test } from "bun:test";
import {
  createPolicy,
  type Decision,
  evaluatePolicy,
  type PolicyFacts,
  type PolicyOptions,
  type PolicyProfile,
} from "@vram-residency/policy";
import fc from "fast-check";
import { DEVICE, GOOD, GOOD_MOCK, STABLE } from "./facts.ts";

const UNKNOWN = "unknown" as const;

const device = fc.record({
  ...Object.fromEntries(Object.entries(DEVICE).map(([name, value]) => [name, fc.constant(value)])),
  totalBytes: fc.constantFrom(0, 1024 ** 3, 80 * 1024 ** 3, Number.NaN),
  computeCapability: fc.constantFrom(UNKNOWN, { major: 6, minor: 1 }, { major: 9, minor: 0 }),
  integrated: fc.constantFrom(UNKNOWN, true, false),
  driverModel: fc.constantFrom(UNKNOWN, "linux", "wsl", "wddm", "tcc"),
  driverVersion: fc.constantFrom(UNKNOWN, "1.2", "535.1"),
  vmm: fc.constantFrom(UNKNOWN, true, false),
  addressingMode: fc.constantFrom(UNKNOWN, "none", "hmm", "ats"),
  numaNode: fc.constantFrom(UNKNOWN, true, false),
  ecc: fc.constantFrom(UNKNOWN, "on", "off"),
  rowRemap: fc.constantFrom(UNKNOWN, "clean", "pending", "failed"),
  migMode: fc.constantFrom(UNKNOWN, true, false),
  mps: fc.constantFrom(UNKNOWN, true, false),
  native: fc.constantFrom(UNKNOWN, "none", { digest: "a", pinned: true }, { digest: "a", pinned: false }),
});

const stable = fc.record({
  ...Object.fromEntries(Object.entries(STABLE).map(([name, value]) => [name, fc.constant(value)])),
  path: fc.constantFrom("vmm", "plain"),
  deviceUuid: fc.constantFrom("GPU-1", "GPU-2"),
  location: fc.constantFrom(UNKNOWN, "device", "host", "host-numa", "mock"),
  memoryType: fc.constantFrom(UNKNOWN, "device", "host", "managed", "mock"),
  managed: fc.constantFrom(UNKNOWN, true, false),
  hostPointer: fc.constantFrom(UNKNOWN, true, false),
  rangeBytes: fc.constantFrom(0, 1000, 2000, Number.NaN),
  access: fc.constantFrom(UNKNOWN, "none", "read", "read-write", "unenforced"),
});

const phase = fc.constantFrom("start" as const, "allocation" as const, "sealed" as const, "verify" as const);

/** Facts with any mixture of good, bad and unknown. */
const facts: fc.Arbitrary<PolicyFacts> = fc
  .record({
    phase,
    requestedBackend: fc.constantFrom("auto", "cuda", "mock"),
    device: fc.option(device, { nil: undefined, freq: 20 }),
    allocation: fc.record({
      evidence: fc.record({ kind: fc.constant("device"), stable, observations: fc.constant({}) }),
      bytes: fc.constantFrom(0, 1000),
      readOnlyAsked: fc.boolean(),
    }),
    staging: fc.record({
      usedBytes: fc.constantFrom(0, 1, 2000),
      capBytes: fc.constant(1024),
      loading: fc.boolean(),
    }),
    identitySource: fc.constantFrom("computed", "cached"),
  })
  .map((value) => value as unknown as PolicyFacts);

/** Facts with one thing wrong or unknown at most: near the border, where one fact decides. */
const nearlyGood: fc.Arbitrary<PolicyFacts> = fc
  .tuple(facts, fc.constantFrom("device", "stable"), fc.nat(30))
  .map(([other, part, pick]) => {
    const source: object = (part === "device" ? other.device : other.allocation?.evidence.stable) ?? {};
    const [name, value] = Object.entries(source)[pick % Math.max(1, Object.keys(source).length)] ?? [
      "",
      undefined,
    ];
    return name === "" ? GOOD : replaced(GOOD, part, name, value);
  });

function replaced(base: PolicyFacts, part: string, name: string, value: unknown): PolicyFacts {
  if (part === "device") {
    return { ...base, device: { ...(base.device ?? DEVICE), [name]: value } };
  }
  const allocation = base.allocation;
  if (allocation === undefined) {
    return base;
  }
  const evidence = { ...allocation.evidence, stable: { ...allocation.evidence.stable, [name]: value } };
  return { ...base, allocation: { ...allocation, evidence } };
}

const anyFacts = fc.oneof(facts, nearlyGood);

const settings: fc.Arbitrary<PolicyOptions> = fc.record(
  {
    acceptReducedClaim: fc.boolean(),
    readOnlyAfterSealing: fc.boolean(),
    minimumVramBytes: fc.constantFrom(0, 2 ** 40),
    driverFloor: fc.constantFrom("1", "999.0"),
  },
  { requiredKeys: [] },
);

const profiles = fc.constantFrom<PolicyProfile>("strict", "default", "development");

/** Every fact that has a known good value, by where it is. */
const KNOWABLE: readonly (readonly [string, string])[] = [
  ...[
    ...[
      "computeCapability",
      "integrated",
      "driverModel",
      "driverVersion",
      "vmm",
      "addressingMode",
      "numaNode",
    ],
    ...["ecc", "rowRemap", "migMode", "mps", "native", "totalBytes"],
  ].map((name) => ["device", name] as const),
  ...["location", "memoryType", "managed", "hostPointer", "access", "rangeBytes"].map(
    (name) => ["stable", name] as const,
  ),
];

function named(decision: Decision): { refused: ReadonlySet<string>; said: ReadonlySet<string> } {
  const refused = decision.effect === "refuse" ? decision.reasons.map(({ rule }) => rule) : [];
  return {
    refused: new Set(refused),
    said: new Set([...refused, ...decision.warnings.map(({ rule }) => rule)]),
  };
}

function includesAll(larger: ReadonlySet<string>, smaller: ReadonlySet<string>): boolean {
  return [...smaller].every((rule) => larger.has(rule));
}

describe("a decision", () => {
  test("never gets better when one known good fact becomes unknown", () => {
    const fact = fc.constantFrom(...KNOWABLE);
    fc.assert(
      fc.property(anyFacts, fact, settings, profiles, (base, [part, name], options, profile) => {
        const good = part === "device" ? Reflect.get(DEVICE, name) : Reflect.get(STABLE, name);
        // Thresholds under which the good values are good.
        const policy = createPolicy({ ...options, profile, driverFloor: "1", minimumVramBytes: 1 });
        fc.pre(base.device !== undefined);

        const known = named(evaluatePolicy(policy, replaced(base, part, name, good)));
        const unknown = named(evaluatePolicy(policy, replaced(base, part, name, UNKNOWN)));

        expect(includesAll(unknown.refused, known.refused)).toBe(true);
        expect(includesAll(unknown.said, known.said)).toBe(true);
      }),
      { numRuns: 3000 },
    );
  });

  test("never gets better when evidence, staging or the digest's source is not given", () => {
    const part = fc.constantFrom("allocation" as const, "staging" as const, "identitySource" as const);
    fc.assert(
      fc.property(phase, part, settings, profiles, fc.boolean(), (when, name, options, profile, mock) => {
        const { [name]: _left, ...rest } = { ...(mock ? GOOD_MOCK : GOOD), phase: when };
        const policy = createPolicy({ ...options, profile });

        const given = named(evaluatePolicy(policy, { ...(mock ? GOOD_MOCK : GOOD), phase: when }));
        const missing = named(evaluatePolicy(policy, rest));

        expect(includesAll(missing.refused, given.refused)).toBe(true);
        expect(includesAll(missing.said, given.said)).toBe(true);
      }),
    );
  });

  test("is never laxer under a stricter profile", () => {
    fc.assert(
      fc.property(anyFacts, settings, (value, options) => {
        const [strict, normal, lax] = (["strict", "default", "development"] as const).map((profile) =>
          named(evaluatePolicy(createPolicy({ ...options, profile }), value)),
        );
        if (strict === undefined || normal === undefined || lax === undefined) {
          throw new Error("three profiles");
        }

        expect(includesAll(strict.refused, normal.refused)).toBe(true);
        expect(includesAll(normal.refused, lax.refused)).toBe(true);
        expect(includesAll(strict.said, normal.said)).toBe(true);
        expect(includesAll(normal.said, lax.said)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  test("is the same for the same facts, and leaves them alone", () => {
    fc.assert(
      fc.property(anyFacts, profiles, (value, profile) => {
        const policy = createPolicy(profile);
        const before = JSON.stringify(value);

        expect(evaluatePolicy(policy, value)).toEqual(evaluatePolicy(policy, structuredClone(value)));
        expect(JSON.stringify(value)).toBe(before);
      }),
    );
  });

  test("is made of any facts whatever, and permits none that are not facts", () => {
    const trap = (): never => {
      throw new Error("not now");
    };
    const hostile: fc.Arbitrary<unknown> = fc.oneof(
      fc.anything(),
      fc.constant(new Proxy({}, { get: trap })),
      fc
        .tuple(fc.constantFrom("phase", "device", "allocation", "staging"), profiles)
        .map(([name]) => Object.defineProperty({ ...GOOD }, name, { get: trap })),
      fc
        .tuple(fc.constantFrom("device", "allocation"), fc.anything())
        .map(([name, value]) => ({ ...GOOD, [name]: value })),
    );
    fc.assert(
      fc.property(hostile, profiles, (value, profile) => {
        expect(evaluatePolicy(createPolicy("strict"), value as PolicyFacts).effect).toBe("refuse");
        expect(["permit", "refuse"]).toContain(
          evaluatePolicy(createPolicy(profile), value as PolicyFacts).effect,
        );
      }),
      { numRuns: 1000 },
    );
  });
});
