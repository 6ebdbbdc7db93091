import {
  type ByteSource,
  deviceIndex,
  type ResidencyEvidence,
  type SealedShard,
  shardId,
  VramError,
} from "@vram-residency/types";
import {
  assertTensorsFit,
  parseByteSource,
  parseModelSize,
  parseSealOptions,
  parseVerifyOptions,
} from "@vram-residency/validation";
import { assembleCore, disposeAll, recordNative } from "./assemble.ts";
import { claimSlot } from "./claim.ts";
import { type Core, usableDevice } from "./core.ts";
import { dropLost, giveBack, giveBackAll, isLost } from "./holdings.ts";
import { Patience } from "./limits.ts";
import { matchLive } from "./live-seal.ts";
import type {
  Capacity,
  DeviceStatus,
  ManagerParts,
  SealOptions,
  ShardStatus,
  VerifyOptions,
  VerifyReport,
} from "./options.ts";
import { openOriginal } from "./original.ts";
import { readParts } from "./parts.ts";
import { assertPolicy } from "./policy-gate.ts";
import { repairNow } from "./repair-shard.ts";
import { publicError } from "./scope.ts";
import { sealInto } from "./seal-shard.ts";
import { inTurn, openScope, withSeal } from "./session.ts";
import { openWithin } from "./source.ts";
import { deviceStatuses, shardStatuses } from "./status.ts";
import { assertEvidence, takeTurn, verifyNow } from "./verify-shard.ts";

/**
 * Loads shards into device memory, seals them, and answers for them until they are released.
 *
 * The only place where seal, audit, policy and an allocator meet. Every method rejects with a `VramError`; whatever
 * fails leaves nothing behind, and no answer is given that is not in the log.
 *
 * @example
 * ```ts
 * await using manager = await VramManager.open(parts);
 * const shard = await manager.sealModel("model.safetensors");
 * const report = await manager.verifySealed(shard);
 * ```
 */
export class VramManager implements AsyncDisposable {
  readonly #core: Core;
  readonly #closing: AbortController;
  readonly #owned: readonly AsyncDisposable[];
  readonly #running = new Set<Promise<unknown>>();
  #closed: Promise<void> | undefined;

  private constructor(core: Core, closing: AbortController, owned: readonly AsyncDisposable[]) {
    this.#core = core;
    this.#closing = closing;
    this.#owned = owned;
  }

  /**
   * Puts a manager together: reads the configuration, opens the key ring under a fresh epoch, and asks the policy of
   * every device.
   *
   * @throws {@link VramError} `ERR_CONFIG_INVALID`, `ERR_POLICY_VIOLATION`, `ERR_AUDIT_UNAVAILABLE`,
   * `ERR_DRIVER_UNAVAILABLE` when no device answers. What is in `owned` is disposed then. `ERR_INPUT_INVALID` for parts
   * that are none: nothing is taken from them, or disposed.
   */
  static async open(from: ManagerParts): Promise<VramManager> {
    const parts = readParts(from);
    const owned = parts.owned ?? [];
    try {
      const closing = new AbortController();
      const core = await assembleCore(parts, closing.signal);
      const manager = new VramManager(core, closing, owned);
      core.journal.assertReady();
      await recordNative(core);
      for (const device of core.devices.values()) await assertPolicy(core, device, { phase: "start" });
      return manager;
    } catch (error) {
      await disposeAll(owned, new Patience(parts.timers));
      throw publicError(error);
    }
  }

