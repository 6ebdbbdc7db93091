import { type Core, elapsedMs, timestamp } from "./core.ts";
import type { DeviceStatus, ShardStatus } from "./options.ts";

/** The live table as callers see it. */
export function shardStatuses(core: Core): readonly ShardStatus[] {
  const now = core.clock.mono();
  return core.slots.all().map(({ shardId: id, state, device, bytes, verified, group }) => ({
    id,
    state,
    device,
    bytes,
    ...(verified === undefined
      ? {}
      : { verifiedAt: timestamp(verified.wall), ageMs: elapsedMs(verified.mono, now) }),
    ...(group === undefined ? {} : { group }),
  }));
}

/** The devices as callers see them. */
export function deviceStatuses(core: Core): readonly DeviceStatus[] {
  return [...core.devices.values()].map(({ facts: { ordinal, uuid, name, backend }, state }) => ({
    device: ordinal,
    uuid,
    name,
    backend,
    state,
  }));
}
