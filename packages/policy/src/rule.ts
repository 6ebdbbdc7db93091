import type { Effect, Effects, Outcome, PolicyPhase, Rule } from "./model.ts";

/** Every phase. */
export const EVERY_PHASE: readonly PolicyPhase[] = ["start", "allocation", "sealed", "verify"];

/** The phases in which there is an allocation. */
export const WITH_ALLOCATION: readonly PolicyPhase[] = ["allocation", "sealed", "verify"];

/** The phases in which there is content. */
export const WITH_CONTENT: readonly PolicyPhase[] = ["sealed", "verify"];

const both = (effect: Effect): Effects => ({ violated: effect, unknown: effect });

/** Without it the answer would be about something else: never forgiven. */
export const ALWAYS: Rule["effects"] = {
  strict: both("refuse"),
  default: both("refuse"),
  development: both("refuse"),
};

/** What the claim of residency rests on. */
export const CORE: Rule["effects"] = {
  strict: both("refuse"),
  default: both("refuse"),
  development: { violated: "refuse", unknown: "warn" },
};

/** What makes a device, or this process, fit for the claim. */
export const FITNESS: Rule["effects"] = {
  strict: both("refuse"),
  default: { violated: "refuse", unknown: "warn" },
  development: both("warn"),
};

/** What makes the claim stronger. */
export const STRENGTH: Rule["effects"] = {
  strict: both("refuse"),
  default: both("warn"),
  development: both("accept"),
};

/** What should be seen by whoever reads the log, and no more. */
export const RECORDED: Rule["effects"] = {
  strict: both("warn"),
  default: both("warn"),
  development: both("accept"),
};

/** Sorts a fact: one of `good` holds, one of `bad` is violated, anything else is unknown. */
export function judge(fact: unknown, good: readonly unknown[], bad: readonly unknown[]): Outcome {
  return good.includes(fact) ? "holds" : bad.includes(fact) ? "violated" : "unknown";
}

/** "holds" or "violated". */
export function outcomeOf(holds: boolean): Outcome {
  return holds ? "holds" : "violated";
}
