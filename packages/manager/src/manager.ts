import { createPolicy, policyDigest } from "@vram-residency/policy";
import { openKeyRing } from "@vram-residency/seal";
import { fromHex, toHex } from "@vram-residency/crypto";
import {
  type ByteSource,
  deviceIndex,
  type ResidencyEvidence,
  type SealedShard,
  type ShardId,
  shardId,
  VramError,
} from "@vram-residency/types";
import {
  assertTensorsFit,
  parseByteSource,
  parseConfig,
  parseModelSize,
  parseSealOptions,
  parseVerifyOptions,
} from "@vram-residency/validation";
import { type Core, type Device, elapsedMs, timestamp, usableDevice } from "./core.ts";
import { DeviceQueue } from "./device-queue.ts";
import { GuardedAllocator } from "./guarded-allocator.ts";
import { dropLost, giveBack, isLost, poison } from "./holdings.ts";
import { Journal } from "./journal.ts";
import { Ledger } from "./ledger.ts";
import { openLiveSeal } from "./live-seal.ts";
import type {
  Capacity,
  DeviceStatus,
  ManagerParts,
  SealOptions,
  ShardStatus,
  VerifyOptions,
  VerifyReport,
} from "./options.ts";
import { assertPolicy } from "./policy-gate.ts";
import { repairNow } from "./repair-shard.ts";
import { publicError, Scope, type ScopeOptions } from "./scope.ts";
import { sealInto } from "./seal-shard.ts";
import { type Slot, SlotTable } from "./slots.ts";
import { openSource } from "./source.ts";
import { assertEvidence, takeTurn, verifyNow } from "./verify-shard.ts";

