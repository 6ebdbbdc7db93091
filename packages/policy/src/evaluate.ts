import { reading, refuseArgument } from "@vram-residency/crypto";
import { type PolicyReason, VramError } from "@vram-residency/types";
import type { Effect, Outcome, Policy, PolicyFacts, PolicyPhase, Rule } from "./model.ts";
import { assertPolicyMade, effectsOf } from "./policy.ts";
import { EVERY_PHASE } from "./rule.ts";
import { RULES } from "./rules.ts";

/** What follows from the facts. Reasons and warnings are in the order of the rules. */
export type Decision =
  | { readonly effect: "permit"; readonly warnings: readonly PolicyReason[] }
  | {
      readonly effect: "refuse";
      readonly reasons: readonly [PolicyReason, ...PolicyReason[]];
      readonly warnings: readonly PolicyReason[];
    };

/** An unknown phase is every phase: a rule is left out only when it is known not to apply. */
function applies(rule: Rule, phase: PolicyPhase): boolean {
  return rule.appliesTo.includes(phase) || !EVERY_PHASE.includes(phase);
}

/** What a rule finds. One that cannot read the facts has found nothing: unknown. */
function findingOf(rule: Rule, facts: PolicyFacts, policy: Policy): Outcome {
  try {
    return applies(rule, facts.phase) ? rule.evaluate(facts, policy) : "not-applicable";
  } catch {
    return "unknown";
  }
}

function effectOf(rule: Rule, finding: Outcome, policy: Policy): Effect {
  switch (finding) {
    case "holds":
    case "not-applicable":
      return "accept";
    case "violated":
    case "unknown":
      return effectsOf(policy, rule)[finding];
  }
}

function reasonOf(rule: Rule, finding: Outcome): PolicyReason {
  const reason = finding === "unknown" ? `unknown whether ${rule.title}` : `not true that ${rule.title}`;
  return Object.freeze({ rule: rule.id, reason, remedy: rule.remedy });
}

/**
 * Decides what follows from the facts under a policy. Pure: the same facts give the same decision.
 *
 * Never throws, whatever the facts are: what cannot be read is unknown.
 *
 * @throws `ERR_INPUT_INVALID` for a policy that `createPolicy` did not make.
 */
export function evaluatePolicy(policy: Policy, facts: PolicyFacts): Decision {
  assertPolicyMade(policy);
  const warnings: PolicyReason[] = [];
  const refusals: PolicyReason[] = [];
  for (const rule of RULES) {
    const finding = findingOf(rule, facts, policy);
    const effect = effectOf(rule, finding, policy);
    if (effect !== "accept") {
      (effect === "warn" ? warnings : refusals).push(reasonOf(rule, finding));
    }
  }
  const [first, ...rest] = refusals;
  return first === undefined
    ? { effect: "permit", warnings }
    : { effect: "refuse", reasons: [first, ...rest], warnings };
}

/**
 * Throws unless a decision permits.
 *
 * @throws {@link VramError} `ERR_INPUT_INVALID` for what is no decision; `ERR_POLICY_VIOLATION` with every reason; the message has the first, and what to do about it.
 */
export function assertPermitted(decision: Decision): void {
  const effect = reading("decision", () => decision.effect);
  // Anything that is no decision permits nothing.
  if (effect !== "permit" && effect !== "refuse")
    refuseArgument("decision", "expected one of evaluatePolicy");
  if (decision.effect === "refuse") {
    const [{ rule, reason, remedy }, ...more] = decision.reasons;
    const rest = more.length === 0 ? "" : ` (and ${more.length} more)`;
    throw new VramError("ERR_POLICY_VIOLATION", `${rule}: ${reason}: ${remedy}${rest}`, {
      reasons: decision.reasons,
    });
  }
}
