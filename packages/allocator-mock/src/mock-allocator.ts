import { assertBytes } from "@vram-residency/crypto";
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
  type ResidencyEvidence,
  type Timers,
  type WipeReport,
} from "@vram-residency/types";
import {
  checkSource,
  readAllocateOptions,
  readDigestOptions,
  readId,
  readIngestOptions,
} from "./arguments.ts";
import { type Allocation, MockDevice } from "./device.ts";
import { checkDigest, digest } from "./digest.ts";
import { invalid } from "./errors.ts";
import { mockEvidence } from "./evidence.ts";
import type { MockFault, MockOperation } from "./faults.ts";
import { Gate } from "./gate.ts";
import { checkLeaves, checkLength, ingest } from "./ingest.ts";
import { showInsides } from "./insides.ts";
import { type MockOptions, mockSettings } from "./options.ts";
import { passOf, staleReport } from "./pass.ts";
import { alignmentShift } from "./placement.ts";
import { mockUuid } from "./uuid.ts";
import { wipe } from "./wipe.ts";
import { mayWrite, type Work } from "./work.ts";
import { zeroAware } from "./zeros.ts";

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
  readonly #gate: Gate;
  readonly #digester: Digester;
  readonly #timers: Timers;
  #numbers = 0;

  /** @throws `ERR_INPUT_INVALID` for an option out of its range. */
  constructor(options: MockOptions) {
    const settings = mockSettings(options);
    const size = { totalBytes: settings.capacityBytes, granularityBytes: settings.granularityBytes };
    this.#digester = zeroAware(settings.digester);
    this.#timers = settings.timers;
    const devices = Array.from({ length: settings.devices }, (_, index) => {
      const device = new MockDevice(deviceIndex(index), mockUuid(settings.random), size);
      device.setForeignBytes(settings.foreignBytes);
      return device;
    });
    this.#gate = new Gate(devices, settings.timers);
    showInsides(this, this.#gate);
  }

  async devices(): Promise<readonly DeviceFacts[]> {
    this.#gate.open();
    return this.#gate.devices.map((device) => device.facts());
  }

  async capacity(device: DeviceIndex): Promise<DeviceCapacity> {
    return this.#gate.run({
      operation: "capacity",
      device,
      check: () => this.#gate.device(device),
      act: (target) => target.capacity(),
    });
  }

  async allocate(device: DeviceIndex, bytes: ByteCount, from: AllocateOptions = {}): Promise<AllocationId> {
    const options = readAllocateOptions(from);
    return this.#gate.run({
      operation: "allocate",
      device,
      signal: options.signal,
      check: () => {
        if (byteCount(bytes, "bytes") < 1) throw invalid("bytes", "expected at least 1");
        if (options.exportable === true) throw invalid("exportable", "the mock has no descriptor to export");
        return { on: this.#gate.device(device), shift: alignmentShift(options.align) };
      },
      act: ({ on, shift }, faults) => {
        if (faults.has("out-of-memory")) throw on.insufficient(bytes);
        return on.allocate(bytes, shift, { bufferId: this.#number(), blockId: this.#number() });
      },
    });
  }

  async ingest(of: AllocationId, source: OpenedSource, from: IngestOptions): Promise<IngestReport> {
    const id = readId(of);
    const options = readIngestOptions(from);
    checkSource(source);
    return this.#gate.run({
      operation: "ingest",
      device: id.device,
      signal: options.signal,
      check: () => {
        const allocation = this.#gate.find(id);
        const leaves = options.leaves === undefined ? undefined : this.#gate.find(options.leaves);
        mayWrite(allocation);
        checkLength(allocation, source);
        if (leaves !== undefined) checkLeaves(allocation, leaves, options.residency);
        return { allocation, leaves };
      },
      act: async ({ allocation, leaves }, faults) => {
        const report = await ingest(this.#work(allocation, faults, options.signal), source, options, leaves);
        const { residency: digest, level1 } = report;
        const whole = { offset: 0, bytes: allocation.bytes };
        const found = { digest, ...(level1 === undefined ? {} : { level1 }) };
        allocation.lastPass = passOf(options.residency, whole, found);
        return report;
      },
    });
  }

  async digest(of: AllocationId, from: DigestOptions): Promise<DigestReport> {
    const id = readId(of);
    const options = readDigestOptions(from);
    return this.#gate.run({
      operation: "digest",
      device: id.device,
      signal: options.signal,
      check: () => {
        const allocation = this.#gate.find(id);
        return { allocation, range: checkDigest(allocation.bytes, options) };
      },
      act: async ({ allocation, range }, faults) => {
        const report = await digest(this.#work(allocation, faults, options.signal), options, range);
        if (faults.has("stale-digest"))
          return staleReport(report, options.algorithm, range, allocation.lastPass);
        allocation.lastPass = passOf(options.algorithm, range, report);
        return report;
      },
    });
  }

  async readBlocks(id: AllocationId, offset: ByteCount, bytes: ByteCount): Promise<Uint8Array> {
    return this.#onOne("readBlocks", id, {
      check: (allocation) => checkTransfer(allocation, offset, bytes),
      act: ({ device, address }) => device.memory.read(address + offset, bytes),
    });
  }

  async writeBlocks(id: AllocationId, offset: ByteCount, bytes: Uint8Array): Promise<void> {
    assertBytes(bytes, "bytes");
    return this.#onOne("writeBlocks", id, {
      check: (allocation) => {
        checkTransfer(allocation, offset, bytes.length);
        mayWrite(allocation);
      },
      act: ({ device, address }) => device.memory.write(address + offset, bytes),
    });
  }

  async protect(id: AllocationId, access: "read" | "read-write"): Promise<void> {
    return this.#onOne("protect", id, {
      check: () => {
        if (access !== "read" && access !== "read-write")
          throw invalid("access", "expected read or read-write");
      },
      act: (allocation) => {
        allocation.access = access;
      },
    });
  }

  async evidence(id: AllocationId): Promise<ResidencyEvidence> {
    return this.#onOne("evidence", id, { check: () => {}, act: mockEvidence });
  }

  async wipe(id: AllocationId): Promise<WipeReport> {
    return this.#onOne("wipe", id, {
      check: mayWrite,
      act: (allocation, faults) => wipe(this.#work(allocation, faults, undefined)),
    });
  }

  async free(id: AllocationId): Promise<void> {
    return this.#onOne("free", id, { check: () => {}, act: ({ device }, _, own) => device.release(own) });
  }

  /** Ends every call that waits. What is still allocated goes with the allocator. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#gate.close();
  }

  /** Runs a call without a signal on one allocation. */
  async #onOne<Result>(
    operation: MockOperation,
    of: AllocationId,
    call: {
      check(allocation: Allocation): void;
      act(allocation: Allocation, faults: ReadonlySet<MockFault>, id: AllocationId): Result | Promise<Result>;
    },
  ): Promise<Result> {
    const id = readId(of);
    return this.#gate.run({
      operation,
      device: id.device,
      check: () => {
        const allocation = this.#gate.find(id);
        call.check(allocation);
        return allocation;
      },
      act: (allocation, faults) => call.act(allocation, faults, id),
    });
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
      open: () => this.#gate.open(),
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
