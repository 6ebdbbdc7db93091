/**
 * An allocator around another that gives out no more than a limit: the shape of any adaptor.
 *
 * @module
 */
import {
  type AllocateOptions,
  type AllocationId,
  type Allocator,
  type Backend,
  type ByteCount,
  byteCount,
  type DeviceCapacity,
  type DeviceFacts,
  type DeviceIndex,
  type DigestOptions,
  type DigestReport,
  type IngestOptions,
  type IngestReport,
  type OpenedSource,
  type ResidencyEvidence,
  VramError,
  type WipeReport,
} from "@vram-residency/types";

/** Refuses what would take a device over `limitBytes`, and hands on everything else. */
export class LimitedAllocator<Inner extends Allocator> implements Allocator {
  readonly inner: Inner;
  readonly #limitBytes: number;
  #turn: Promise<unknown> = Promise.resolve();

  /** @param limitBytes - Most bytes that may be live on one device. */
  constructor(inner: Inner, limitBytes: number) {
    this.inner = inner;
    this.#limitBytes = limitBytes;
  }

  get backend(): Backend {
    return this.inner.backend;
  }

  async capacity(device: DeviceIndex): Promise<DeviceCapacity> {
    const real = await this.inner.capacity(device);
    const left = Math.max(0, Math.min(real.freeBytes, this.#limitBytes - real.oursBytes));
    // What the limit keeps back counts as in use by somebody else, so that the sum stays the device's.
    const withheld = real.freeBytes - left;
    return {
      ...real,
      freeBytes: byteCount(left, "freeBytes"),
      largestFreeBytes: byteCount(Math.min(real.largestFreeBytes, left), "largestFreeBytes"),
      foreignBytes: byteCount(real.foreignBytes + withheld, "foreignBytes"),
    };
  }

  allocate(device: DeviceIndex, bytes: ByteCount, options?: AllocateOptions): Promise<AllocationId> {
    // One after the other, or two callers would both be given the last bytes.
    const turn = this.#turn.then(() => this.#allocate(device, bytes, options));
    this.#turn = turn.catch(() => {});
    return turn;
  }

  async #allocate(device: DeviceIndex, bytes: ByteCount, options?: AllocateOptions): Promise<AllocationId> {
    const { freeBytes, largestFreeBytes, foreignBytes, granularityBytes } = await this.capacity(device);
    const neededBytes = Math.ceil(bytes / granularityBytes) * granularityBytes;
    if (neededBytes > freeBytes) {
      const message = `${neededBytes} bytes are over the limit of device ${device}: release shards, or raise the limit`;
      throw new VramError("ERR_VRAM_INSUFFICIENT", message, {
        device,
        neededBytes,
        availableBytes: freeBytes,
        largestFreeBytes,
        foreignBytes,
      });
    }
    return await this.inner.allocate(device, bytes, options);
  }

  devices(): Promise<readonly DeviceFacts[]> {
    return this.inner.devices();
  }

  ingest(id: AllocationId, source: OpenedSource, options: IngestOptions): Promise<IngestReport> {
    return this.inner.ingest(id, source, options);
  }

  digest(id: AllocationId, options: DigestOptions): Promise<DigestReport> {
    return this.inner.digest(id, options);
  }

  readBlocks(id: AllocationId, offset: ByteCount, bytes: ByteCount): Promise<Uint8Array> {
    return this.inner.readBlocks(id, offset, bytes);
  }

  writeBlocks(id: AllocationId, offset: ByteCount, bytes: Uint8Array): Promise<void> {
    return this.inner.writeBlocks(id, offset, bytes);
  }

  protect(id: AllocationId, access: "read" | "read-write"): Promise<void> {
    return this.inner.protect(id, access);
  }

  evidence(id: AllocationId): Promise<ResidencyEvidence> {
    return this.inner.evidence(id);
  }

  wipe(id: AllocationId): Promise<WipeReport> {
    return this.inner.wipe(id);
  }

  free(id: AllocationId): Promise<void> {
    return this.inner.free(id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.inner[Symbol.asyncDispose]();
  }
}
