import { assertBytes } from "@vram-residency/crypto";
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
  type WipeReport,
} from "@vram-residency/types";
import type { Allocation, Allocations } from "./allocations.ts";
import {
  checkTransfer,
  leavesRoom,
  readAllocateOptions,
  readDigestOptions,
  readId,
  readIngestOptions,
  readSourceBytes,
} from "./arguments.ts";
import { STATUS, VR } from "./constants.ts";
import type { Context, Work } from "./context.ts";
import { digestWork } from "./digest.ts";
import { badSource, invalid } from "./errors.ts";
import { residencyEvidence } from "./evidence.ts";
import { deviceCapacity, deviceFacts } from "./facts.ts";
import { ingestWork } from "./ingest.ts";
import { DESCRIPTOR, VR_ALLOCATION, VR_CAPACITY, VR_DEVICE, VR_EVIDENCE, VR_WIPE_REPORT } from "./layouts.ts";

/** The native library behind an allocator. What the audit event `NativeLoaded` says, and whether the driver is a test's. */
export interface NativeLibrary {
  /** SHA-256 of the bytes that were loaded. Shape: 64 lowercase hexadecimal digits. */
  readonly digest: string;
  /** True when they are the bytes that somebody expected, and the driver is the machine's own. */
  readonly pinned: boolean;
  /** True when the driver says that it is a fake, which only tests accept. */
  readonly fake: boolean;
}

/** What a {@link CudaAllocator} is made of. */
export interface CudaParts {
  readonly context: Context;
  readonly allocations: Allocations;
  /** UUID of each device, by ordinal. */
  readonly uuids: readonly string[];
  readonly library: NativeLibrary;
  readonly callMs: number | undefined;
}

/** A `vr_submit_` function of one allocation, and nothing else. */
type SubmitOne = "vr_submit_free" | "vr_submit_evidence" | "vr_submit_wipe" | "vr_submit_export";

/**
 * Device memory of NVIDIA GPUs. Made by `openCuda`.
 *
 * Nothing here waits for a driver or a disk: the library works on threads of its own, and its answers come through the event
 * loop. No device address is ever seen.
 */
export class CudaAllocator implements Allocator {
  readonly backend: Backend = "cuda";
  /** The library that answers, for the log. */
  readonly library: NativeLibrary;
  readonly #context: Context;
  readonly #allocations: Allocations;
  readonly #uuids: readonly string[];
  readonly #callMs: number | undefined;

  constructor(parts: CudaParts) {
    this.library = parts.library;
    this.#context = parts.context;
    this.#allocations = parts.allocations;
    this.#uuids = parts.uuids;
    this.#callMs = parts.callMs;
  }

