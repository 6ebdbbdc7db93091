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
 * A refusal here touches no shard, whatever it says: it is audited as a warning, and counted when it repeats.
 *
 * @param shard - Untrusted.
 * @throws {@link VramError} `ERR_SEAL_VERIFICATION`, `ERR_NOT_SEALED`.
 */
export async function openLiveSeal(
  core: Core,
  shard: unknown,
  options: { readonly allowRevoked: boolean },
): Promise<LiveSeal> {
  let body: SealBody;
  try {
    body = openSeal(shard, core.ring, options);
  } catch (error) {
    if (hasCode(error, "ERR_SEAL_VERIFICATION"))
      await core.journal.warn(error.detail.reason, error.detail.shardId);
    if (hasCode(error, "ERR_NOT_SEALED")) await core.journal.warn("malformed", error.detail.shardId);
    throw error;
  }
  const live = core.slots.match(body);
  if (typeof live !== "string") return { slot: live, body };
  await core.journal.warn(live, body.shard.id);
  throw refusal(body.shard.id, live);
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
