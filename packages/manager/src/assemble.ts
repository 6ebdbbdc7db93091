/**
 * Putting a manager together from its parts.
 *
 * @module
 */
import { fromHex, toHex } from "@vram-residency/crypto";
import { createPolicy, policyDigest } from "@vram-residency/policy";
import { openKeyRing } from "@vram-residency/seal";
import { VramError } from "@vram-residency/types";
import { parseConfig } from "@vram-residency/validation";
import type { Core, Device } from "./core.ts";
import { DeviceQueue } from "./device-queue.ts";
import { GuardedAllocator } from "./guarded-allocator.ts";
import { poison } from "./holdings.ts";
import { Journal } from "./journal.ts";
import { Ledger } from "./ledger.ts";
import { Patience } from "./limits.ts";
import type { ManagerParts } from "./options.ts";
import { SlotTable } from "./slots.ts";

/** Most operations waiting for one device. */
const QUEUE_MAX = 4096;
const EPOCH_BYTES = 16;

/**
 * Reads the configuration, opens the key ring under a fresh epoch, and looks at the devices.
 *
 * @param closing - Aborts when the manager closes.
 * @throws {@link VramError} `ERR_CONFIG_INVALID`, `ERR_DRIVER_UNAVAILABLE` when no device answers.
 */
export async function assembleCore(parts: ManagerParts, closing: AbortSignal): Promise<Core> {
  const { clock, timers, random, fileSystem } = parts;
  const config = parseConfig(parts.config === undefined ? {} : parts.config);
  const patience = new Patience(timers, config.deadlineMs);
  const policy = createPolicy(parts.policy);
  const epoch = toHex(random.bytes(EPOCH_BYTES));
  const devices = new Map<number, Device>();
  const allocator = new GuardedAllocator(parts.allocator, patience, (lost) => {
    const device = devices.get(lost);
    // The states change at once; the records follow, and closing waits for them.
    if (device !== undefined) core.background.push(poison(core, device));
  });
  for (const facts of await allocator.devices()) {
    const ledger = new Ledger(facts.ordinal, facts.backend, config.headroomBytes);
    devices.set(facts.ordinal, {
      facts,
      ledger,
      queue: new DeviceQueue(QUEUE_MAX),
      state: "healthy",
      decision: undefined,
    });
  }
  if (devices.size === 0) {
    const remedy = 'check the driver, or choose the mock by name: backend "mock"';
    throw new VramError("ERR_DRIVER_UNAVAILABLE", `no device answers: ${remedy}`, {
      missing: "a device",
      remedy,
    });
  }
  const core: Core = {
    allocator,
    patience,
    clock,
    timers,
    random,
    fileSystem,
    config,
    requestedBackend: parts.requestedBackend ?? parts.allocator.backend,
    policy,
    policyDigest: policyDigest(policy),
    ring: await openKeyRing(parts.keys, { deployment: config.deployment, epoch: fromHex(epoch) }),
    epoch,
    journal: new Journal(parts.audit, clock, timers, config.workerId),
    slots: new SlotTable(),
    devices,
    closing,
    started: { wall: clock.wall(), mono: clock.mono() },
    clockSkewMs: 0,
    background: [],
    seals: 0,
  };
  return core;
}

/**
 * Records each native library that the devices answer through, once.
 *
 * @throws {@link VramError} `ERR_AUDIT_UNAVAILABLE`: what answers must be on record before the first answer counts.
 */
export async function recordNative({ devices, journal }: Core): Promise<void> {
  const libraries = new Map<string, { readonly digest: string; readonly pinned: boolean }>();
  for (const { facts } of devices.values()) {
    if (typeof facts.native === "object") libraries.set(JSON.stringify(facts.native), facts.native);
  }
  for (const { digest, pinned } of libraries.values())
    await journal.record("NativeLoaded", { digest, pinned });
}

/**
 * Disposes parts, last first, whatever fails or hangs on the way.
 *
 * @returns The first failure, after everything else was done.
 */
export async function disposeAll(owned: readonly AsyncDisposable[], patience: Patience): Promise<unknown> {
  let failure: unknown;
  for (const part of [...owned].reverse()) {
    await patience.close(part).catch((error: unknown) => {
      failure ??= error;
    });
  }
  return failure;
}
