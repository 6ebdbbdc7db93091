import { ALLOCATION_RULES } from "./allocation-rules.ts";
import { DEVICE_RULES } from "./device-rules.ts";
import type { Rule } from "./model.ts";
import { PROCESS_RULES } from "./process-rules.ts";

/**
 * Counts changes of what the rules evaluate, which no digest of data can see. Part of every policy's digest: raise it with
 * any change of an `evaluate`, so that seals under the old meaning stop verifying.
 */
export const RULES_REVISION = 1;

function freeze(rule: Rule): Rule {
  for (const part of [rule.appliesTo, rule.effects, ...Object.values(rule.effects)]) {
    Object.freeze(part);
  }
  return Object.freeze(rule);
}

/** Every rule, in the order in which reasons are given. Frozen to the bottom. */
export const RULES: readonly Rule[] = Object.freeze(
  [...DEVICE_RULES, ...ALLOCATION_RULES, ...PROCESS_RULES].map(freeze),
);
