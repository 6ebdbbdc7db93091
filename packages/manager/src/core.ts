/**
 * What the operations of one manager share: its parts, its tables, and the state of its devices.
 *
 * @module
 */
import type { Policy } from "@vram-residency/policy";
import type { KeyRing } from "@vram-residency/seal";
import {
  type Clock,
  type DeviceFacts,
  type FileSystem,
  type Random,
  type Timers,
  type VramConfig,
  VramError,
} from "@vram-residency/types";
import type { DeviceQueue } from "./device-queue.ts";
import type { GuardedAllocator } from "./guarded-allocator.ts";
import type { Journal } from "./journal.ts";
import type { Ledger } from "./ledger.ts";
import type { Patience } from "./limits.ts";
import type { DeviceState } from "./options.ts";
import type { SlotTable } from "./slots.ts";

/** One device: what it is, what was taken from it, who is next. */
export interface Device {
  readonly facts: DeviceFacts;
  readonly ledger: Ledger;
  readonly queue: DeviceQueue;
  state: DeviceState;
  /** The last policy decision that was recorded for it, so that only changes are. */
  decision: string | undefined;
}

/** Shared by the operations; built by the manager. */
export interface Core {
  readonly allocator: GuardedAllocator;
  readonly patience: Patience;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly fileSystem: FileSystem;
  readonly config: VramConfig;
  readonly requestedBackend: "auto" | "cuda" | "mock";
  readonly policy: Policy;
  /** SHA-256 of the policy in force. */
  readonly policyDigest: string;
  readonly ring: KeyRing;
  /** Shape: 32 hexadecimal digits. */
  readonly epoch: string;
  readonly journal: Journal;
  readonly slots: SlotTable;
  readonly devices: ReadonlyMap<number, Device>;
  /** Aborts when the manager closes. */
  readonly closing: AbortSignal;
  /** When this manager began. */
  readonly started: { readonly wall: number; readonly mono: bigint };
  /** How far the wall clock has run ahead of the monotonic one since then, as last recorded. Unit: ms. */
  clockSkewMs: number;
  /** Records of lost devices on their way to the log; at most one a device. They never reject. */
  readonly background: Promise<void>[];
  /** Seals issued in this epoch. */
  seals: number;
}

/**
 * Finds a device that can still be used.
 *
 * @throws {@link VramError} `ERR_INPUT_INVALID` when there is none of that number, `ERR_DEVICE_LOST`.
 */
export function usableDevice(core: Core, device: number): Device {
  const found = core.devices.get(device);
  if (found === undefined) {
    const reason = `there are ${core.devices.size} devices`;
    throw new VramError("ERR_INPUT_INVALID", `gpuDevice: ${reason}, numbered from 0`, {
      field: "gpuDevice",
      reason,
    });
  }
  if (found.state === "lost") {
    const message = `device ${device} is lost: restart the process`;
    throw new VramError("ERR_DEVICE_LOST", message, { device, driverCode: 0, restartNeeded: true });
  }
  return found;
}

/** A wall-clock time as the log and the seal write it. @returns RFC 3339, ms. */
export function timestamp(wallMs: number): string {
  return new Date(wallMs).toISOString();
}

/** Time between two monotonic readings. Unit: ms, whole. */
export function elapsedMs(from: bigint, to: bigint): number {
  return Number((to - from) / 1_000_000n);
}
