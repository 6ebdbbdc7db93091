/**
 * What every operation on a sealed shard has in common: its limits, the check of its seal, its turn, and the record of why
 * it did nothing.
 *
 * @module
 */
import type { SealedShard } from "@vram-residency/types";
import { type Core, type Device, usableDevice } from "./core.ts";
import { type LiveSeal, openLiveSeal, recordRefusal } from "./live-seal.ts";
import { publicError, Scope, type ScopeOptions } from "./scope.ts";

/** Options of {@link withSeal}. */
export interface SessionOptions extends ScopeOptions {
  /** Also take the seal of a revoked key. */
  readonly allowRevoked?: boolean;
  /** Record every failure, not only what is wrong with the seal. */
  readonly always?: boolean;
}

/** The limits of one operation: the caller's, else the configuration's. */
export function openScope(core: Core, options: ScopeOptions): Scope {
  const deadlineMs = options.deadlineMs ?? core.config.deadlineMs;
  return new Scope(core.timers, core.closing, { ...options, deadlineMs });
}

/** Checks a seal, then works on what it names; records why it did nothing when it fails. */
export async function withSeal<Result>(
  core: Core,
  shard: SealedShard,
  options: SessionOptions,
  work: (seal: LiveSeal, scope: Scope) => Promise<Result>,
): Promise<Result> {
  using scope = openScope(core, options);
  let shardId = "unknown";
  try {
    const seal = openLiveSeal(core, shard, { allowRevoked: options.allowRevoked ?? false });
    shardId = seal.body.shard.id;
    return await work(seal, scope);
  } catch (error) {
    await recordRefusal(core, publicError(error), shardId, options.always ?? false);
    throw error;
  }
}

/** Works on a live shard when its device's turn has come. */
export async function inTurn<Result>(
  core: Core,
  seal: LiveSeal,
  scope: Scope,
  work: (device: Device) => Promise<Result>,
): Promise<Result> {
  const device = usableDevice(core, seal.slot.device);
  return await device.queue.run(scope.signal, () => work(device));
}