  /**
   * Loads a shard into device memory and seals it.
   *
   * Policy, reservation, allocation, copy and hash, read-back from device memory, evidence, seal, log; then the shard.
   *
   * @throws {@link VramError} `ERR_INPUT_INVALID`, `ERR_SOURCE`, `ERR_STATE` (closed, id in use), `ERR_VRAM_INSUFFICIENT`,
   * `ERR_POLICY_VIOLATION`, `ERR_AUDIT_UNAVAILABLE`, `ERR_CANCELLED`, `ERR_DEADLINE`, `ERR_BUSY`, driver errors.
   */
  sealModel(source: ByteSource, options: SealOptions = {}): Promise<SealedShard> {
    return this.#operation(async () => {
      const core = this.#core;
      const checked = parseSealOptions(options);
      const device = usableDevice(core, checked.gpuDevice ?? deviceIndex(core.config.gpuDevice));
      using scope = openScope(this.#core, checked);
      const input = parseByteSource(source);
      scope.enter("source");
      await using opened = await openWithin(core, input, scope.signal);
      const bytes = parseModelSize(opened.source.bytes, { maxModelBytes: core.config.maxModelBytes });
      const tensors = checked.tensors ?? [];
      assertTensorsFit(tensors, bytes);
      scope.enter("admission");
      const slot = claimSlot(core, device, { bytes, tensors, source: input, options: checked });
      return await sealInto(core, device, slot, opened.source, checked, scope);
    });
  }

  /**
   * Hashes a sealed shard where it lies and compares it with its seal. What is verified is what lay there after the call.
   *
   * @throws {@link VramError} on any failure: `ERR_SEAL_VERIFICATION`, `ERR_INTEGRITY` (with the place of the damage),
   * `ERR_NOT_SEALED`, `ERR_POLICY_VIOLATION`, `ERR_STATE`, `ERR_AUDIT_UNAVAILABLE`, `ERR_DEVICE_LOST`, and as `sealModel`.
   */
  verifySealed(shard: SealedShard, options: VerifyOptions = {}): Promise<VerifyReport> {
    return this.#operation(async () => {
      const checked = parseVerifyOptions(options);
      return await withSeal(this.#core, shard, { ...checked, always: true }, (seal, scope) =>
        inTurn(this.#core, seal, scope, (device) => verifyNow(this.#core, device, seal, scope)),
      );
    });
  }

  /**
   * Asks the driver what it says of a shard's memory. No byte is hashed.
   *
   * @returns On the mock its `kind` is "mock", never "device".
   * @throws {@link VramError} as `verifySealed`.
   */
  attestResidency(shard: SealedShard): Promise<ResidencyEvidence> {
    return this.#operation(() =>
      withSeal(this.#core, shard, {}, (seal, scope) =>
        inTurn(this.#core, seal, scope, () => {
          const turn = takeTurn(this.#core, seal, ["sealed", "quarantined"]);
          return assertEvidence(this.#core, turn);
        }),
      ),
    );
  }

  /**
   * Rewrites damaged blocks from the original bytes, verifies the whole shard, and issues a new seal. The old one is stale.
   *
   * @param source - The bytes it was sealed from, readable at any place. Default: the file it was sealed from.
   * @throws {@link VramError} `ERR_INTEGRITY` when the source does not have the sealed bytes; `ERR_SOURCE`; as `verifySealed`.
   */
  repair(shard: SealedShard, source?: ByteSource): Promise<SealedShard> {
    return this.#operation(() =>
      withSeal(this.#core, shard, {}, async (seal, scope) => {
        await using original = await openOriginal(this.#core, seal.slot, source, scope.signal);
        const { readRange } = original;
        return await inTurn(this.#core, seal, scope, (device) =>
          repairNow(this.#core, device, seal, readRange, scope),
        );
      }),
    );
  }

  /**
   * Wipes a shard's memory, checks that it is zero, and gives it back. Accepts any live seal, also of a quarantined shard
   * or under a revoked key.
   *
   * @throws {@link VramError} `ERR_INTEGRITY` when the memory could not be wiped, `ERR_DEADLINE` when the allocator does not
   * answer: it is then kept, and never used again.
   */
  release(shard: SealedShard): Promise<void> {
    return this.#operation(() =>
      withSeal(this.#core, shard, { allowRevoked: true }, async (seal, scope) => {
        const core = this.#core;
        const device = core.devices.get(seal.slot.device);
        if (device === undefined) return;
        await device.queue.run(scope.signal, async () => {
          const slot = matchLive(core, seal.body);
          if (isLost(slot)) return dropLost(core, device, slot);
          takeTurn(core, seal, ["sealed", "quarantined", "unwiped"]);
          await giveBack(core, device, slot, "released");
        });
      }),
    );
  }

  /** The live seal of a shard, after a repair or a rotation; also of a quarantined one. */
  current(id: string): SealedShard | undefined {
    return this.#core.slots.find(shardId(id))?.sealed?.shard;
  }

  /**
   * A file descriptor through which another process can map the shard's memory.
   *
   * @throws {@link VramError} `ERR_STATE` when the shard was not sealed exportable, or its backend cannot export.
   */
  exportFd(shard: SealedShard): Promise<number> {
    return this.#operation(() =>
      withSeal(this.#core, shard, {}, (seal, scope) =>
        inTurn(this.#core, seal, scope, async () => {
          const { slot, main } = takeTurn(this.#core, seal, ["sealed"]);
          if (slot.exportable) return await this.#core.allocator.exportFd(main.id);
          const message = "the shard was not sealed exportable: seal it again with exportable: true";
          throw new VramError("ERR_STATE", message, { state: "not exportable", expected: "exportable" });
        }),
      ),
    );
  }

  /**
   * How full a device is.
   *
   * @throws {@link VramError} `ERR_INPUT_INVALID`, `ERR_DEVICE_LOST`.
   */
  capacity(gpuDevice?: number): Promise<Capacity> {
    return this.#operation(async () => {
      const core = this.#core;
      const device = usableDevice(
        core,
        deviceIndex(gpuDevice === undefined ? core.config.gpuDevice : gpuDevice),
      );
      return device.ledger.capacity(await core.allocator.capacity(device.facts.ordinal));
    });
  }

  /** Every shard in the table, in the order in which they were sealed. */
  shards(): readonly ShardStatus[] {
    return shardStatuses(this.#core);
  }

  /** Every device, by number. */
  devices(): readonly DeviceStatus[] {
    return deviceStatuses(this.#core);
  }

  /**
   * Cancels what runs, wipes and frees every shard, closes the book, and disposes what the manager owns. Twice is once.
   *
   * @throws {@link VramError} the first failure, after everything else has been done.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const core = this.#core;
    this.#closing.abort();
    await Promise.allSettled([...this.#running]);
    const failure = await giveBackAll(core);
    await Promise.all(core.background);
    await core.journal.flush();
    core.ring[Symbol.dispose]();
    const further = await disposeAll(this.#owned, core.patience);
    if (failure !== undefined || further !== undefined) throw publicError(failure ?? further);
  }

  /** Every public operation: refused when closed, waited for by `close`, and rejecting with coded errors only. */
  async #operation<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#closed !== undefined) {
      throw new VramError("ERR_STATE", "the manager is closed: open another one", {
        state: "closed",
        expected: "open",
      });
    }
    const running = work();
    this.#running.add(running);
    try {
      return await running;
    } catch (error) {
      throw publicError(error);
    } finally {
      this.#running.delete(running);
    }
  }
}
