/**
 * From a seal somebody hands us to the live shard it names: everything that can be refused before device memory is touched.
 *
 * @module
 */
import { openSeal } from "@vram-residency/seal";
import { hasCode, type SealBody, type SealRefusal, VramError } from "@vram-residency/types";
import type { Core } from "./core.ts";
import type { Slot } from "./slots.ts";

/** A seal that is authentic and live, and the slot it names. */
export interface LiveSeal {
  readonly slot: Slot;
  readonly body: SealBody;
}

/**
 * Checks shape, key, MAC, fields, epoch and the live table.
 *
 * A refusal here touches no shard, whatever it says.
 *
 * @param shard - Untrusted.
 * @throws {@link VramError} `ERR_SEAL_VERIFICATION`, `ERR_NOT_SEALED`.
 */
export function openLiveSeal(
  core: Core,
  shard: unknown,
  options: { readonly allowRevoked: boolean },
): LiveSeal {
  const body = openSeal(shard, core.ring, options);
  return { slot: matchLive(core, body), body };
}

/**
 * Finds the shard whose live seal this is. Asked again after every wait: it may have been released or repaired meanwhile.
 *
 * @throws {@link VramError} `ERR_SEAL_VERIFICATION`.
 */
export function matchLive(core: Core, body: SealBody): Slot {
  const slot = core.slots.match(body);
  if (typeof slot === "string") throw refusal(body.shard.id, slot);
  return slot;
}

/**
 * Records why a seal did nothing for whoever showed it: a warning, counted when it repeats.
 *
 * Wrong content and wrong evidence are not for here: they have quarantined their shard, and were recorded with that.
 *
 * @param always - Also record failures that say nothing about the seal, such as a lost device: every outcome of a
 * verification is in the log.
 */
export async function recordRefusal(
  core: Core,
  error: VramError,
  shardId: string,
  always: boolean,
): Promise<void> {
  if (hasCode(error, "ERR_SEAL_VERIFICATION")) {
    const { reason, shardId: named } = error.detail;
    if (reason !== "evidence") await core.journal.warn(reason, named);
  } else if (hasCode(error, "ERR_NOT_SEALED")) {
    await core.journal.warn("malformed", error.detail.shardId);
  } else if (always && !hasCode(error, "ERR_INTEGRITY")) {
    await core.journal.warn(hasCode(error, "ERR_POLICY_VIOLATION") ? "policy" : error.code, shardId);
  }
}

const REMEDIES: { readonly [Reason in SealRefusal]: string } = {
  malformed: "it is not a seal of this version: hand over the shard as sealModel returned it",
  "unknown-key": "it names a key this manager does not hold: verify it where it was sealed",
  "revoked-key": "its key was revoked: release the shard and seal it again",
  "bad-mac": "its MAC is wrong: it was changed or forged; use current(shardId)",
  "stale-epoch": "it was issued by another process: seal the shard again in this one",
  "fields-differ": "its plain fields are not the sealed ones: it was changed; use current(shardId)",
  "stale-generation": "it was superseded or its shard was released: use current(shardId)",
  "wrong-device": "it names another device than the shard lies on",
  "not-issued": "this manager did not issue it, though its MAC is good: treat the seal key as stolen",
  evidence:
    "the driver says otherwise of this memory than when it was sealed: release it, and check the device",
  policy: "it was issued under another policy: seal the shard again",
  age: "it is older than maxSealAgeMs: release the shard and seal it again",
  content: "device memory does not hold what was sealed: repair or release it",
};

/** The error of a refused seal, with its remedy. */
export function refusal(shardId: string, reason: SealRefusal): VramError<"ERR_SEAL_VERIFICATION"> {
  return new VramError("ERR_SEAL_VERIFICATION", `${reason}: ${REMEDIES[reason]}`, { shardId, reason });
}
