import { canonicalJson, reading, refuseArgument, sha256, toHex, utf8 } from "@vram-residency/crypto";
import { type HexDigest, hexDigest, type JsonObject } from "@vram-residency/types";
import type { Effects, Policy, PolicyOptions, PolicyProfile, Rule } from "./model.ts";
import { readSettings } from "./policy-input.ts";
import { RULES, RULES_REVISION } from "./rules.ts";

/** What every profile starts from. 440 is the first driver series with virtual memory management. */
const FLOOR = {
  minimumComputeCapability: Object.freeze({ major: 7, minor: 0 }),
  minimumVramBytes: 1024 ** 3,
  driverFloor: "440.0.0",
  readOnlyAfterSealing: true,
};

/**
 * Makes a policy from a profile's name, or from a profile and what is to differ from it.
 *
 * @param choice - Default "default".
 * @returns A new frozen object.
 * @throws {@link VramError} `ERR_CONFIG_INVALID` with the field and the reason; never the value.
 */
export function createPolicy(choice: PolicyProfile | PolicyOptions = "default"): Policy {
  const settings = readSettings(choice);
  const profile = settings.profile ?? "default";
  return Object.freeze({
    version: 1,
    profile,
    ...FLOOR,
    acceptReducedClaim: profile === "development",
    ...settings,
  });
}

/** @throws `ERR_INPUT_INVALID` for what names no profile, and so says of no rule what becomes of it. */
export function assertPolicyMade(policy: Policy): void {
  const profile: unknown = reading("policy", () => policy.profile);
  if (profile !== "strict" && profile !== "default" && profile !== "development") {
    refuseArgument("policy", "expected a policy of createPolicy");
  }
}

/** What becomes of a rule's findings under a policy: the profile's word, unless it is overridden. */
export function effectsOf(policy: Policy, rule: Rule): Effects {
  assertPolicyMade(policy);
  const overrides = policy.overrides;
  const override =
    overrides !== undefined && Object.hasOwn(overrides, rule.id) ? overrides[rule.id] : undefined;
  return { ...rule.effects[policy.profile], ...override };
}

/**
 * Hashes everything that decides: the settings, and each rule with what becomes of its findings.
 *
 * A seal carries it, so a shard that was sealed under one policy does not verify under another, nor after the table of rules
 * has changed.
 *
 * @returns SHA-256 of RFC 8785 JSON.
 * @throws `ERR_INPUT_INVALID` for a policy that `createPolicy` did not make.
 * @see docs/spec/seal-v1.md
 */
export function policyDigest(policy: Policy): HexDigest {
  assertPolicyMade(policy);
  const { overrides: _resolvedBelow, minimumComputeCapability, ...settings } = policy;
  const decides: JsonObject = {
    ...settings,
    minimumComputeCapability: { ...minimumComputeCapability },
    revision: RULES_REVISION,
    rules: RULES.map((rule) => ({
      id: rule.id,
      appliesTo: rule.appliesTo,
      effects: { ...effectsOf(policy, rule) },
    })),
  };
  return hexDigest(toHex(sha256(utf8(canonicalJson(decides)))));
}
