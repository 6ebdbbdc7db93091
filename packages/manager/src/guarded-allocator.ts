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
import type { Patience } from "./limits.ts";

/** Told once per call that found a device gone. */
export type OnDeviceLost = (device: number, error: VramError<"ERR_DEVICE_LOST">) => void;

/**
 * An allocator that notices the loss of a device, whichever call hits it first, and never asks a lost device again; and
 * that gives up on calls that hang.
 *
 * A sticky driver error must not be cleared by a later success, so the first one is final.
 */
export class GuardedAllocator implements Allocator {
  readonly #inner: Allocator;
  readonly #patience: Patience;
  readonly #onLost: OnDeviceLost;
  readonly #lost = new Map<number, VramError<"ERR_DEVICE_LOST">>();

  constructor(inner: Allocator, patience: Patience, onLost: OnDeviceLost) {
    this.#inner = inner;
    this.#patience = patience;
    this.#onLost = onLost;
  }

  get backend(): "cuda" | "mock" {
    return this.#inner.backend;
  }

  devices(): Promise<readonly DeviceFacts[]> {
    return this.#patience.run("devices", "devices", async () => await this.#inner.devices());
  }

  capacity(device: DeviceIndex): Promise<DeviceCapacity> {
    return this.#guard(device, `capacity ${device}`, "capacity", () => this.#inner.capacity(device));
  }

  allocate(device: DeviceIndex, bytes: ByteCount, options?: AllocateOptions): Promise<AllocationId> {
    const allocate = (): Promise<AllocationId> => this.#inner.allocate(device, bytes, options);
    // An allocation that comes after all is nobody's, and was never written to.
    const late = (id: AllocationId): void => void this.#inner.free(id).catch(() => {});
    return this.#guard(device, `allocate ${device}`, "allocate", allocate, options?.signal, late);
  }

  ingest(id: AllocationId, source: OpenedSource, options: IngestOptions): Promise<IngestReport> {
    return this.#on(id, "ingest", () => this.#inner.ingest(id, source, options), options.signal);
  }

  digest(id: AllocationId, options: DigestOptions): Promise<DigestReport> {
    return this.#on(id, "digest", () => this.#inner.digest(id, options), options.signal);
  }

  readBlocks(id: AllocationId, offset: ByteCount, bytes: ByteCount): Promise<Uint8Array> {
    return this.#on(id, "readBlocks", () => this.#inner.readBlocks(id, offset, bytes));
  }

  writeBlocks(id: AllocationId, offset: ByteCount, bytes: Uint8Array): Promise<void> {
    return this.#on(id, "writeBlocks", () => this.#inner.writeBlocks(id, offset, bytes));
  }

  protect(id: AllocationId, access: "read" | "read-write"): Promise<void> {
    return this.#on(id, "protect", () => this.#inner.protect(id, access));
  }

  evidence(id: AllocationId): Promise<ResidencyEvidence> {
    return this.#on(id, "evidence", () => this.#inner.evidence(id));
  }

  wipe(id: AllocationId): Promise<WipeReport> {
    return this.#on(id, "wipe", () => this.#inner.wipe(id));
  }

  free(id: AllocationId): Promise<void> {
    return this.#on(id, "free", () => this.#inner.free(id));
  }

  /** @throws `ERR_STATE` where the backend has no descriptors. */
  exportFd(id: AllocationId): Promise<number> {
    return this.#on(id, "exportFd", () => {
      if (this.#inner.exportFd !== undefined) return this.#inner.exportFd(id);
      const message = `the ${this.backend} backend cannot export memory: use a CUDA device`;
      throw new VramError("ERR_STATE", message, { state: "not exportable", expected: "exportable" });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inner[Symbol.asyncDispose]();
  }

  #on<Result>(
    id: AllocationId,
    stage: string,
    call: () => Promise<Result>,
    signal?: AbortSignal,
  ): Promise<Result> {
    return this.#guard(id.device, `${id.device}.${id.slot}.${id.generation}`, stage, call, signal);
  }

  async #guard<Result>(
    device: number,
    subject: string,
    stage: string,
    call: () => Promise<Result>,
    signal?: AbortSignal,
    late?: (result: Result) => void,
  ): Promise<Result> {
    this.#assertThere(device);
    try {
      const result = await this.#patience.run(subject, stage, async () => await call(), signal, late);
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
