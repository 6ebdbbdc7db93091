import { utf8 } from "@vram-residency/crypto";
import type { JsonObject, JsonValue } from "@vram-residency/types";

/** A seal that is recorded and that nothing has closed. */
export interface LiveSeal {
  readonly shardId: string;
  readonly sealId?: string;
  readonly gpuDevice: number;
  readonly workerId: string;
}

/** Longest list of seals in a record: what else `SegmentOpened` says needs the rest of a line. Unit: bytes. */
const LIST_BYTES_MAX = 8 * 1024;

/** Follows which seals live, record by record. */
export class LiveSeals {
  /** By shard: a new seal of a shard takes the place of the old one. */
  readonly #seals = new Map<string, LiveSeal>();

  get size(): number {
    return this.#seals.size;
  }

  list(): readonly LiveSeal[] {
    return [...this.#seals.values()];
  }

  /** Takes a record that is durable, in the order of the log. */
  take(type: string, data: JsonObject): void {
    const { shardId } = data;
    if (typeof shardId !== "string") return;
    if (type === "VramSealed")
      this.#seals.set(shardId, readSeal(data) ?? { shardId, gpuDevice: 0, workerId: "" });
    else if (type === "VramDeallocated" || type === "VramLost" || type === "ShardSuspended") {
      this.#seals.delete(shardId);
    }
  }

  /** The list as `SegmentOpened` carries it; undefined when it is too long for a record. */
  toJson(): readonly JsonObject[] | undefined {
    const list = this.list().map((seal) => ({ ...seal }));
    return utf8(JSON.stringify(list)).length > LIST_BYTES_MAX ? undefined : list;
  }

  /** Takes over what {@link LiveSeals.toJson} gave. @returns False when it is none. */
  restore(list: JsonValue | undefined): boolean {
    if (!Array.isArray(list)) return false;
    for (const item of list as readonly JsonValue[]) {
      const seal = typeof item === "object" && item !== null ? readSeal(item as JsonObject) : undefined;
      if (seal !== undefined) this.#seals.set(seal.shardId, seal);
    }
    return true;
  }
}

function readSeal({ shardId, sealId, gpuDevice, workerId }: JsonObject): LiveSeal | undefined {
  if (typeof shardId !== "string") return undefined;
  return {
    shardId,
    ...(typeof sealId === "string" ? { sealId } : {}),
    gpuDevice: typeof gpuDevice === "number" ? gpuDevice : 0,
    workerId: typeof workerId === "string" ? workerId : "",
  };
}
