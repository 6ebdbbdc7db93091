import { encodeBase64 } from "@vram-residency/crypto";
import { encodeSealBody } from "@vram-residency/seal";
import {
  type AllocationId,
  invariant,
  type SealBody,
  type SealedShard,
  type SealRefusal,
  type StableEvidence,
  type TensorRange,
  VramError,
} from "@vram-residency/types";
import type { GroupPlace, ShardState } from "./options.ts";

/** Most live shards of one manager. */
export const SHARDS_MAX = 1_048_576;

/** One allocation of a slot: the shard's own, or that of its leaves. */
export interface Holding {
  readonly id: AllocationId;
  /** What was asked for. Unit: bytes. */
  readonly bytes: number;
  /** What the ledger was charged for it. Unit: bytes. */
  readonly chargedBytes: number;
  /** Whether the allocator was told to refuse writes. */
  protected: boolean;
  wiped: boolean;
  /** A free was asked for and failed: the allocator may have done it all the same. */
  freeFailed: boolean;
}

/** What sealing established; replaced as a whole by every new seal. */
export interface Sealed {
  readonly shard: SealedShard;
  readonly body: SealBody;
  readonly evidence: StableEvidence;
  /** One digest per 512 KiB. Folded up to the sealed digest before use, so it needs no protection of its own. */
  readonly level1: Uint8Array;
}

/** One row of the live table. */
export interface Slot {
  readonly index: number;
  readonly shardId: string;
  readonly device: number;
  readonly bytes: number;
  readonly nonce: string;
  readonly group: GroupPlace | undefined;
  readonly tensors: readonly TensorRange[];
  /** Its memory may be handed to another process. */
  readonly exportable: boolean;
  /** A file that can be read again for a repair. */
  readonly sourcePath: string | undefined;
  state: ShardState;
  /** Charged, but not yet allocated. Unit: bytes. */
  reservedBytes: number;
  main: Holding | undefined;
  leaves: Holding | undefined;
  sealed: Sealed | undefined;
  /** Start of the last successful pass: wall (ms) and monotonic (ns). */
  verified: { readonly wall: number; readonly mono: bigint } | undefined;
}

/** What a slot is claimed with. */
export type Claim = Pick<
  Slot,
  "shardId" | "device" | "bytes" | "nonce" | "group" | "tensors" | "exportable" | "sourcePath"
>;

/**
 * The live table: which shard lies in which slot, and which seal is the live one.
 *
 * A slot's generation rises with every new seal, also of the next shard that takes the slot, so a seal that names a slot
 * and a generation can never reach a later one.
 */
export class SlotTable {
  readonly #slots: (Slot | undefined)[] = [];
  readonly #generations: number[] = [];
  readonly #free: number[] = [];
  readonly #byId = new Map<string, Slot>();

  /** Every slot in use, by index. */
  all(): readonly Slot[] {
    return [...this.#byId.values()];
  }

  find(shardId: string): Slot | undefined {
    return this.#byId.get(shardId);
  }

  /**
   * Takes a slot for a new shard.
   *
   * @throws {@link VramError} `ERR_STATE` when the id is in use, `ERR_BUSY` when the table is full.
   */
  claim(claim: Claim): Slot {
    if (this.#byId.has(claim.shardId)) {
      const message = "a shard of this id is live: release it first, or give another id";
      throw new VramError("ERR_STATE", message, { state: "live", expected: "unused shardId" });
    }
    if (this.#byId.size >= SHARDS_MAX) {
      throw new VramError("ERR_BUSY", `${SHARDS_MAX} shards are live: release some`, {
        queue: "shards",
        limit: SHARDS_MAX,
      });
    }
    const index = this.#free.pop() ?? this.#slots.length;
    const slot: Slot = {
      ...claim,
      index,
      state: "reserved",
      reservedBytes: 0,
      main: undefined,
      leaves: undefined,
      sealed: undefined,
      verified: undefined,
    };
    this.#slots[index] = slot;
    this.#byId.set(slot.shardId, slot);
    return slot;
  }

  /** The generation the next seal of this slot carries. Counts up, also across occupants. */
  nextGeneration(slot: Slot): number {
    const next = (this.#generations[slot.index] ?? 0) + 1;
    this.#generations[slot.index] = next;
    return next;
  }

  /** Gives the slot back. */
  drop(slot: Slot): void {
    invariant(this.#slots[slot.index] === slot, "only the occupant leaves a slot");
    this.#slots[slot.index] = undefined;
    this.#free.push(slot.index);
    this.#byId.delete(slot.shardId);
  }

  /**
   * Finds the slot whose live seal is exactly this one.
   *
   * @param body - Checked by `openSeal`: authentic, and of this epoch.
   * @returns The slot, or why the seal is not the live one.
   */
  match(body: SealBody): Slot | SealRefusal {
    const slot = this.#slots[body.allocation.id];
    const live = slot?.sealed?.body;
    if (slot === undefined || live === undefined) return "stale-generation";
    const { generation, nonce } = body.allocation;
    if (generation !== live.allocation.generation || nonce !== live.allocation.nonce)
      return "stale-generation";
    if (!sameDevice(body.device, live.device)) return "wrong-device";
    if (body.policy !== live.policy) return "policy";
    // INVARIANT: whoever can make a body that differs from the issued one and still carries a good MAC has the key. Compared
    // as encoded from the checked body: what the caller's object says when it is read a second time does not matter.
    const issued = slot.sealed?.shard.seal.payload;
    return encodeBase64(encodeSealBody(body)) === issued ? slot : "not-issued";
  }
}

function sameDevice(a: SealBody["device"], b: SealBody["device"]): boolean {
  return (
    a.uuid === b.uuid &&
    a.ordinal === b.ordinal &&
    a.backend === b.backend &&
    a.pci === b.pci &&
    a.mig === b.mig
  );
}
