/**
 * Taking device memory for a slot and giving it back: charge, try, refund; wipe, then free.
 *
 * @module
 */
import type { AuditEventData } from "@vram-residency/audit";
import {
  type AllocateOptions,
  byteCount,
  type DeviceIndex,
  hasCode,
  invariant,
  VramError,
} from "@vram-residency/types";
import type { Core, Device } from "./core.ts";
import { footprint } from "./footprint.ts";
import type { Holding, Slot } from "./slots.ts";

/**
 * Charges a slot's device for its shard, and for its leaves when they are kept.
 *
 * @throws {@link VramError} `ERR_VRAM_INSUFFICIENT`, `ERR_DEVICE_LOST`.
 */
export async function reserve(
  core: Core,
  device: Device,
  slot: Slot,
  leavesBytes: number,
  align: AllocateOptions["align"],
): Promise<void> {
  const seen = await core.allocator.capacity(device.facts.ordinal);
  const needed =
    footprint(slot.bytes, seen.granularityBytes, align) + footprint(leavesBytes, seen.granularityBytes);
  device.ledger.charge(needed, seen);
  slot.reservedBytes = needed;
}

/** Allocates one part of what was reserved. @throws as the allocator does. */
export async function hold(
  core: Core,
  device: Device,
  slot: Slot,
  bytes: number,
  options: AllocateOptions,
): Promise<Holding> {
  const ordinal: DeviceIndex = device.facts.ordinal;
  const { granularityBytes } = await core.allocator.capacity(ordinal);
  const chargedBytes = footprint(bytes, granularityBytes, options.align);
  invariant(chargedBytes <= slot.reservedBytes, "an allocation is no larger than its reservation");
  const id = await core.allocator.allocate(ordinal, byteCount(bytes, "bytes"), options);
  slot.reservedBytes -= chargedBytes;
  return { id, bytes, chargedBytes, protected: false, wiped: false, freeFailed: false };
}

/** Why memory is given back. */
export type GiveBackReason = AuditEventData["VramDeallocated"]["reason"];

/**
 * Wipes, checks, frees and refunds everything a slot holds, records it, and drops the slot.
 *
 * Memory that cannot be wiped is never freed: it stays charged, the shard is "unwiped" and its device degraded, and only
 * another `release`, or `close`, is taken for it. The audit log never holds this up; what it did not take is owed.
 *
 * @throws {@link VramError} `ERR_INTEGRITY` when bytes remain after a wipe; as the allocator does.
 */
export async function giveBack(
  core: Core,
  device: Device,
  slot: Slot,
  reason: GiveBackReason,
): Promise<void> {
  const madeWritable = slot.main?.protected === true;
  let freedBytes = 0;
  slot.state = "releasing";
  try {
    for (const holding of [slot.main, slot.leaves]) {
      if (holding !== undefined) await wipe(core, slot, holding);
    }
    for (const part of ["main", "leaves"] as const) {
      const holding = slot[part];
      if (holding === undefined) continue;
      await free(core, holding);
      slot[part] = undefined;
      device.ledger.refund(holding.chargedBytes);
      freedBytes += holding.chargedBytes;
    }
  } catch (error) {
    // A lost device took its memory with it: `poison` has refunded and recorded that already.
    if (hasCode(error, "ERR_DEVICE_LOST")) {
      slot.state = "lost";
    } else {
      slot.state = "unwiped";
      await degrade(core, device, "memory could not be wiped and freed");
      await recordDeallocation(core, device, slot, { reason, wiped: false, freedBytes, madeWritable });
    }
    throw error;
  }
  device.ledger.refund(slot.reservedBytes);
  slot.reservedBytes = 0;
  core.slots.drop(slot);
  if (freedBytes > 0)
    await recordDeallocation(core, device, slot, { reason, wiped: true, freedBytes, madeWritable });
}

