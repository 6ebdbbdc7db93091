import { footprint, leavesRoom, placement } from "@vram-residency/manager";
import { byteCount, VramError } from "@vram-residency/types";
import type { ResidencyPlan } from "./plan.ts";

/** What one device has for new shards. */
export interface DeviceRoom {
  readonly gpuDevice: number;
  /** As `VramManager.capacity` gives it: headroom and what others use taken off. Unit: bytes. */
  readonly availableBytes: number;
  /** What an allocation is rounded up to. A power of two from 4096. Unit: bytes. */
  readonly granularityBytes: number;
}

/** What a plan takes of one device. */
export interface DeviceFit {
  readonly gpuDevice: number;
  readonly shards: number;
  /** The files themselves. Unit: bytes. */
  readonly shardBytes: number;
  /** The fs-verity leaves beside them, 0.78 %. Unit: bytes. */
  readonly leavesBytes: number;
  /** Both, placed and rounded as they will be. Unit: bytes. */
  readonly neededBytes: number;
  readonly availableBytes: number;
  readonly fits: boolean;
}

/** Options of {@link fitPlan}. */
export interface FitOptions {
  /** Whether the leaves are kept in device memory, as `config.storeLeaves` says. Default true. */
  readonly storeLeaves?: boolean;
}

/**
 * Says what a plan takes of each device, and whether it is there. Touches nothing.
 *
 * @param rooms - One for every device of the plan; further ones are reported with nothing on them.
 * @returns In the order of `rooms`. The plan fits when each of them does, on devices whose free memory is in one piece.
 * @throws {@link VramError} `ERR_INPUT_INVALID` for sizes that are none, a device named twice, or one of the plan's devices
 * missing.
 */
export function fitPlan(
  plan: ResidencyPlan,
  rooms: readonly DeviceRoom[],
  options: FitOptions = {},
): readonly DeviceFit[] {
  const known = new Set(rooms.map(({ gpuDevice }) => gpuDevice));
  if (known.size !== rooms.length) refuse("expected every device once");
  if (plan.shards.some(({ gpuDevice }) => !known.has(gpuDevice))) refuse("expected every device of the plan");
  return rooms.map((room) => fitDevice(plan, checkRoom(room), options.storeLeaves ?? true));
}

function fitDevice(plan: ResidencyPlan, room: DeviceRoom, storeLeaves: boolean): DeviceFit {
  const { gpuDevice, availableBytes, granularityBytes } = room;
  const shards = plan.shards.filter((shard) => shard.gpuDevice === gpuDevice);
  let shardBytes = 0;
  let leavesBytes = 0;
  let neededBytes = 0;
  for (const { bytes, payloadOffset } of shards) {
    const leaves = storeLeaves ? leavesRoom(bytes) : 0;
    shardBytes += bytes;
    leavesBytes += leaves;
    neededBytes +=
      footprint(bytes, granularityBytes, placement(payloadOffset)) + footprint(leaves, granularityBytes);
  }
  const fits = neededBytes <= availableBytes;
  return { gpuDevice, shards: shards.length, shardBytes, leavesBytes, neededBytes, availableBytes, fits };
}

function checkRoom(room: DeviceRoom): DeviceRoom {
  byteCount(room.availableBytes, "availableBytes");
  const granularity = byteCount(room.granularityBytes, "granularityBytes");
  if (granularity < 4096 || !Number.isInteger(Math.log2(granularity))) {
    refuse("expected a granularity that is a power of two from 4096");
  }
  return room;
}

function refuse(reason: string): never {
  throw new VramError("ERR_INPUT_INVALID", `rooms: ${reason}`, { field: "rooms", reason });
}
