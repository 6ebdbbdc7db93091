import {
  type AllocateOptions,
  type AllocationId,
  type Allocator,
  type ByteCount,
  type DeviceCapacity,
  type DeviceFacts,
  type DeviceIndex,
  type DigestOptions,
  type DigestReport,
  hasCode,
  type IngestOptions,
  type IngestReport,
  type OpenedSource,
  type ResidencyEvidence,
  VramError,
  type WipeReport,
} from "@vram-residency/types";

/** Told once per call that found a device gone. */
export type OnDeviceLost = (device: number, error: VramError<"ERR_DEVICE_LOST">) => void;

/**
 * An allocator that notices the loss of a device, whichever call hits it first, and never asks a lost device again.
 *
 * A sticky driver error must not be cleared by a later success, so the first one is final.
 */
export class GuardedAllocator implements Allocator {
  readonly #inner: Allocator;
  readonly #onLost: OnDeviceLost;
  readonly #lost = new Map<number, VramError<"ERR_DEVICE_LOST">>();

  constructor(inner: Allocator, onLost: OnDeviceLost) {
    this.#inner = inner;
    this.#onLost = onLost;
  }

  get backend(): "cuda" | "mock" {
    return this.#inner.backend;
  }

  devices(): Promise<readonly DeviceFacts[]> {
    return this.#inner.devices();
  }

  capacity(device: DeviceIndex): Promise<DeviceCapacity> {
    return this.#guard(device, () => this.#inner.capacity(device));
  }

  allocate(device: DeviceIndex, bytes: ByteCount, options?: AllocateOptions): Promise<AllocationId> {
    return this.#guard(device, () => this.#inner.allocate(device, bytes, options));
  }

  ingest(id: AllocationId, source: OpenedSource, options: IngestOptions): Promise<IngestReport> {
    return this.#guard(id.device, () => this.#inner.ingest(id, source, options));
  }

  digest(id: AllocationId, options: DigestOptions): Promise<DigestReport> {
    return this.#guard(id.device, () => this.#inner.digest(id, options));
  }

  readBlocks(id: AllocationId, offset: ByteCount, bytes: ByteCount): Promise<Uint8Array> {
    return this.#guard(id.device, () => this.#inner.readBlocks(id, offset, bytes));
  }

  writeBlocks(id: AllocationId, offset: ByteCount, bytes: Uint8Array): Promise<void> {
    return this.#guard(id.device, () => this.#inner.writeBlocks(id, offset, bytes));
  }

  protect(id: AllocationId, access: "read" | "read-write"): Promise<void> {
    return this.#guard(id.device, () => this.#inner.protect(id, access));
  }

  evidence(id: AllocationId): Promise<ResidencyEvidence> {
    return this.#guard(id.device, () => this.#inner.evidence(id));
  }

  wipe(id: AllocationId): Promise<WipeReport> {
    return this.#guard(id.device, () => this.#inner.wipe(id));
  }

  free(id: AllocationId): Promise<void> {
    return this.#guard(id.device, () => this.#inner.free(id));
  }

  /** @throws `ERR_STATE` where the backend has no descriptors. */
  exportFd(id: AllocationId): Promise<number> {
    return this.#guard(id.device, () => {
      if (this.#inner.exportFd !== undefined) return this.#inner.exportFd(id);
      const message = `the ${this.backend} backend cannot export memory: use a CUDA device`;
      throw new VramError("ERR_STATE", message, { state: "not exportable", expected: "exportable" });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inner[Symbol.asyncDispose]();
  }

  async #guard<Result>(device: number, call: () => Promise<Result>): Promise<Result> {
    this.#assertThere(device);
    try {
      const result = await call();
      // Another call may have found the device gone meanwhile: what this one says is worth nothing then.
      this.#assertThere(device);
      return result;
    } catch (error) {
      if (hasCode(error, "ERR_DEVICE_LOST") && !this.#lost.has(device)) {
        this.#lost.set(device, error);
        this.#onLost(device, error);
      }
      throw error;
    }
  }

  #assertThere(device: number): void {
    const error = this.#lost.get(device);
    if (error !== undefined) throw error;
  }
}
