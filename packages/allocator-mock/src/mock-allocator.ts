import { toHex } from "@vram-residency/crypto";
import {
  type AllocateOptions,
  type AllocationId,
  type Allocator,
  type Backend,
  BLOCK_TRANSFER_BYTES_MAX,
  type ByteCount,
  byteCount,
  type DeviceCapacity,
  type DeviceFacts,
  type DeviceIndex,
  type Digester,
  type DigestOptions,
  type DigestReport,
  deviceIndex,
  type IngestOptions,
  type IngestReport,
  type OpenedSource,
  type Random,
  type ResidencyEvidence,
  type Timers,
  type WipeReport,
} from "@vram-residency/types";
import { type Allocation, MockDevice } from "./device.ts";
import { checkDigest, digest } from "./digest.ts";
import { allocationFailed, closed, copyFailed, invalid } from "./errors.ts";
import { mockEvidence } from "./evidence.ts";
import { FaultPlan, type MockFault, type MockOperation } from "./faults.ts";
import { checkLeaves, checkLength, ingest } from "./ingest.ts";
import { showInsides } from "./insides.ts";
import { type MockOptions, mockSettings } from "./options.ts";
import { alignmentShift } from "./placement.ts";
import { Waiting } from "./waiting.ts";
import { wipe } from "./wipe.ts";
import { mayWrite, type Work } from "./work.ts";
import { zeroAware } from "./zeros.ts";

/** A call that passed its checks and met its faults. */
interface Entered<Target> {
  readonly target: Target;
  /** Faults that are left for the operation itself. */
  readonly faults: Set<MockFault>;
}

/**
 * Device memory in host memory, for development and CI.
 *
 * As strict as the port: zeroed memory, enforced capacity, generations, protection. Everything it says of itself says "mock",
 * so nothing can take it for a device. Memory is made when something other than zero is written, so large and sparse models
 * cost little. What tests need besides is in `@vram-residency/allocator-mock/testing`.
 *
 * @example
 * ```ts
 * await using allocator = new MockAllocator({ timers: systemTimers, random: systemRandom });
 * const id = await allocator.allocate(deviceIndex(0), byteCount(4096, "bytes"));
 * ```
 */
export class MockAllocator implements Allocator {
  readonly backend: Backend = "mock";
  readonly #devices: readonly MockDevice[];
  readonly #digester: Digester;
  readonly #timers: Timers;
  readonly #waiting: Waiting;
  readonly #plan: FaultPlan = new FaultPlan();
  #numbers = 0;
  #closed = false;