async function wipe(core: Core, slot: Slot, holding: Holding): Promise<void> {
  if (holding.wiped) return;
  if (holding.protected) {
    await core.allocator.protect(holding.id, "read-write");
    holding.protected = false;
  }
  const report = await core.allocator.wipe(holding.id);
  if (report.nonZeroBytes !== 0 || report.checkedBytes < holding.bytes) {
    const unchecked = Math.max(0, holding.bytes - report.checkedBytes);
    throw new VramError(
      "ERR_INTEGRITY",
      `${report.nonZeroBytes} bytes remain after the wipe and ${unchecked} were not checked: the memory is kept and not used again; release once more, or replace the device`,
      { shardId: slot.shardId, mismatches: [{ offset: 0, bytes: holding.bytes }], more: 0 },
    );
  }
  holding.wiped = true;
}

async function free(core: Core, holding: Holding): Promise<void> {
  try {
    await core.allocator.free(holding.id);
  } catch (error) {
    // The answer to an earlier free was lost, and the id is stale now: it took effect.
    if (holding.freeFailed && hasCode(error, "ERR_STATE")) return;
    holding.freeFailed = true;
    throw error;
  }
}

function recordDeallocation(
  core: Core,
  device: Device,
  slot: Slot,
  facts: Pick<AuditEventData["VramDeallocated"], "reason" | "wiped" | "freedBytes" | "madeWritable">,
): Promise<void> {
  return core.journal.note("VramDeallocated", {
    shardId: slot.shardId,
    gpuDevice: slot.device,
    ...facts,
    usedBytes: device.ledger.chargedBytes,
    workerId: core.journal.workerId,
  });
}

async function degrade(core: Core, device: Device, reason: string): Promise<void> {
  if (device.state !== "healthy") return;
  device.state = "degraded";
  await core.journal.note("DeviceQuarantined", {
    gpuDevice: device.facts.ordinal,
    state: "degraded",
    reason,
    workerId: core.journal.workerId,
  });
}

/** Whether the slot's device went away with what it held. */
export function isLost(slot: Slot): boolean {
  return slot.state === "lost";
}

/** Drops a slot whose device is lost; there is nothing to wipe or free. */
export function dropLost(core: Core, device: Device, slot: Slot): void {
  device.ledger.refund(slot.reservedBytes);
  slot.reservedBytes = 0;
  core.slots.drop(slot);
}

/**
 * Gives back what every slot holds, whatever fails on the way.
 *
 * @returns The first failure, after everything else was done.
 */
export async function giveBackAll(core: Core): Promise<unknown> {
  let failure: unknown;
  for (const slot of core.slots.all()) {
    const device = core.devices.get(slot.device);
    if (device === undefined) continue;
    if (isLost(slot)) dropLost(core, device, slot);
    else {
      await giveBack(core, device, slot, "closed").catch((error: unknown) => {
        failure ??= error;
      });
    }
  }
  return failure;
}

/**
 * Closes the book on a lost device: every shard on it is lost, once, and nothing is charged for it any more.
 *
 * Nothing is known of what the memory holds, so the log says `wiped: "unknown"`.
 */
export async function poison(core: Core, device: Device): Promise<void> {
  if (device.state === "lost") return;
  device.state = "lost";
  const { workerId } = core.journal;
  const gpuDevice = device.facts.ordinal;
  const slots = core.slots.all().filter((slot) => slot.device === gpuDevice);
  // Every state first, then the records: no call may find a shard sealed while the log is slow.
  for (const slot of slots) {
    slot.state = "lost";
    slot.main = undefined;
    slot.leaves = undefined;
    slot.reservedBytes = 0;
  }
  device.ledger.refund(device.ledger.chargedBytes);
  await core.journal.note("DeviceQuarantined", { gpuDevice, state: "lost", reason: "device lost", workerId });
  for (const { shardId, sealed } of slots) {
    const sealId = sealed?.body.sealId;
    await core.journal.note("VramLost", {
      shardId,
      ...(sealId === undefined ? {} : { sealId }),
      gpuDevice,
      reason: "device-lost",
      wiped: "unknown",
      workerId,
    });
  }
}
