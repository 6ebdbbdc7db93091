export type { Decision } from "./evaluate.ts";
export { assertPermitted, evaluatePolicy } from "./evaluate.ts";
export type {
  ComputeCapability,
  Effect,
  Effects,
  Outcome,
  Policy,
  PolicyFacts,
  PolicyOptions,
  PolicyPhase,
  PolicyProfile,
  Rule,
} from "./model.ts";
export { EFFECTS } from "./model.ts";
export { createPolicy, effectsOf, policyDigest } from "./policy.ts";
export { RULES, RULES_REVISION } from "./rules.ts";
