import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import {
  createPolicy,
  effectsOf,
  type Policy,
  policyDigest,
  RULES,
  RULES_REVISION,
} from "@vram-residency/policy";

describe("createPolicy", () => {
  test("means the default profile", () => {
    expect<unknown>(createPolicy()).toEqual({
      version: 1,
      profile: "default",
      minimumComputeCapability: { major: 7, minor: 0 },
      minimumVramBytes: 1_073_741_824,
      driverFloor: "440.0.0",
      readOnlyAfterSealing: true,
      acceptReducedClaim: false,
    });
    expect(createPolicy({})).toEqual(createPolicy("default"));
  });

  test("accepts the reduced claim by itself only for development", () => {
    expect(createPolicy("strict").acceptReducedClaim).toBe(false);
    expect(createPolicy("default").acceptReducedClaim).toBe(false);
    expect(createPolicy("development").acceptReducedClaim).toBe(true);
  });

  test("takes a policy back, also after JSON", () => {
    const policy = createPolicy({ profile: "default", overrides: { "ecc-on": { violated: "refuse" } } });

    expect(createPolicy(policy)).toEqual(policy);
    expect(createPolicy(JSON.parse(JSON.stringify(policy)) as Policy)).toEqual(policy);
  });

  test("freezes to the bottom, and copies", () => {
    const overrides = { "ecc-on": { violated: "refuse" as "refuse" | "accept" } };
    const minimumComputeCapability = { major: 8, minor: 0 };
    const policy = createPolicy({ overrides, minimumComputeCapability });
    overrides["ecc-on"].violated = "accept";
    minimumComputeCapability.major = 1;

    expect(policy.overrides).toEqual({ "ecc-on": { violated: "refuse" } });
    expect(policy.minimumComputeCapability.major).toBe(8);
    for (const part of [
      policy,
      policy.overrides,
      policy.overrides?.["ecc-on"],
      policy.minimumComputeCapability,
    ]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });

  const keys = "has an unknown key: known are";
  const refused: readonly [unknown, string][] = [
    ["lax", "policy: expected one of strict, default, development"],
    [7, "policy: expected an object"],
    [null, "policy: expected an object"],
    [[], "policy: expected an object"],
    [new Map(), "policy: expected a plain object, not an instance of a class"],
    [
      Object.create({ profile: "development" }),
      "policy: expected a plain object, not an instance of a class",
    ],
    [JSON.parse('{"__proto__": {"profile": "development"}}'), `policy: ${keys}`],
    [{ [Symbol("profile")]: "development" }, `policy: ${keys}`],
    [{ rules: [] }, `policy: ${keys}`],
    [
      Object.defineProperty({}, "profile", { get: () => "development" }),
      "policy.profile: expected a plain value, not a getter",
    ],
    [
      new Proxy(
        {},
        {
          ownKeys: () => {
            throw new Error("the secret");
          },
        },
      ),
      "policy: cannot be read",
    ],
    [{ version: 2 }, "policy.version: expected 1"],
    [{ profile: "Strict" }, "policy.profile: expected one of strict, default, development"],
    [{ minimumComputeCapability: 7 }, "policy.minimumComputeCapability: expected an object"],
    [
      { minimumComputeCapability: { major: 7 } },
      "policy.minimumComputeCapability.minor: expected an integer from 0 to 255",
    ],
    [
      { minimumComputeCapability: { major: 256, minor: 0 } },
      "policy.minimumComputeCapability.major: expected an integer from 0 to 255",
    ],
    [{ minimumVramBytes: -1 }, "policy.minimumVramBytes: expected an integer from 0 to 9007199254740991"],
    [{ minimumVramBytes: "1" }, "policy.minimumVramBytes: expected an integer from 0 to 9007199254740991"],
    [
      { driverFloor: "latest" },
      "policy.driverFloor: expected up to four numbers joined by dots, such as 535.104.5",
    ],
    [
      { driverFloor: 440 },
      "policy.driverFloor: expected up to four numbers joined by dots, such as 535.104.5",
    ],
    [{ readOnlyAfterSealing: 1 }, "policy.readOnlyAfterSealing: expected true or false"],
    [{ acceptReducedClaim: "yes" }, "policy.acceptReducedClaim: expected true or false"],
    [{ overrides: { "no-such-rule": {} } }, `policy.overrides: ${keys}`],
    [{ overrides: { "ecc-on": { holds: "refuse" } } }, `policy.overrides.ecc-on: ${keys}`],
    [
      { overrides: { "ecc-on": { violated: "ignore" } } },
      "policy.overrides.ecc-on.violated: expected one of accept, warn, refuse",
    ],
    [
      { overrides: { "ecc-on": { violated: "accept" } } },
      "policy.overrides.ecc-on.violated: expected nothing laxer than the profile: to forgive more, choose a laxer profile",
    ],
    [
      { overrides: { "cuda-device-present": { violated: "warn" } }, profile: "strict" },
      "policy.overrides.cuda-device-present.violated: expected nothing laxer than the profile: to forgive more, choose a laxer profile",
    ],
  ];
  for (const [input, refusal] of refused) {
    test(`refuses ${refusal}`, () => {
      let thrown: unknown;
      try {
        createPolicy(input as "strict");
      } catch (error) {
        thrown = error;
      }

      expect(thrown).toMatchObject({ code: "ERR_CONFIG_INVALID" });
      expect((thrown as Error).message).toStartWith(`ERR_CONFIG_INVALID: ${refusal}`);
    });
  }

  test("applies an override on top of the profile", () => {
    const rule = RULES.find(({ id }) => id === "ecc-on");
    const policy = createPolicy({ overrides: { "ecc-on": { violated: "refuse" } } });

    expect(rule && effectsOf(policy, rule)).toEqual({ violated: "refuse", unknown: "warn" });
    expect(rule && effectsOf(createPolicy(), rule)).toEqual({ violated: "warn", unknown: "warn" });
  });
});

/** RFC 8785 for what a policy holds: names sorted, no spaces. Written apart from the code under test. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(sorted);
  }
  return typeof value === "object" && value !== null
    ? Object.fromEntries(
        Object.entries(value)
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([name, part]) => [name, sorted(part)]),
      )
    : value;
}

describe("policyDigest", () => {
  test("is SHA-256 over the settings and what becomes of every finding", () => {
    const decides = {
      version: 1,
      profile: "default",
      minimumComputeCapability: { major: 7, minor: 0 },
      minimumVramBytes: 1_073_741_824,
      driverFloor: "440.0.0",
      readOnlyAfterSealing: true,
      acceptReducedClaim: false,
      revision: RULES_REVISION,
      rules: RULES.map(({ id, appliesTo, effects }) => ({ id, appliesTo, effects: effects.default })),
    };
    const json = JSON.stringify(sorted(decides));

    expect<string>(policyDigest(createPolicy())).toBe(createHash("sha256").update(json).digest("hex"));
  });

  test("differs with every single setting", () => {
    const policies = [
      createPolicy("default"),
      createPolicy("strict"),
      createPolicy("development"),
      createPolicy({ minimumComputeCapability: { major: 7, minor: 1 } }),
      createPolicy({ minimumComputeCapability: { major: 8, minor: 0 } }),
      createPolicy({ minimumVramBytes: 1 }),
      createPolicy({ driverFloor: "440.0.1" }),
      createPolicy({ readOnlyAfterSealing: false }),
      createPolicy({ acceptReducedClaim: true }),
      ...RULES.filter(({ effects }) => effects.default.unknown !== "refuse").map(({ id }) =>
        createPolicy({ overrides: { [id]: { unknown: "refuse" } } }),
      ),
    ];

    expect(new Set(policies.map(policyDigest)).size).toBe(policies.length);
  });

  test("is one for policies that decide alike, however they were written", () => {
    const spelled = createPolicy({ profile: "default", driverFloor: "440.0.0", overrides: {} });
    const repeated = createPolicy({ overrides: { "ecc-on": { violated: "warn" } } });

    expect(policyDigest(spelled)).toBe(policyDigest(createPolicy("default")));
    expect(policyDigest(repeated)).toBe(policyDigest(createPolicy("default")));
  });
});
