import {
  type AllocateOptions,
  type AllocationId,
  type Allocator,
  byteCount,
  type DeviceCapacity,
  type DeviceIndex,
  deviceIndex,
} from "@vram-residency/types";
import { seededRandom } from "../fakes/random.ts";
import { sourceOf } from "../fakes/source.ts";
import { sameBytes } from "./assert.ts";

/** How the suite obtains a fresh allocator with nothing allocated. */
export interface ContractSubject {
  readonly name: string;
  /** What an allocation's size is rounded up to. A power of two of at least 4096. Unit: bytes. */
  readonly granularity: number;
  /**
   * Makes an allocator.
   *
   * @param options - `capacityBytes` of every device, a multiple of the granularity, and how many devices.
   */
  create(options: { readonly capacityBytes: number; readonly devices: number }): Promise<Allocator>;
  /** Flips a bit in device memory, behind the port; also between the allocation's size and its rounded size. */
  corrupt?(allocator: Allocator, id: AllocationId, offset: number, bit: number): Promise<void>;
  /** False where `create` cannot set the capacity, as on a real device. Cases that fill a device are then skipped. */
  readonly setsCapacity?: boolean;
  /** How many devices there can be. Default 2. */
  readonly devicesMax?: number;
}

/** What a case needs of its subject; without it, the case is skipped. */
export interface ContractNeeds {
  readonly capacity?: true;
  readonly corrupt?: true;
  readonly devices?: number;
}

/** One promise of the port, and how to check it. */
export interface CaseDefinition {
  readonly name: string;
  readonly needs?: ContractNeeds;
  /** Device memory the case wants besides 16 granules. Default 8 MiB. Unit: bytes. */
  readonly roomBytes?: number;
  run(bench: Bench): Promise<void>;
}

/** Device 0. */
export const FIRST: DeviceIndex = deviceIndex(0);

/** An allocator under test, and what the cases do with it again and again. */
export class Bench {
  readonly allocator: Allocator;
  readonly subject: ContractSubject;
  /** Rounding of sizes. Unit: bytes. */
  readonly granule: number;
  /** What the allocator was created with. Unit: bytes. */
  readonly totalBytes: number;

  constructor(allocator: Allocator, subject: ContractSubject, totalBytes: number) {
    this.allocator = allocator;
    this.subject = subject;
    this.granule = subject.granularity;
    this.totalBytes = totalBytes;
  }

  /** `bytes` as the device counts them. */
  rounded(bytes: number): number {
    return Math.ceil(bytes / this.granule) * this.granule;
  }

  allocate(bytes: number, options?: AllocateOptions): Promise<AllocationId> {
    return this.allocator.allocate(FIRST, byteCount(bytes, "bytes"), options);
  }

  /** Allocates exactly enough for `bytes`, and fills it with them. */
  async filled(bytes: Uint8Array): Promise<AllocationId> {
    const id = await this.allocate(bytes.length);
    await this.fill(id, bytes);
    return id;
  }

  async fill(id: AllocationId, bytes: Uint8Array): Promise<void> {
    await this.allocator.ingest(id, sourceOf(bytes), { identity: false, residency: "fsverity-sha256" });
  }

  capacity(device: DeviceIndex = FIRST): Promise<DeviceCapacity> {
    return this.allocator.capacity(device);
  }

  read(id: AllocationId, offset: number, bytes: number): Promise<Uint8Array> {
    return this.allocator.readBlocks(id, byteCount(offset, "offset"), byteCount(bytes, "bytes"));
  }

  write(id: AllocationId, offset: number, bytes: Uint8Array): Promise<void> {
    return this.allocator.writeBlocks(id, byteCount(offset, "offset"), bytes);
  }

  /** Throws unless the allocation holds exactly these bytes. */
  async expectContent(id: AllocationId, expected: Uint8Array, what: string): Promise<void> {
    const step = 1 << 20;
    for (let offset = 0; offset < expected.length; offset += step) {
      const part = expected.subarray(offset, offset + step);
      sameBytes(await this.read(id, offset, part.length), part, `${what}, from byte ${offset}`);
    }
  }
}

/** Bytes that are the same for the same seed, and none of whose 4096-byte blocks is zero. */
export function pattern(bytes: number, seed: number): Uint8Array {
  return seededRandom(seed).bytes(bytes);
}
