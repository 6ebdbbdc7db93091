/**
 * The port to device memory. Asynchronous throughout, because CUDA answers through tickets.
 *
 * Every implementation passes the contract suite of `@vram-residency/testing`, which is the precise form of these comments.
 *
 * @module
 */
import type { DigestAlgorithm, ResidencyAlgorithm } from "./digest.ts";
import type { Backend, DeviceCapacity, DeviceFacts, ResidencyEvidence } from "./facts.ts";
import type { OpenedSource } from "./source.ts";
import type { ByteCount, DeviceIndex, HexDigest } from "./units.ts";

/** Most bytes one `readBlocks` or `writeBlocks` may move. */
export const BLOCK_TRANSFER_BYTES_MAX: number = 4 * 1024 * 1024;

/** Names one live allocation: a slot and its generation, never an address. A stale one is refused with `ERR_STATE`. */
export interface AllocationId {
  readonly device: DeviceIndex;
  readonly slot: number;
  readonly generation: number;
}

/** Options of {@link Allocator.allocate}. */
export interface AllocateOptions {
  /**
   * Place the allocation so that byte `offset` of it lies on a multiple of `boundary` (a power of two up to 4096).
   *
   * Ranges begin at multiples of the granularity, so this moves the start by `(boundary - offset % boundary) % boundary`
   * bytes, which count as part of the range.
   */
  readonly align?: { readonly boundary: number; readonly offset: number };
  /** The allocation's handle can be exported to another process. */
  readonly exportable?: boolean;
  readonly signal?: AbortSignal;
}

/** Options of {@link Allocator.ingest}. */
export interface IngestOptions {
  /** Compute the identity digest of the very bytes that are copied. False when it is known from a digest cache. */
  readonly identity: boolean;
  readonly residency: ResidencyAlgorithm;
  /** A second allocation that receives the fs-verity leaves, 32 bytes a block, each 4096 bytes of it one level-1 input. */
  readonly leaves?: AllocationId;
  readonly signal?: AbortSignal;
  /** Called with the bytes copied so far, at most once a chunk. Unit: bytes. */
  readonly onProgress?: (bytesDone: number) => void;
}

/** What {@link Allocator.ingest} copied, and its digests, all taken over the bytes that were copied. */
export interface IngestReport {
  readonly bytes: ByteCount;
  readonly identity?: HexDigest;
  readonly residency: HexDigest;
  /** fs-verity only: one 32-byte digest per 128 blocks (512 KiB); of a single block, its leaf. Shape: 32 x ceil(bytes / 512 KiB). */
  readonly level1?: Uint8Array;
}

/** Options of {@link Allocator.digest}. */
export interface DigestOptions {
  readonly algorithm: DigestAlgorithm;
  /** Digest this range as if it were a whole file. The offset is a multiple of 4096. Default: everything. */
  readonly range?: { readonly offset: number; readonly bytes: number };
  /** 1 to 32 bytes, fs-verity only. The report then carries both the plain and the salted digest, from one pass. */
  readonly salt?: Uint8Array;
  /** fs-verity only: also return this level of the tree. */
  readonly tree?: "level1" | "leaves";
  /** A background pass gives way to foreground work. Default "foreground". */
  readonly priority?: "foreground" | "background";
  readonly signal?: AbortSignal;
  readonly onProgress?: (bytesDone: number) => void;
}

/** What lay in device memory after {@link Allocator.digest} was called. */
export interface DigestReport {
  readonly bytes: ByteCount;
  readonly digest: HexDigest;
  readonly salted?: HexDigest;
  /** As in {@link IngestReport}. */
  readonly level1?: Uint8Array;
  /** One 32-byte digest per 4096-byte block. */
  readonly leaves?: Uint8Array;
}

/** What {@link Allocator.wipe} found after zeroing, by reading all of it back. */
export interface WipeReport {
  /** Rounded size of the allocation: everything up to the granule is wiped. */
  readonly bytes: ByteCount;
  readonly checkedBytes: ByteCount;
  readonly nonZeroBytes: ByteCount;
}

/**
 * Device memory.
 *
 * Numbers are checked by the branded types; implementations check ids, states and ranges, and reject with the codes named
 * here. After `ERR_DEVICE_LOST` every call for that device rejects with it. Aborting a signal rejects promptly (within one
 * chunk) with the signal's reason, and leaves the allocation live.
 */
export interface Allocator extends AsyncDisposable {
  readonly backend: Backend;
  /** Every device, by ordinal. */
  devices(): Promise<readonly DeviceFacts[]>;
  /** @throws `ERR_INPUT_INVALID` for an unknown device, `ERR_DEVICE_LOST`. */
  capacity(device: DeviceIndex): Promise<DeviceCapacity>;
  /**
   * Allocates zeroed memory, readable and writable.
   *
   * @param bytes - At least 1.
   * @throws `ERR_VRAM_INSUFFICIENT`, `ERR_DRIVER_ALLOCATION`, `ERR_INPUT_INVALID`, `ERR_DEVICE_LOST`.
   */
  allocate(device: DeviceIndex, bytes: ByteCount, options?: AllocateOptions): Promise<AllocationId>;
  /**
   * Fills the whole allocation from `source`, and hashes what it copied.
   *
   * @throws `ERR_SOURCE` when the source is not exactly as long as the allocation, `ERR_STATE` when it is protected,
   * `ERR_DRIVER_COPY`, `ERR_DEVICE_LOST`.
   */
  ingest(id: AllocationId, source: OpenedSource, options: IngestOptions): Promise<IngestReport>;
  /**
   * Hashes what lies in device memory now. Nothing read before the call counts.
   *
   * @throws `ERR_INPUT_INVALID` for a bad range or salt, `ERR_DEVICE_LOST`.
   */
  digest(id: AllocationId, options: DigestOptions): Promise<DigestReport>;
  /** Copies at most 4 MiB to the host, for diagnosis, repair and tests. */
  readBlocks(id: AllocationId, offset: ByteCount, bytes: ByteCount): Promise<Uint8Array>;
  /** Writes at most 4 MiB. @throws `ERR_STATE` when the allocation is protected. */
  writeBlocks(id: AllocationId, offset: ByteCount, bytes: Uint8Array): Promise<void>;
  /** Changes who may write. Resolves also where the driver has no such protection; `evidence` then says "unenforced". */
  protect(id: AllocationId, access: "read" | "read-write"): Promise<void>;
  evidence(id: AllocationId): Promise<ResidencyEvidence>;
  /** Zeroes everything and reads it back. @throws `ERR_STATE` when the allocation is protected. */
  wipe(id: AllocationId): Promise<WipeReport>;
  /** Gives the memory back. The id is stale from then on. Does not wipe. */
  free(id: AllocationId): Promise<void>;
  /** A file descriptor for an exportable allocation. Absent where the backend has none. */
  exportFd?(id: AllocationId): Promise<number>;
}
