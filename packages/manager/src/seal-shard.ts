/**
 * Sealing, in the order of ARCHITECTURE.md: any failure undoes all of it, wiped, freed, refunded, audited.
 *
 * @module
 */
import { equalBytes, fromHex } from "@vram-residency/crypto";
import {
  type DigestReport,
  type HexDigest,
  hasCode,
  type IngestReport,
  isVramError,
  type OpenedSource,
  type SealedShard,
  VramError,
} from "@vram-residency/types";
import type { ParsedSealOptions } from "@vram-residency/validation";
import type { Core, Device } from "./core.ts";
import { leavesRoom, placement } from "./footprint.ts";
import { dropLost, giveBack, hold, isLost, reserve } from "./holdings.ts";
import { issueSeal, modelClaim, recordSeal } from "./issue-seal.ts";
import { assertPolicy } from "./policy-gate.ts";
import type { Scope } from "./scope.ts";
import type { Holding, Slot } from "./slots.ts";

/**
 * Loads, checks and seals one shard into a claimed slot.
 *
 * @throws {@link VramError} with the code of whatever failed; the slot is gone then, and so is its memory.
 */
export async function sealInto(
  core: Core,
  device: Device,
  slot: Slot,
  source: OpenedSource,
  options: ParsedSealOptions,
  scope: Scope,
): Promise<SealedShard> {
  try {
    await admit(core, device, slot, options, scope);
    return await device.queue.run(scope.signal, () => load(core, device, slot, source, options, scope));
  } catch (error) {
    await undo(core, device, slot, error);
    throw error;
  }
}

/** Policy for device and request, then the reservation. */
async function admit(
  core: Core,
  device: Device,
  slot: Slot,
  options: ParsedSealOptions,
  scope: Scope,
): Promise<void> {
  scope.enter("admission");
  core.journal.assertReady();
  await assertPolicy(core, device, { phase: "start" }, slot.shardId);
  await reserve(core, device, slot, leavesBytes(core, slot.bytes), placement(options.payloadOffset));
}

/** Room for a shard's leaves, where they are kept. */
function leavesBytes(core: Core, bytes: number): number {
  return core.config.storeLeaves ? leavesRoom(bytes) : 0;
}

async function load(
  core: Core,
  device: Device,
  slot: Slot,
  source: OpenedSource,
  options: ParsedSealOptions,
  scope: Scope,
): Promise<SealedShard> {
  scope.enter("allocate");
  slot.state = "loading";
  const main = await allocate(core, device, slot, options, scope);

  const fresh = await core.allocator.evidence(main.id);
  const place = { bytes: slot.bytes, readOnlyAsked: core.policy.readOnlyAfterSealing };
  await assertPolicy(
    core,
    device,
    { phase: "allocation", allocation: { evidence: fresh, ...place } },
    slot.shardId,
  );

  scope.enter("copy");
  const copied = await core.allocator.ingest(main.id, source, {
    identity: true,
    residency: "fsverity-sha256",
    ...(slot.leaves === undefined ? {} : { leaves: slot.leaves.id }),
    signal: scope.signal,
    onProgress: scope.progress("copy", slot.shardId, slot.bytes),
  });
  const identity = assertCopied(slot, copied, options.expectedDigest);

  // Noted first: a call whose answer is lost may have taken effect.
  main.protected = true;
  await core.allocator.protect(main.id, "read");

  scope.enter("digest");
  const started = { wall: core.clock.wall(), mono: core.clock.mono() };
  const found = await core.allocator.digest(main.id, {
    algorithm: "fsverity-sha256",
    tree: "level1",
    signal: scope.signal,
    onProgress: scope.progress("digest", slot.shardId, slot.bytes),
  });
  assertArrived(slot, copied, found);

  scope.enter("evidence");
  const evidence = await core.allocator.evidence(main.id);
  const allocation = { evidence, ...place };
  await assertPolicy(core, device, { phase: "sealed", allocation, identitySource: "computed" }, slot.shardId);

  scope.enter("seal");
  const content = { identity, residency: found.digest, level1: found.level1 ?? new Uint8Array(0) };
  const sealed = issueSeal(core, device, slot, content, evidence.stable, modelClaim(options));
  await recordSeal(core, sealed, evidence.stable);
  slot.sealed = sealed;
  slot.verified = started;
  slot.state = "sealed";
  return sealed.shard;
}

