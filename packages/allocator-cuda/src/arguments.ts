/**
 * Arguments of the port from callers that no compiler checked. Each is read once, and copied.
 *
 * @module
 */
import { assertBytes, assertPort, reading, readOptions } from "@vram-residency/crypto";
import {
  type AllocateOptions,
  type AllocationId,
  BLOCK_TRANSFER_BYTES_MAX,
  byteCount,
  type DigestOptions,
  deviceIndex,
  type IngestOptions,
  type OpenedSource,
} from "@vram-residency/types";
import { VR } from "./constants.ts";
import { invalid } from "./errors.ts";

const BOUNDARY_BYTES_MAX = 4096;
const BLOCK_BYTES = 4096;
const SALT_BYTES_MAX = 32;
const LEAF_BYTES = 32;

/** @throws `ERR_INPUT_INVALID` for anything that no allocator could have given. */
export function readId(id: AllocationId, field = "id"): AllocationId {
  return reading(field, () => {
    const { device, slot, generation } = id;
    // Any other number is an id that was never issued, which the table says.
    if (typeof slot !== "number" || typeof generation !== "number") {
      throw invalid(field, "expected an id that allocate gave");
    }
    return { device: deviceIndex(device, `${field}.device`), slot, generation };
  });
}

/** @throws `ERR_INPUT_INVALID`. */
export function readAllocateOptions(from: AllocateOptions): AllocateOptions {
  const { align, exportable, signal } = readOptions(from, "options", ["align", "exportable", "signal"]);
  if (exportable !== undefined && typeof exportable !== "boolean") {
    throw invalid("exportable", "expected true or false");
  }
  return {
    ...(exportable === undefined ? {} : { exportable }),
    ...signalOf(signal),
    ...(align === undefined ? {} : { align: readAlign(align) }),
  };
}

function readAlign(from: NonNullable<AllocateOptions["align"]>): NonNullable<AllocateOptions["align"]> {
  const { boundary, offset } = readOptions(from, "align", ["boundary", "offset"]);
  const isPower = Number.isInteger(boundary) && boundary > 0 && (boundary & (boundary - 1)) === 0;
  if (!isPower || boundary > BOUNDARY_BYTES_MAX) {
    throw invalid("align.boundary", `expected a power of two from 1 to ${BOUNDARY_BYTES_MAX}`);
  }
  return { boundary, offset: byteCount(offset, "align.offset") };
}

/** @throws `ERR_INPUT_INVALID`. */
export function readIngestOptions(from: IngestOptions): IngestOptions {
  const fields = ["identity", "residency", "leaves", "signal", "onProgress"] as const;
  const { identity, residency, leaves, signal, onProgress } = readOptions(from, "options", fields);
  if (typeof identity !== "boolean") throw invalid("identity", "expected true or false");
  if (residency !== "fsverity-sha256" && residency !== "blake3") {
    throw invalid("residency", "expected fsverity-sha256 or blake3");
  }
  if (leaves !== undefined && residency === "blake3") throw invalid("leaves", "only fs-verity has leaves");
  return {
    identity,
    residency,
    ...signalOf(signal),
    ...callbackOf(onProgress),
    ...(leaves === undefined ? {} : { leaves: readId(leaves, "leaves") }),
  };
}

/** Room that the leaves of `bytes` bytes take, padded to a whole block. Unit: bytes. */
export function leavesRoom(bytes: number): number {
  const leafBytes = Math.ceil(bytes / BLOCK_BYTES) * LEAF_BYTES;
  return Math.ceil(leafBytes / BLOCK_BYTES) * BLOCK_BYTES;
}

/** Checked options of a digest, and the range they mean. */
export interface DigestRequest extends DigestOptions {
  readonly range: { readonly offset: number; readonly bytes: number };
}

