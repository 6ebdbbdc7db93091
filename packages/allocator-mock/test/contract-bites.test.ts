/** Whether the contract suite notices an allocator that breaks its word: one broken mock for each promise. */
import { describe, expect, test } from "bun:test";
import { MockAllocator } from "@vram-residency/allocator-mock";
import { mockControl } from "@vram-residency/allocator-mock/testing";
import {
  allocatorContract,
  type ContractSubject,
  ContractViolation,
  seededRandom,
} from "@vram-residency/testing";
import { type AllocationId, type Allocator, byteCount, type DigestReport } from "@vram-residency/types";
import { systemTimers } from "@vram-residency/types/node";

type Broken = (mock: MockAllocator) => Partial<Allocator>;

/** By the case that must notice: methods that break one promise, in place of a mock's own. */
const BROKEN: { readonly [caseName: string]: Broken } = {
  "hands out zeroed memory": (mock) => ({
    async allocate(device, bytes, options) {
      const id = await mock.allocate(device, bytes, options);
      mockControl(mock).flipBit(id, 0, 0);
      return id;
    },
  }),
  "is honest about the largest allocation that would succeed": (mock) => ({
    async capacity(device) {
      const capacity = await mock.capacity(device);
      return { ...capacity, largestFreeBytes: capacity.freeBytes };
    },
  }),
  "accounts for every byte of a device": (mock) => ({
    async capacity(device) {
      const capacity = await mock.capacity(device);
      return { ...capacity, oursBytes: byteCount(Math.max(0, capacity.oursBytes - 1), "oursBytes") };
    },
  }),
  "refuses to free twice": (mock) => ({
    async free(id) {
      await mock.free(id).catch(() => undefined);
    },
  }),
  "never lets a stale id reach a later allocation": (mock) => {
    const ids: AllocationId[] = [];
    const real = (id: AllocationId): AllocationId => ids[id.slot] ?? id;
    return {
      async allocate(device, bytes, options) {
        const id = await mock.allocate(device, bytes, options);
        ids[id.slot] = id;
        return { ...id, generation: 1 };
      },
      readBlocks: (id, offset, bytes) => mock.readBlocks(real(id), offset, bytes),
      writeBlocks: (id, offset, bytes) => mock.writeBlocks(real(id), offset, bytes),
      free: (id) => mock.free(real(id)),
    };
  },
  "refuses to read or write past the end, also when offset and length overflow": (mock) => ({
    readBlocks: (id, offset, bytes) =>
      mock.readBlocks(id, offset, bytes).catch((error: unknown) => {
        if (offset + bytes > 6000) return new Uint8Array(bytes);
        throw error;
      }),
  }),
  "copies a source exactly, and reports the digests of what it copied": (mock) => ({
    async ingest(id, source, options) {
      const report = await mock.ingest(id, source, options);
      mockControl(mock).flipBit(id, source.bytes - 1, 0);
      return report;
    },
  }),
  "sees every later write, and remembers no earlier answer": (mock) => {
    const cache = new Map<string, DigestReport>();
    return {
      async digest(id, options) {
        const { signal: _signal, onProgress: _progress, ...asked } = options;
        const key = JSON.stringify({ id, asked });
        const report = cache.get(key) ?? (await mock.digest(id, options));
        cache.set(key, report);
        return report;
      },
    };
  },
  "gives the plain and the salted digest from one pass": (mock) => ({
    async digest(id, options) {
      const report = await mock.digest(id, options);
      return options.salt === undefined ? report : { ...report, salted: report.digest };
    },
  }),
  "digests a range as if it were a file of its own": (mock) => ({
    digest: (id, { range: _range, ...options }) => mock.digest(id, options),
  }),
  "writes the leaves into a second allocation, and zeros after the last": (mock) => ({
    ingest: (id, source, { leaves: _leaves, ...options }) => mock.ingest(id, source, options),
  }),
  "refuses every write to protected memory, and goes on reading it": (mock) => ({
    protect: async () => {},
    evidence: (id) => mock.evidence(id),
  }),
  "says in the evidence who may write, or that nothing enforces it": (mock) => ({
    async evidence(id) {
      const evidence = await mock.evidence(id);
      return { ...evidence, stable: { ...evidence.stable, access: "read-write" } };
    },
  }),
  "agrees with a model of its bookkeeping and content under any sequence of calls": (mock) => ({
    async wipe(id) {
      mockControl(mock).script([{ operation: "wipe", at: 1, fault: "wipe-nothing" }]);
      return { ...(await mock.wipe(id)), nonZeroBytes: byteCount(0, "nonZeroBytes") };
    },
  }),
  "wipes everything up to the rounded size, and says that it checked": (mock) => ({
    async wipe(id) {
      const report = await mock.wipe(id);
      return { ...report, checkedBytes: byteCount(report.bytes - 1, "checkedBytes") };
    },
  }),
  "gives the same stable evidence whatever is read or written in between": (mock) => {
    let calls = 0;
    return {
      async evidence(id) {
        const evidence = await mock.evidence(id);
        calls += 1;
        return { ...evidence, stable: { ...evidence.stable, blockId: String(calls) } };
      },
    };
  },
  "gives no two allocations the same evidence, not even one after the other": (mock) => ({
    async evidence(id) {
      const evidence = await mock.evidence(id);
      return { ...evidence, stable: { ...evidence.stable, bufferId: String(id.slot) } };
    },
  }),
  "names its own device, backend and size in the evidence": (mock) => ({
    evidence: async (id) => ({ ...(await mock.evidence(id)), kind: "device" }),
  }),
  "stops hashing when the signal is aborted, with its reason, and changes nothing": (mock) => ({
    digest: (id, options) =>
      mock.digest(id, options).catch((error: unknown) => {
        throw options.signal?.aborted === true ? new Error("aborted") : error;
      }),
  }),
  "reports progress that grows and ends at the size": (mock) => ({
    ingest: (id, source, { onProgress: _progress, ...options }) => mock.ingest(id, source, options),
  }),
  "can be disposed of twice, and answers nothing afterwards": (mock) => ({
    [Symbol.asyncDispose]: async () => {},
    devices: () => mock.devices(),
  }),
};

function subject(broken: Broken): ContractSubject {
  return {
    name: "broken",
    granularity: 4096,
    async create({ capacityBytes, devices }) {
      const mock = new MockAllocator({
        capacityBytes,
        devices,
        timers: systemTimers,
        random: seededRandom(1),
      });
      const overrides = broken(mock);
      return new Proxy<Allocator>(mock, {
        get(_, name) {
          const value: unknown = Reflect.get(name in overrides ? overrides : mock, name);
          return typeof value === "function" && !(name in overrides) ? value.bind(mock) : value;
        },
      });
    },
  };
}

describe("a broken mock is noticed by the case that", () => {
  test.each(Object.entries(BROKEN))("%s", async (name, broken) => {
    const [honest, caught] = [() => ({}), broken].map((one) =>
      allocatorContract(subject(one)).find((each) => each.name === name),
    );

    await honest?.run();
    await expect(caught?.run()).rejects.toThrow();
  });

  test("reports a broken promise with an error that says which, and where", async () => {
    const broken = BROKEN["hands out zeroed memory"] ?? (() => ({}));
    const [first] = allocatorContract(subject(broken));

    await expect(first?.run()).rejects.toThrow(ContractViolation);
    await expect(first?.run()).rejects.toThrow("fresh memory, from byte 0 differs at byte 0");
  });
});
