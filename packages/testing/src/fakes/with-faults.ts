import type { Allocator, VramError } from "@vram-residency/types";

/** The operations of the port that can be made to fail. */
export const ALLOCATOR_OPERATIONS = [
  "devices",
  "capacity",
  "allocate",
  "ingest",
  "digest",
  "readBlocks",
  "writeBlocks",
  "protect",
  "evidence",
  "wipe",
  "free",
] as const;

/** One operation of the port. */
export type AllocatorOperation = (typeof ALLOCATOR_OPERATIONS)[number];

/** One call that fails. */
export interface CallFault {
  /** Which operation. "any": whichever is called. */
  readonly operation: AllocatorOperation | "any";
  /** Which call of it, counted from 1. */
  readonly at: number;
  readonly error: VramError;
  /** "before": the call never reaches the device. "after": it takes effect, and its answer is lost. Default "before". */
  readonly when?: "before" | "after";
}

/** An allocator that fails as scripted. */
export interface FaultyAllocator extends Allocator {
  /** How often an operation was called so far; "any": all of them together. */
  calls(operation?: AllocatorOperation | "any"): number;
  /** Which faults fired, in order, so that a test can tell that its fault was met. */
  fired(): readonly CallFault[];
}

/**
 * Wraps any allocator so that chosen calls reject, for loops that fail the n-th driver call for every n.
 *
 * Disposing of the wrapper disposes of what it wraps; that cannot be made to fail.
 */
export function withFaults(allocator: Allocator, script: readonly CallFault[]): FaultyAllocator {
  const counts = new Map<AllocatorOperation | "any", number>();
  const fired: CallFault[] = [];

  const due = (operation: AllocatorOperation): CallFault | undefined => {
    for (const name of [operation, "any"] as const) counts.set(name, (counts.get(name) ?? 0) + 1);
    return script.find((fault) => {
      const met = fault.operation === "any" || fault.operation === operation;
      return met && fault.at === counts.get(fault.operation);
    });
  };
  const guard = async <Result>(
    operation: AllocatorOperation,
    call: () => Promise<Result>,
  ): Promise<Result> => {
    const fault = due(operation);
    if (fault === undefined) return call();
    fired.push(fault);
    if (fault.when === "after") await call();
    throw fault.error;
  };

  return {
    backend: allocator.backend,
    calls: (operation = "any") => counts.get(operation) ?? 0,
    fired: () => fired,
    devices: () => guard("devices", () => allocator.devices()),
    capacity: (device) => guard("capacity", () => allocator.capacity(device)),
    allocate: (device, bytes, options) => guard("allocate", () => allocator.allocate(device, bytes, options)),
    ingest: (id, source, options) => guard("ingest", () => allocator.ingest(id, source, options)),
    digest: (id, options) => guard("digest", () => allocator.digest(id, options)),
    readBlocks: (id, offset, bytes) => guard("readBlocks", () => allocator.readBlocks(id, offset, bytes)),
    writeBlocks: (id, offset, bytes) => guard("writeBlocks", () => allocator.writeBlocks(id, offset, bytes)),
    protect: (id, access) => guard("protect", () => allocator.protect(id, access)),
    evidence: (id) => guard("evidence", () => allocator.evidence(id)),
    wipe: (id) => guard("wipe", () => allocator.wipe(id)),
    free: (id) => guard("free", () => allocator.free(id)),
    ...(allocator.exportFd === undefined ? {} : { exportFd: allocator.exportFd.bind(allocator) }),
    [Symbol.asyncDispose]: () => allocator[Symbol.asyncDispose](),
  };
}