/** @throws `ERR_INPUT_INVALID` unless the options fit an allocation of `bytes` bytes. */
export function readDigestOptions(from: DigestOptions, bytes: number): DigestRequest {
  const fields = ["algorithm", "range", "salt", "tree", "priority", "signal", "onProgress"] as const;
  const { algorithm, range, salt, tree, priority, signal, onProgress } = readOptions(from, "options", fields);
  if (algorithm !== "sha256" && algorithm !== "fsverity-sha256" && algorithm !== "blake3") {
    throw invalid("algorithm", "expected sha256, fsverity-sha256 or blake3");
  }
  if (tree !== undefined && tree !== "level1" && tree !== "leaves") {
    throw invalid("tree", "expected level1 or leaves");
  }
  if (priority !== undefined && priority !== "foreground" && priority !== "background") {
    throw invalid("priority", "expected foreground or background");
  }
  if (algorithm !== "fsverity-sha256" && (salt ?? tree) !== undefined) {
    throw invalid(salt === undefined ? "tree" : "salt", "only fs-verity takes a salt and has a tree");
  }
  const checked = range === undefined ? { offset: 0, bytes } : readRange(range, bytes);
  if (tree === "leaves" && checked.bytes > VR.LEAVES_RANGE_MAX) {
    throw invalid("range", "expected at most 1 GiB when the leaves are asked for");
  }
  return {
    algorithm,
    range: checked,
    ...(salt === undefined ? {} : { salt: readSalt(salt) }),
    ...(tree === undefined ? {} : { tree }),
    ...(priority === undefined ? {} : { priority }),
    ...signalOf(signal),
    ...callbackOf(onProgress),
  };
}

function readRange(from: NonNullable<DigestOptions["range"]>, bytes: number): DigestRequest["range"] {
  const named = readOptions(from, "range", ["offset", "bytes"]);
  const offset = byteCount(named.offset, "range.offset");
  const length = byteCount(named.bytes, "range.bytes");
  if (offset % BLOCK_BYTES !== 0) throw invalid("range.offset", "expected a multiple of 4096");
  checkInside("range", offset, length, bytes);
  return { offset, bytes: length };
}

function readSalt(salt: Uint8Array): Uint8Array {
  assertBytes(salt, "salt");
  if (salt.length < 1 || salt.length > SALT_BYTES_MAX) throw invalid("salt", "expected 1 to 32 bytes");
  return salt.slice();
}

/** @throws `ERR_INPUT_INVALID` unless a read or write of so many bytes fits one call and the allocation. */
export function checkTransfer(offset: number, bytes: number, allocationBytes: number): void {
  byteCount(offset, "offset");
  if (byteCount(bytes, "bytes") > BLOCK_TRANSFER_BYTES_MAX) throw invalid("bytes", "expected at most 4 MiB");
  checkInside("offset", offset, bytes, allocationBytes);
}

/** Subtracting cannot overflow; adding could. */
function checkInside(field: string, offset: number, bytes: number, allocationBytes: number): void {
  if (offset > allocationBytes || bytes > allocationBytes - offset) {
    throw invalid(field, "expected a range inside the allocation");
  }
}

/** @throws `ERR_INPUT_INVALID` for anything that cannot be a source. @returns Its length. Unit: bytes. */
export function readSourceBytes(source: OpenedSource): number {
  assertPort(source, "source", "chunks");
  return byteCount(
    reading("source", () => source.bytes),
    "source.bytes",
  );
}

function signalOf(signal: AbortSignal | undefined): { readonly signal?: AbortSignal } {
  if (signal === undefined) return {};
  assertPort(signal, "signal", "addEventListener", "removeEventListener", "throwIfAborted");
  return { signal };
}

function callbackOf(onProgress: ((bytesDone: number) => void) | undefined): {
  readonly onProgress?: (bytesDone: number) => void;
} {
  if (onProgress === undefined) return {};
  if (typeof onProgress !== "function") throw invalid("onProgress", "expected a function");
  return { onProgress };
}
