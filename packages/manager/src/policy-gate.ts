import { printable } from "@vram-residency/audit";
import { assertPermitted, type Decision, evaluatePolicy, type PolicyFacts } from "@vram-residency/policy";
import type { PolicyReason } from "@vram-residency/types";
import type { Core, Device } from "./core.ts";

/** Facts that the gate does not find out itself. */
export type GateFacts = Pick<PolicyFacts, "phase" | "allocation" | "identitySource">;

/**
 * Asks the policy, records the decision when it differs from the last one for this device, and throws when it refuses.
 *
 * @param shardId - Named in the record of a violation.
 * @throws {@link VramError} `ERR_POLICY_VIOLATION`, with rules and remedies. A violation is recorded, or owed.
 */
export async function assertPolicy(
  core: Core,
  device: Device,
  facts: GateFacts,
  shardId?: string,
): Promise<void> {
  const { stagingBytes } = await core.allocator.capacity(device.facts.ordinal);
  const decision = evaluatePolicy(core.policy, {
    ...facts,
    requestedBackend: core.requestedBackend,
    device: device.facts,
    // Before a turn other shards may be on their way; in its own turn, no load is under way when the policy is asked.
    staging: {
      usedBytes: stagingBytes,
      capBytes: core.config.stagingBytes,
      loading: facts.phase === "start" && device.queue.busy,
    },
  });
  const { profile } = core.policy;
  const policy = core.policyDigest;
  const gpuDevice = device.facts.ordinal;
  if (facts.phase === "start" && device.decision !== key(decision)) {
    device.decision = key(decision);
    await core.journal.note("PolicyEvaluated", {
      profile,
      policy,
      gpuDevice,
      effect: decision.effect,
      warnings: logged(decision.warnings),
    });
  }
  if (decision.effect === "refuse") {
    await core.journal.note("PolicyViolation", {
      profile,
      policy,
      gpuDevice,
      ...(shardId === undefined ? {} : { shardId }),
      reasons: logged(decision.reasons),
      workerId: core.journal.workerId,
    });
  }
  assertPermitted(decision);
}

function key(decision: Decision): string {
  const refused = decision.effect === "refuse" ? decision.reasons : [];
  return JSON.stringify([
    decision.effect,
    refused.map(({ rule }) => rule),
    decision.warnings.map(({ rule }) => rule),
  ]);
}

function logged(reasons: readonly PolicyReason[]): { rule: string; reason: string }[] {
  return reasons.map(({ rule, reason }) => ({ rule, reason: printable(reason, 256) }));
}
