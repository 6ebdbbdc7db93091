import { assertPort, reading, readOptions, refuseArgument } from "@vram-residency/crypto";
import type { ManagerParts } from "./options.ts";

const NAMES = [
  "allocator",
  "keys",
  "policy",
  "audit",
  "clock",
  "timers",
  "random",
  "fileSystem",
  "config",
  "requestedBackend",
  "owned",
] as const;

const ALLOCATOR_METHODS = [
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

/**
 * Looks at the parts of a manager before anything is taken from them. Configuration and policy have parsers of their own.
 *
 * @returns A copy, each part read once.
 * @throws `ERR_INPUT_INVALID` for a part that is missing, unknown, or lacks a method.
 */
export function readParts(from: ManagerParts): ManagerParts {
  const parts = readOptions(from, "parts", NAMES);
  assertPort(parts.allocator, "parts.allocator", ...ALLOCATOR_METHODS);
  assertPort(parts.keys, "parts.keys", "sealRoots");
  assertPort(parts.audit, "parts.audit", "append");
  assertPort(parts.clock, "parts.clock", "wall", "mono");
  assertPort(parts.timers, "parts.timers", "after", "yield");
  assertPort(parts.random, "parts.random", "bytes");
  assertPort(parts.fileSystem, "parts.fileSystem", "open");
  const { requestedBackend } = parts;
  if (requestedBackend !== undefined && !["auto", "cuda", "mock"].includes(requestedBackend)) {
    refuseArgument("parts.requestedBackend", "expected auto, cuda or mock");
  }
  return parts.owned === undefined ? parts : { ...parts, owned: readOwned(parts.owned) };
}

function readOwned(owned: readonly AsyncDisposable[]): readonly AsyncDisposable[] {
  const list = reading("parts.owned", () =>
    Array.isArray(owned)
      ? Array.from(owned as readonly AsyncDisposable[])
      : refuseArgument("parts.owned", "expected an array"),
  );
  for (const part of list) assertPort(part, "parts.owned", Symbol.asyncDispose);
  return list;
}