async function allocate(
  core: Core,
  device: Device,
  slot: Slot,
  options: ParsedSealOptions,
  scope: Scope,
): Promise<Holding> {
  const main = await hold(core, device, slot, slot.bytes, {
    align: placement(options.payloadOffset),
    exportable: options.exportable ?? false,
    signal: scope.signal,
  });
  slot.main = main;
  const forLeaves = leavesBytes(core, slot.bytes);
  if (forLeaves > 0) slot.leaves = await hold(core, device, slot, forLeaves, { signal: scope.signal });
  const { availableBytes } = device.ledger.capacity(await core.allocator.capacity(device.facts.ordinal));
  await core.journal.record("VramAllocated", {
    shardId: slot.shardId,
    gpuDevice: slot.device,
    deviceUuid: device.facts.uuid,
    requestedBytes: slot.bytes,
    allocatedBytes: main.chargedBytes + (slot.leaves?.chargedBytes ?? 0),
    usedBytes: device.ledger.chargedBytes,
    availableBytes,
    workerId: core.journal.workerId,
  });
  return main;
}

/** Everything was copied, and it is what the caller expects. */
function assertCopied(slot: Slot, copied: IngestReport, expected: string | undefined): HexDigest {
  if (copied.bytes !== slot.bytes) {
    const message = `${slot.bytes - copied.bytes} bytes of the source were not copied`;
    throw new VramError("ERR_SOURCE", message, { reason: "truncated" });
  }
  const { identity } = copied;
  if (identity === undefined) {
    throw new VramError("ERR_BUG", "the allocator gave no identity digest", {
      invariant: "identity is computed",
    });
  }
  if (expected !== undefined && !equalBytes(fromHex(identity), fromHex(expected))) {
    const message =
      "the bytes do not have the expected SHA-256: the file is not the one that was meant, or is damaged";
    throw new VramError("ERR_SOURCE", message, { reason: "digest-differs" });
  }
  return identity;
}

/** What lies in device memory is what was hashed on the way in. */
function assertArrived(slot: Slot, copied: IngestReport, found: DigestReport): void {
  const same = equalBytes(fromHex(copied.residency), fromHex(found.digest));
  if (same && found.bytes === slot.bytes) return;
  throw new VramError(
    "ERR_INTEGRITY",
    "device memory does not hold what was copied into it: check the device",
    {
      shardId: slot.shardId,
      mismatches: [{ offset: 0, bytes: slot.bytes }],
      more: 0,
    },
  );
}

/** Takes back everything a failed seal has taken. The first error is the one the caller sees. */
async function undo(core: Core, device: Device, slot: Slot, cause: unknown): Promise<void> {
  const allocated = slot.main !== undefined;
  const { shardId, device: gpuDevice, bytes: requestedBytes } = slot;
  // What cannot be wiped stays charged and visible as unwiped; that failure has been recorded.
  if (!isLost(slot)) await giveBack(core, device, slot, "undone").catch(() => {});
  if (isLost(slot)) dropLost(core, device, slot);
  if (allocated) return;
  const shortage = hasCode(cause, "ERR_VRAM_INSUFFICIENT") ? cause.detail : undefined;
  await core.journal.note("VramAllocationFailed", {
    shardId,
    gpuDevice,
    requestedBytes,
    code: isVramError(cause) ? cause.code : "ERR_BUG",
    ...(shortage === undefined
      ? {}
      : {
          availableBytes: shortage.availableBytes,
          largestFreeBytes: shortage.largestFreeBytes,
          foreignBytes: shortage.foreignBytes,
        }),
    workerId: core.journal.workerId,
  });
}