  async devices(): Promise<readonly DeviceFacts[]> {
    this.#context.assertOpen();
    const { digest, pinned } = this.library;
    return Promise.all(
      this.#uuids.map((_, device) =>
        this.#run<DeviceFacts>("devices", device, {
          submit: ({ native, context }, out) => native.vr_submit_facts(context, device, out),
          take: (ticket) => deviceFacts(ticket.report(VR_DEVICE), { digest, pinned }),
        }),
      ),
    );
  }

  async capacity(device: DeviceIndex): Promise<DeviceCapacity> {
    this.#context.assertOpen();
    this.#allocations.device(device);
    return this.#run("capacity", device, {
      submit: ({ native, context }, out) => native.vr_submit_capacity(context, device, out),
      take: (ticket) => deviceCapacity(ticket.report(VR_CAPACITY)),
    });
  }

  async allocate(device: DeviceIndex, bytes: ByteCount, from: AllocateOptions = {}): Promise<AllocationId> {
    const { align = { boundary: 1, offset: 0 }, exportable = false, signal } = readAllocateOptions(from);
    this.#context.assertOpen();
    this.#allocations.device(device);
    if (byteCount(bytes, "bytes") < 1) throw invalid("bytes", "expected at least 1");
    const flags = exportable ? VR.ALLOCATE_EXPORTABLE : 0;
    return this.#run("allocate", device, {
      signal,
      submit: ({ native, context }, out) =>
        native.vr_submit_allocate(context, device, bytes, align.boundary, align.offset, flags, out),
      take: (ticket) => this.#allocations.add({ device, bytes, handle: ticket.report(VR_ALLOCATION).handle }),
      undo: (id) => this.free(id),
    });
  }

  async ingest(of: AllocationId, source: OpenedSource, from: IngestOptions): Promise<IngestReport> {
    const options = readIngestOptions(from);
    const bytes = readSourceBytes(source);
    const target = this.#find(of);
    const leaves = options.leaves === undefined ? undefined : this.#allocations.find(options.leaves);
    if (leaves !== undefined) checkLeaves(target, leaves);
    if (bytes < target.bytes) throw badSource("truncated");
    if (bytes > target.bytes) throw badSource("changed");
    return this.#run("ingest", target.device, ingestWork(target, source, options, leaves));
  }

  async digest(of: AllocationId, from: DigestOptions): Promise<DigestReport> {
    const target = this.#find(of);
    return this.#run("digest", target.device, digestWork(target, readDigestOptions(from, target.bytes)));
  }

  async readBlocks(of: AllocationId, offset: ByteCount, bytes: ByteCount): Promise<Uint8Array> {
    const { device, handle, bytes: allocated } = this.#find(of);
    checkTransfer(offset, bytes, allocated);
    return this.#run("readBlocks", device, {
      submit: ({ native, context }, out) =>
        native.vr_submit_read(context, device, handle, offset, bytes, out),
      take: (ticket) => ticket.part(VR.PART_DATA),
    });
  }

  async writeBlocks(of: AllocationId, offset: ByteCount, bytes: Uint8Array): Promise<void> {
    assertBytes(bytes, "bytes");
    const { device, handle, bytes: allocated } = this.#find(of);
    checkTransfer(offset, bytes.length, allocated);
    // An array of no bytes would cross as null.
    const data = bytes.length === 0 ? new Uint8Array(1) : bytes;
    return this.#run("writeBlocks", device, {
      submit: ({ native, context }, out) =>
        native.vr_submit_write(context, device, handle, offset, data, bytes.length, out),
      take: () => undefined,
    });
  }

  async protect(of: AllocationId, access: "read" | "read-write"): Promise<void> {
    const { device, handle } = this.#find(of);
    if (access !== "read" && access !== "read-write") throw invalid("access", "expected read or read-write");
    const wanted = access === "read" ? VR.ACCESS_READ : VR.ACCESS_READ_WRITE;
    return this.#run("protect", device, {
      submit: ({ native, context }, out) => native.vr_submit_protect(context, device, handle, wanted, out),
      take: () => undefined,
    });
  }

  async evidence(of: AllocationId): Promise<ResidencyEvidence> {
    const target = this.#find(of);
    const uuid = this.#uuids[target.device] ?? "";
    return this.#onOne("evidence", "vr_submit_evidence", target, (ticket) =>
      residencyEvidence(
        ticket.report(VR_EVIDENCE),
        uuid,
        new TextDecoder().decode(ticket.part(VR.PART_OBSERVATIONS)),
      ),
    );
  }

  async wipe(of: AllocationId): Promise<WipeReport> {
    return this.#onOne("wipe", "vr_submit_wipe", this.#find(of), (ticket) => {
      const found = ticket.report(VR_WIPE_REPORT);
      return {
        bytes: byteCount(found.bytes, "bytes"),
        checkedBytes: byteCount(found.checked_bytes, "checkedBytes"),
        nonZeroBytes: byteCount(found.non_zero_bytes, "nonZeroBytes"),
      };
    });
  }

  async free(of: AllocationId): Promise<void> {
    const target = this.#find(of);
    const freed = this.#onOne(
      "free",
      "vr_submit_free",
      target,
      () => undefined,
      () => {
        // The library calls the handle stale from here on, and so does the table.
        this.#allocations.remove(target);
      },
    );
    return freed;
  }

  async exportFd(of: AllocationId): Promise<number> {
    return this.#onOne(
      "exportFd",
      "vr_submit_export",
      this.#find(of),
      (ticket) => ticket.report(DESCRIPTOR).fd,
    );
  }

  /** Ends every call that waits, then wipes and frees what is still allocated. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#context.close();
  }

  #onOne<Result>(
    name: string,
    submit: SubmitOne,
    { device, handle }: Allocation,
    take: Work<Result>["take"],
    onSubmitted: () => void = () => {},
  ): Promise<Result> {
    return this.#run(name, device, {
      submit: ({ native, context }, out) => {
        const status = native[submit](context, device, handle, out);
        if (status === STATUS.OK) onSubmitted();
        return status;
      },
      take,
    });
  }

  #run<Result>(name: string, device: number, work: Omit<Work<Result>, "stage">): Promise<Result> {
    const callMs = this.#callMs;
    const stage = { name, device, ...(callMs === undefined ? {} : { deadlineMs: callMs }) };
    return this.#context.run({ ...work, stage });
  }

  #find(id: AllocationId): Allocation {
    const named = readId(id);
    this.#context.assertOpen();
    return this.#allocations.find(named);
  }
}

function checkLeaves(target: Allocation, leaves: Allocation): void {
  if (leaves.handle === target.handle && leaves.device === target.device)
    throw invalid("leaves", "expected another allocation");
  if (leaves.device !== target.device) throw invalid("leaves", "expected an allocation of the same device");
  if (leaves.bytes < leavesRoom(target.bytes))
    throw invalid("leaves", "expected 32 bytes a block, rounded up to 4096");
}