/** Most operations waiting for one device. */
const QUEUE_MAX = 4096;
const EPOCH_BYTES = 16;

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
   * `ERR_DRIVER_UNAVAILABLE` when no device answers. What is in `owned` is disposed then.
   */
  static async open(parts: ManagerParts): Promise<VramManager> {
    const owned = parts.owned ?? [];
    try {
      const closing = new AbortController();
      const core = await buildCore(parts, closing.signal);
      const manager = new VramManager(core, closing, owned);
      core.journal.assertReady();
      for (const device of core.devices.values()) await assertPolicy(core, device, { phase: "start" });
      return manager;
    } catch (error) {
      await disposeAll(owned);
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
      const id = checked.shardId ?? this.#newShardId();
      using scope = this.#scope(checked);
      const input = parseByteSource(source);
      await using opened = await openSource(input, core.fileSystem);
      const bytes = parseModelSize(opened.bytes, {
        maxModelBytes: core.config.maxModelBytes,
        deviceTotalBytes: device.facts.totalBytes,
      });
      const tensors = checked.tensors ?? [];
      assertTensorsFit(tensors, bytes);
      scope.enter("admission");
      const slot = core.slots.claim({
        shardId: id,
        device: device.facts.ordinal,
        bytes,
        nonce: toHex(core.random.bytes(16)),
        group: this.#groupOf(checked),
        tensors,
        exportable: checked.exportable ?? false,
        sourcePath: typeof input === "string" ? input : undefined,
      });
      return await sealInto(core, device, slot, opened, checked, scope);
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
      const core = this.#core;
      const checked = parseVerifyOptions(options);
      using scope = this.#scope(checked);
      const seal = await openLiveSeal(core, shard, { allowRevoked: false });
      const device = usableDevice(core, seal.slot.device);
      return await device.queue.run(scope.signal, () => verifyNow(core, device, seal, scope));
    });
  }

  /**
   * Asks the driver what it says of a shard's memory. No byte is hashed.
   *
   * @returns On the mock its `kind` is "mock", never "device".
   * @throws {@link VramError} as `verifySealed`.
   */
  attestResidency(shard: SealedShard): Promise<ResidencyEvidence> {
    return this.#operation(async () => {
      const core = this.#core;
      using scope = this.#scope({});
      const seal = await openLiveSeal(core, shard, { allowRevoked: false });
      const device = usableDevice(core, seal.slot.device);
      return await device.queue.run(scope.signal, async () => {
        const turn = takeTurn(core, seal, ["sealed", "quarantined"]);
        return await assertEvidence(core, turn);
      });
    });
  }

  /**
   * Rewrites damaged blocks from the original bytes, verifies the whole shard, and issues a new seal. The old one is stale.
   *
   * @param source - The bytes it was sealed from, readable at any place. Default: the file it was sealed from.
   * @throws {@link VramError} `ERR_INTEGRITY` when the source does not have the sealed bytes; `ERR_SOURCE`; as `verifySealed`.
   */
  repair(shard: SealedShard, source?: ByteSource): Promise<SealedShard> {
    return this.#operation(async () => {
      const core = this.#core;
      using scope = this.#scope({});
      const seal = await openLiveSeal(core, shard, { allowRevoked: false });
      const device = usableDevice(core, seal.slot.device);
      const input = source === undefined ? seal.slot.sourcePath : parseByteSource(source);
      if (input === undefined) {
        const message = "the shard was not sealed from a file: hand the original bytes to repair()";
        throw new VramError("ERR_SOURCE", message, { reason: "not-rereadable" });
      }
      await using opened = await openSource(input, core.fileSystem);
      const read = opened.readRange?.bind(opened);
      if (read === undefined) {
        const message = "a stream can be read only once: hand a file, a blob or an array to repair()";
        throw new VramError("ERR_SOURCE", message, { reason: "not-rereadable" });
      }
      if (opened.bytes !== seal.slot.bytes) {
        const message = `the source has ${opened.bytes} bytes, the shard ${seal.slot.bytes}: give the file it was sealed from`;
        throw new VramError("ERR_SOURCE", message, { reason: "changed" });
      }
      return await device.queue.run(scope.signal, () => repairNow(core, device, seal, read, scope));
    });
  }

  /**
   * Wipes a shard's memory, checks that it is zero, and gives it back. Accepts any live seal, also of a quarantined shard
   * or under a revoked key.
   *
   * @throws {@link VramError} `ERR_INTEGRITY` when the memory could not be wiped: it is then kept, and never used again.
   */
  release(shard: SealedShard): Promise<void> {
    return this.#operation(async () => {
      const core = this.#core;
      using scope = this.#scope({});
      const seal = await openLiveSeal(core, shard, { allowRevoked: true });
      const { slot } = seal;
      const device = core.devices.get(slot.device);
      if (device === undefined) return;
      if (isLost(slot)) return dropLost(core, device, slot);
      await device.queue.run(scope.signal, async () => {
        const turn = takeTurn(core, seal, ["sealed", "quarantined", "unwiped"]);
        await giveBack(core, device, turn.slot, "released");
      });
    });
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
    return this.#operation(async () => {
      const core = this.#core;
      using scope = this.#scope({});
      const seal = await openLiveSeal(core, shard, { allowRevoked: false });
      const device = usableDevice(core, seal.slot.device);
      return await device.queue.run(scope.signal, async () => {
        const { slot, main } = takeTurn(core, seal, ["sealed"]);
        if (slot.exportable) return await core.allocator.exportFd(main.id);
        const message = "the shard was not sealed exportable: seal it again with exportable: true";
        throw new VramError("ERR_STATE", message, { state: "not exportable", expected: "exportable" });
      });
    });
  }

  /**
   * How full a device is.
   *
   * @throws {@link VramError} `ERR_INPUT_INVALID`, `ERR_DEVICE_LOST`.
   */
  capacity(gpuDevice?: number): Promise<Capacity> {
    return this.#operation(async () => {
      const core = this.#core;
      const device = usableDevice(core, deviceIndex(gpuDevice ?? core.config.gpuDevice));
      return device.ledger.capacity(await core.allocator.capacity(device.facts.ordinal));
    });
  }

  /** Every shard in the table, in the order in which they were sealed. */
  shards(): readonly ShardStatus[] {
    const now = this.#core.clock.mono();
    return this.#core.slots.all().map(({ shardId: id, state, device, bytes, verified, group }) => ({
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

  /** Every device, by number. */
  devices(): readonly DeviceStatus[] {
    return [...this.#core.devices.values()].map(({ facts: { ordinal, uuid, name, backend }, state }) => ({
      device: ordinal,
      uuid,
      name,
      backend,
      state,
    }));
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
    let failure: unknown;
    for (const slot of core.slots.all()) {
      await this.#closeSlot(slot).catch((error: unknown) => {
        failure ??= error;
      });
    }
    await Promise.all(core.background);
    await core.journal.flush();
    core.ring[Symbol.dispose]();
    await disposeAll(this.#owned);
    if (failure !== undefined) throw publicError(failure);
  }

  async #closeSlot(slot: Slot): Promise<void> {
    const device = this.#core.devices.get(slot.device);
    if (device === undefined) return;
    if (isLost(slot)) dropLost(this.#core, device, slot);
    else await giveBack(this.#core, device, slot, "closed");
  }

  #newShardId(): ShardId {
    return shardId(`shard-${toHex(this.#core.random.bytes(16))}`);
  }

  #groupOf(options: ReturnType<typeof parseSealOptions>): Slot["group"] {
    const { group, shardIndex, totalShards } = options;
    if (group !== undefined) return group;
    if (shardIndex === undefined || totalShards === undefined) return undefined;
    // A place without a named group is a group of this load alone: two loads never share one by accident.
    return { id: toHex(this.#core.random.bytes(16)), index: shardIndex, total: totalShards };
  }

  #scope(options: ScopeOptions): Scope {
    const { timers, config } = this.#core;
    return new Scope(timers, this.#closing.signal, {
      ...options,
      deadlineMs: options.deadlineMs ?? config.deadlineMs,
    });
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

async function buildCore(parts: ManagerParts, closing: AbortSignal): Promise<Core> {
  const { clock, timers, random, fileSystem } = parts;
  const config = parseConfig(parts.config ?? {});
  const policy = createPolicy(parts.policy);
  const epoch = toHex(random.bytes(EPOCH_BYTES));
  const devices = new Map<number, Device>();
  const allocator = new GuardedAllocator(parts.allocator, (lost) => {
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

async function disposeAll(owned: readonly AsyncDisposable[]): Promise<void> {
  for (const part of [...owned].reverse()) await part[Symbol.asyncDispose]();
}
