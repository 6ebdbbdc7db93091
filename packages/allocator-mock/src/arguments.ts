/**
 * Arguments of the port from callers that no compiler checked. Each is read once, and copied.
 *
 * @module
 */
import { assertBytes, assertPort, reading, readOptions } from "@vram-residency/crypto";
import {
  type AllocateOptions,
  type AllocationId,
  byteCount,
  type DigestOptions,
  deviceIndex,
  type IngestOptions,
  type OpenedSource,
} from "@vram-residency/types";
import { invalid } from "./errors.ts";

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
  const options = readOptions(from, "options", ["align", "exportable", "signal"]);
  const { align, exportable } = options;
  if (exportable !== undefined && typeof exportable !== "boolean") {
    throw invalid("exportable", "expected true or false");
  }
  checkSignal(options.signal);
  return align === undefined
    ? options
    : { ...options, align: readOptions(align, "align", ["boundary", "offset"]) };
}

/** @throws `ERR_INPUT_INVALID`. */
export function readIngestOptions(from: IngestOptions): IngestOptions {
  const names = ["identity", "residency", "leaves", "signal", "onProgress"] as const;
  const options = readOptions(from, "options", names);
  const { identity, residency, leaves } = options;
  if (typeof identity !== "boolean") throw invalid("identity", "expected true or false");
  if (residency !== "fsverity-sha256" && residency !== "blake3") {
    throw invalid("residency", "expected fsverity-sha256 or blake3");
  }
  checkSignal(options.signal);
  checkCallback(options.onProgress);
  return leaves === undefined ? options : { ...options, leaves: readId(leaves, "leaves") };
}

/** @throws `ERR_INPUT_INVALID`. */
export function readDigestOptions(from: DigestOptions): DigestOptions {
  const names = ["algorithm", "range", "salt", "tree", "priority", "signal", "onProgress"] as const;
  const options = readOptions(from, "options", names);
  const { range, salt, tree, priority } = options;
  if (salt !== undefined) assertBytes(salt, "salt");
  if (tree !== undefined && tree !== "level1" && tree !== "leaves") {
    throw invalid("tree", "expected level1 or leaves");
  }
  if (priority !== undefined && priority !== "foreground" && priority !== "background") {
    throw invalid("priority", "expected foreground or background");
  }
  checkSignal(options.signal);
  checkCallback(options.onProgress);
  return {
    ...options,
    ...(range === undefined ? {} : { range: readOptions(range, "range", ["offset", "bytes"]) }),
    ...(salt === undefined ? {} : { salt: salt.slice() }),
  };
}

/** @throws `ERR_INPUT_INVALID` for anything that cannot be a source. */
export function checkSource(source: OpenedSource): void {
  assertPort(source, "source", "chunks");
  byteCount(
    reading("source", () => source.bytes),
    "source.bytes",
  );
}

function checkSignal(signal: AbortSignal | undefined): void {
  if (signal === undefined) return;
  assertPort(signal, "signal", "addEventListener", "removeEventListener", "throwIfAborted");
}

function checkCallback(onProgress: unknown): void {
  if (onProgress !== undefined && typeof onProgress !== "function") {
    throw invalid("onProgress", "expected a function");
  }
}
