import { toHex } from "@vram-residency/crypto";
import { type ByteCount, type ByteSource, shardId, type TensorRange } from "@vram-residency/types";
import type { ParsedSealOptions } from "@vram-residency/validation";
import type { Core, Device } from "./core.ts";
import type { Slot } from "./slots.ts";

/** What is known of a shard before anything is taken for it. */
export interface Request {
  readonly bytes: ByteCount;
  readonly tensors: readonly TensorRange[];
  readonly source: ByteSource;
  readonly options: ParsedSealOptions;
}

/**
 * Takes a slot of the live table for a new shard, under the id that was asked for or a random one.
 *
 * @throws {@link VramError} `ERR_STATE` when the id is in use, `ERR_BUSY` when the table is full.
 */
export function claimSlot(core: Core, device: Device, { bytes, tensors, source, options }: Request): Slot {
  return core.slots.claim({
    shardId: options.shardId ?? shardId(`shard-${toHex(core.random.bytes(16))}`),
    device: device.facts.ordinal,
    bytes,
    nonce: toHex(core.random.bytes(16)),
    group: groupOf(core, options),
    tensors,
    exportable: options.exportable ?? false,
    sourcePath: typeof source === "string" ? source : undefined,
  });
}

function groupOf(core: Core, { group, shardIndex, totalShards }: ParsedSealOptions): Slot["group"] {
  if (group !== undefined) return group;
  if (shardIndex === undefined || totalShards === undefined) return undefined;
  // A place without a named group is a group of this load alone: two loads never share one by accident.
  return { id: toHex(core.random.bytes(16)), index: shardIndex, total: totalShards };
}
