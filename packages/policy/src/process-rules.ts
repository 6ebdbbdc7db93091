/**
 * Rules about this process: where weights are besides device memory, and where a digest came from.
 *
 * @module
 */
import type { Outcome, PolicyFacts, Rule } from "./model.ts";
import { EVERY_PHASE, FITNESS, judge, outcomeOf, WITH_CONTENT } from "./rule.ts";

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function stagingUnderCap({ staging }: PolicyFacts): Outcome {
  return isCount(staging?.usedBytes) && isCount(staging?.capBytes)
    ? outcomeOf(staging.usedBytes <= staging.capBytes)
    : "unknown";
}

function stagingEmpty({ staging }: PolicyFacts): Outcome {
  if (staging?.loading === true) {
    return "not-applicable";
  }
  return staging?.loading === false && isCount(staging.usedBytes)
    ? outcomeOf(staging.usedBytes === 0)
    : "unknown";
}

/** In the order in which reasons are given. */
export const PROCESS_RULES: readonly Rule[] = [
  {
    id: "staging-under-cap",
    title: "host staging stays under its cap",
    appliesTo: EVERY_PHASE,
    evaluate: stagingUnderCap,
    remedy: "load fewer shards at once, or raise stagingBytes",
    effects: FITNESS,
  },
  {
    id: "staging-empty-when-idle",
    title: "no weights lie in host staging outside load, repair, read-back and wipe check",
    appliesTo: EVERY_PHASE,
    evaluate: stagingEmpty,
    remedy: "close the manager, which wipes staging, and report this",
    effects: FITNESS,
  },
  {
    id: "identity-computed",
    title: "the identity digest was computed from the bytes, not taken from a cache",
    appliesTo: WITH_CONTENT,
    evaluate: ({ identitySource }) => judge(identitySource, ["computed"], ["cached"]),
    remedy: "seal the shard again with the digest cache off",
    effects: {
      strict: { violated: "refuse", unknown: "refuse" },
      default: { violated: "accept", unknown: "warn" },
      development: { violated: "accept", unknown: "accept" },
    },
  },
];
