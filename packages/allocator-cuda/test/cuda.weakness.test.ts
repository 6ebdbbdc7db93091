/** Devices and memory: what must not be wrong again. */
import { expect, test } from "bun:test";
import { sourceOf } from "@vram-residency/testing";
import { type AllocationId, byteCount, deviceIndex } from "@vram-residency/types";
import { Allocations } from "../src/allocations.ts";
import { Context } from "../src/context.ts";
import { CudaAllocator } from "../src/cuda-allocator.ts";
import { SYMBOLS } from "../src/symbols.ts";
import { ScriptedNative } from "./scripted-native.ts";

const BYTES = 64;

/** Every method of the port that reaches a device, called for an allocation there. */
const CALLS: readonly ((cuda: CudaAllocator, id: AllocationId) => Promise<unknown>)[] = [
  (cuda, { device }) => cuda.capacity(device),
  (cuda, { device }) => cuda.allocate(device, byteCount(BYTES, "bytes")),
  (cuda, id) => cuda.ingest(id, sourceOf(new Uint8Array(BYTES)), { identity: true, residency: "blake3" }),
  (cuda, id) => cuda.digest(id, { algorithm: "sha256" }),
  (cuda, id) => cuda.readBlocks(id, byteCount(0, "offset"), byteCount(1, "bytes")),
  (cuda, id) => cuda.writeBlocks(id, byteCount(0, "offset"), Uint8Array.of(1)),
  (cuda, id) => cuda.protect(id, "read"),
  (cuda, id) => cuda.evidence(id),
  (cuda, id) => cuda.wipe(id),
  (cuda, id) => cuda.exportFd(id),
  (cuda, id) => cuda.free(id),
];

test("W-12: every call of the library names the device of its own allocation, and none is set for later", async () => {
  const script = new ScriptedNative();
  const context = new Context(script.native, {}, {});
  const allocations = new Allocations(3);
  const library = { digest: "a".repeat(64), pinned: true, fake: false };
  const cuda = new CudaAllocator({
    context,
    allocations,
    library,
    uuids: ["0", "1", "2"],
    callMs: undefined,
  });
  const ids = [2, 0, 1].map((device) =>
    allocations.add({ device: deviceIndex(device), bytes: BYTES, handle: (1n << 32n) | BigInt(device) }),
  );

  const named: (readonly [name: string, device: unknown, meant: number])[] = [];
  for (const call of CALLS) {
    for (const id of ids) {
      void call(cuda, id).catch(() => {});
      const { name = "", args = [] } = script.submitted.at(-1) ?? {};
      named.push([name, args[1], id.device]);
    }
  }

  expect(named.filter(([, device, meant]) => device !== meant)).toEqual([]);
  const submits = Object.keys(SYMBOLS).filter((name) => /^vr_submit_(?!start|close|facts)/.test(name));
  expect([...new Set(named.map(([name]) => name))].sort()).toEqual(submits.sort());
  // Nothing that could be forgotten, or set by another call in between.
  expect(Object.keys(SYMBOLS).filter((name) => /set|current|select/i.test(name))).toEqual([]);
  await cuda[Symbol.asyncDispose]();
});

test("an id, however forged, reaches the library only as the handle of a live allocation", async () => {
  const script = new ScriptedNative();
  const context = new Context(script.native, {}, {});
  const allocations = new Allocations(1);
  const library = { digest: "a".repeat(64), pinned: true, fake: false };
  const cuda = new CudaAllocator({ context, allocations, library, uuids: ["0"], callMs: undefined });
  const id = allocations.add({ device: deviceIndex(0), bytes: BYTES, handle: (5n << 32n) | 7n });

  for (const forged of [
    { ...id, slot: 7 + 2 ** 32 },
    { ...id, generation: 5 + 2 ** 32 },
    { ...id, generation: 4 },
    { ...id, slot: "7" as never },
  ]) {
    for (const call of CALLS.slice(2)) await call(cuda, forged).catch(() => {});
  }

  expect(script.submitted).toEqual([]);
  await cuda[Symbol.asyncDispose]();
});