  /** @throws `ERR_INPUT_INVALID` for an option out of its range. */
  constructor(options: MockOptions) {
    const settings = mockSettings(options);
    const size = { totalBytes: settings.capacityBytes, granularityBytes: settings.granularityBytes };
    this.#digester = zeroAware(settings.digester);
    this.#timers = settings.timers;
    this.#waiting = new Waiting(settings.timers);
    this.#devices = Array.from({ length: settings.devices }, (_, index) => {
      const device = new MockDevice(deviceIndex(index), mockUuid(settings.random), size);
      device.setForeignBytes(settings.foreignBytes);
      return device;
    });
    showInsides(this, {
      devices: this.#devices,
      plan: this.#plan,
      device: (index) => this.#device(index),
      find: (id) => this.#device(id.device).find(id),
    });
  }

  async devices(): Promise<readonly DeviceFacts[]> {
    this.#open();
    return this.#devices.map((device) => device.facts());
  }

  async capacity(device: DeviceIndex): Promise<DeviceCapacity> {
    const { target } = await this.#enter("capacity", device, undefined, () => this.#device(device));
    return target.capacity();
  }

  async allocate(
    device: DeviceIndex,
    bytes: ByteCount,
    options: AllocateOptions = {},
  ): Promise<AllocationId> {
    const { signal, align } = options;
    const { target, faults } = await this.#enter("allocate", device, signal, () => {
      if (byteCount(bytes, "bytes") < 1) throw invalid("bytes", "expected at least 1");
      if (options.exportable === true)
        throw invalid("exportable", "the mock has no file descriptors to export");
      return { device: this.#device(device), shift: alignmentShift(align) };
    });
    if (faults.has("out-of-memory")) throw target.device.insufficient(bytes);
    const bufferId = this.#number();
    return target.device.allocate(bytes, target.shift, { bufferId, blockId: this.#number() });
  }

  async ingest(id: AllocationId, source: OpenedSource, options: IngestOptions): Promise<IngestReport> {
    const { target, faults } = await this.#enter("ingest", id.device, options.signal, () => {
      const allocation = this.#find(id);
      const leaves = options.leaves === undefined ? undefined : this.#find(options.leaves);
      mayWrite(allocation);
      checkLength(allocation, source);
      if (leaves !== undefined) checkLeaves(allocation, leaves, options.residency);
      return { allocation, leaves };
    });
    const { allocation, leaves } = target;
    const report = await ingest(this.#work(allocation, faults, options.signal), source, options, leaves);
    const { residency, level1 } = report;
    const subject = subjectOf(options.residency, { offset: 0, bytes: allocation.bytes });
    allocation.lastPass = { subject, digest: residency, ...(level1 === undefined ? {} : { level1 }) };
    return report;
  }

  async digest(id: AllocationId, options: DigestOptions): Promise<DigestReport> {
    const { target, faults } = await this.#enter("digest", id.device, options.signal, () => {
      const allocation = this.#find(id);
      return { allocation, range: checkDigest(allocation.bytes, options) };
    });
    const { allocation, range } = target;
    const report = await digest(this.#work(allocation, faults, options.signal), options, range);
    const subject = subjectOf(options.algorithm, range);
    const last = allocation.lastPass;
    if (faults.has("stale-digest") && last?.subject === subject)
      return { ...report, ...staleAnswer(last, report) };
    const { salted, level1 } = report;
    allocation.lastPass = {
      subject,
      digest: report.digest,
      ...(salted === undefined ? {} : { salted }),
      ...(level1 === undefined ? {} : { level1 }),
    };
    return report;
  }

  async readBlocks(id: AllocationId, offset: ByteCount, bytes: ByteCount): Promise<Uint8Array> {
    const { target } = await this.#enter("readBlocks", id.device, undefined, () => {
      const allocation = this.#find(id);
      checkTransfer(allocation, offset, bytes);
      return allocation;
    });
    return target.device.memory.read(target.address + offset, bytes);
  }

  async writeBlocks(id: AllocationId, offset: ByteCount, bytes: Uint8Array): Promise<void> {
    const check = (): Allocation => {
      const allocation = this.#find(id);
      checkTransfer(allocation, offset, bytes.length);
      mayWrite(allocation);
      return allocation;
    };
    const { target } = await this.#enter("writeBlocks", id.device, undefined, check);
    target.device.memory.write(target.address + offset, bytes);
  }

  async protect(id: AllocationId, access: "read" | "read-write"): Promise<void> {
    const { target } = await this.#enter("protect", id.device, undefined, () => {
      if (access !== "read" && access !== "read-write")
        throw invalid("access", "expected read or read-write");
      return this.#find(id);
    });
    target.access = access;
  }

  async evidence(id: AllocationId): Promise<ResidencyEvidence> {
    const { target } = await this.#enter("evidence", id.device, undefined, () => this.#find(id));
    return mockEvidence(target);
  }

  async wipe(id: AllocationId): Promise<WipeReport> {
    const { target, faults } = await this.#enter("wipe", id.device, undefined, () => {
      const allocation = this.#find(id);
      mayWrite(allocation);
      return allocation;
    });
    return wipe(this.#work(target, faults, undefined));
  }

  async free(id: AllocationId): Promise<void> {
    const { target } = await this.#enter("free", id.device, undefined, () => this.#find(id));
    target.device.release(id);
  }

  /** Ends every call that waits. What is still allocated goes with the allocator. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#waiting.end(closed());
  }

  /**
   * Counts the call, checks it, and lets its scripted faults happen: waits, errors, the loss of the device.
   *
   * @param check - Throws what the call would be refused with. Asked again after a wait, because much may have changed.
   */
  async #enter<Target>(
    operation: MockOperation,
    index: DeviceIndex,
    signal: AbortSignal | undefined,
    check: () => Target,
  ): Promise<Entered<Target>> {
    const scripted = this.#plan.count(operation);
    const checked = (): Target => {
      this.#open();
      this.#device(index).answer();
      signal?.throwIfAborted();
      return check();
    };
    let target = checked();
    const faults = new Set<MockFault>();
    for (const one of scripted) {
      this.#plan.fire(one);
      if (one.fault === "hang") await this.#waiting.wait(undefined, signal);
      else if (typeof one.fault === "object") await this.#waiting.wait(one.fault.slowMs, signal);
      else if (!this.#strike(operation, index, one.fault)) faults.add(one.fault);
      target = checked();
    }
    return { target, faults };
  }

  /** Lets a fault happen that ends the call. @returns False for the others. */
  #strike(operation: MockOperation, index: DeviceIndex, fault: MockFault): boolean {
    const device = this.#device(index);
    if (fault === "driver-error") {
      throw operation === "allocate" ? allocationFailed(device.ordinal) : copyFailed(device.ordinal);
    }
    const lost = fault === "device-lost" || fault === "sticky";
    if (lost) device.lose(fault === "sticky");
    return lost;
  }

  #open(): void {
    if (this.#closed) throw closed();
  }

  #device(index: DeviceIndex): MockDevice {
    const device = this.#devices[index];
    if (device === undefined)
      throw invalid("device", `expected a device from 0 to ${this.#devices.length - 1}`);
    return device;
  }

  #find(id: AllocationId): Allocation {
    return this.#device(id.device).find(id);
  }

  #number(): number {
    this.#numbers += 1;
    return this.#numbers;
  }

  #work(allocation: Allocation, faults: ReadonlySet<MockFault>, signal: AbortSignal | undefined): Work {
    return {
      allocation,
      digester: this.#digester,
      timers: this.#timers,
      signal,
      faults,
      open: () => this.#open(),
    };
  }
}

function checkTransfer(allocation: Allocation, offset: number, bytes: number): void {
  byteCount(offset, "offset");
  if (byteCount(bytes, "bytes") > BLOCK_TRANSFER_BYTES_MAX) throw invalid("bytes", "expected at most 4 MiB");
  if (offset > allocation.bytes || bytes > allocation.bytes - offset) {
    throw invalid("offset", "expected a range inside the allocation");
  }
}

function subjectOf(algorithm: string, range: { readonly offset: number; readonly bytes: number }): string {
  return `${algorithm} ${range.offset} ${range.bytes}`;
}

/** A fresh report with the last pass's answers put in. */
function staleAnswer(last: NonNullable<Allocation["lastPass"]>, report: DigestReport): Partial<DigestReport> {
  return {
    digest: last.digest,
    ...(report.salted !== undefined && last.salted !== undefined ? { salted: last.salted } : {}),
    ...(report.level1 !== undefined && last.level1 !== undefined ? { level1: last.level1 } : {}),
  };
}

function mockUuid(random: Random): string {
  const bytes = random.bytes(16);
  // RFC 9562, section 5.4: version 4, variant 10.
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = toHex(bytes);
  return `MOCK-${[hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-")}`;
}
