/**
 * What a driver says: of a device, of its memory, of one allocation. Evidence, never "proof".
 *
 * @module
 */
import type { ByteCount, DeviceIndex } from "./units.ts";

/** Which kind of memory stands behind an allocator. */
export type Backend = "cuda" | "mock";

/** A fact the driver may have been unable to tell. Unknown is never "ok". */
export type Known<Fact> = Fact | "unknown";

/** One device as its driver describes it. Everything but `ordinal`, `uuid`, `name`, `backend`, `totalBytes` may be unknown. */
export interface DeviceFacts {
  readonly backend: Backend;
  readonly ordinal: DeviceIndex;
  /** `GPU-…` from the driver, `MOCK-…` from the mock. The identity of a device; the ordinal is not. */
  readonly uuid: string;
  readonly name: string;
  readonly totalBytes: ByteCount;
  /** PCI bus id, when there is a bus. */
  readonly pci?: string;
  /** MIG instance id, when the device is a slice. */
  readonly mig?: string;
  readonly computeCapability: Known<{ readonly major: number; readonly minor: number }>;
  /** Memory shared with the host, as on Tegra. */
  readonly integrated: Known<boolean>;
  readonly driverModel: Known<"linux" | "wsl" | "wddm" | "tcc">;
  /** Driver version as `major.minor.patch` text. */
  readonly driverVersion: Known<string>;
  /** Virtual memory management (`cuMemCreate`), which lets an allocation be pinned to a device and made read-only. */
  readonly vmm: Known<boolean>;
  /** Whether kernels can reach host memory: not at all, through HMM, or through ATS page tables. */
  readonly addressingMode: Known<"none" | "hmm" | "ats">;
  /** Device memory exposed to the operating system as a NUMA node. */
  readonly numaNode: Known<boolean>;
  readonly ecc: Known<"on" | "off">;
  readonly rowRemap: Known<"clean" | "pending" | "failed">;
  readonly migMode: Known<boolean>;
  readonly mps: Known<boolean>;
  /** The native library in use. "none" for an allocator without one. */
  readonly native: Known<"none" | { readonly digest: string; readonly pinned: boolean }>;
}

/** How full one device is. `total = free + ours + foreign`, all in bytes. */
export interface DeviceCapacity {
  readonly totalBytes: ByteCount;
  readonly freeBytes: ByteCount;
  /** Largest allocation that would succeed now. */
  readonly largestFreeBytes: ByteCount;
  /** What an allocation's size is rounded up to. */
  readonly granularityBytes: ByteCount;
  /** Rounded sizes of this allocator's live allocations. */
  readonly oursBytes: ByteCount;
  /** In use on the device, but not by this allocator. */
  readonly foreignBytes: ByteCount;
  /** Host memory that holds weights on their way to or from this device now. 0 when nothing is under way. */
  readonly stagingBytes: ByteCount;
}

/** Who may touch a range, as the driver enforces it. "unenforced": the driver has no such protection. */
export type Access = "none" | "read" | "read-write" | "unenforced";

/**
 * The part of the evidence that must never change while a seal lives. Hashed into the seal, compared at every verification.
 *
 * No address is in it: `bufferId` and `blockId` are the driver's never-reused numbers for the allocation.
 */
export interface StableEvidence {
  readonly backend: Backend;
  readonly path: "vmm" | "plain" | "mock";
  readonly deviceUuid: string;
  readonly ordinal: number;
  readonly location: Known<"device" | "host" | "host-numa" | "mock">;
  readonly memoryType: Known<"device" | "host" | "managed" | "mock">;
  readonly managed: Known<boolean>;
  /** Whether the driver gives a host pointer for the range. Must be false. */
  readonly hostPointer: Known<boolean>;
  /** Size of the driver's range around the shard. Unit: bytes. */
  readonly rangeBytes: number;
  readonly bufferId: string;
  readonly blockId: string;
  readonly access: Known<Access>;
  readonly handleTypes: readonly string[];
}

/** What was seen besides: recorded, never compared. Names follow NVML's. */
export type Observations = Readonly<Record<string, string | number | boolean | null>>;

/** What the driver says of one allocation, at one moment. On the mock `kind` is "mock", never "device". */
export interface ResidencyEvidence {
  readonly kind: "device" | "mock";
  readonly stable: StableEvidence;
  readonly observations: Observations;
}
