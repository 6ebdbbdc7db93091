import { describe, expect, test } from "bun:test";
import { VramManager } from "@vram-residency/manager";
import { randomKeys } from "@vram-residency/seal";
import {
  fakeClock,
  fakeTimers,
  memoryFileSystem,
  recordingSink,
  seededRandom,
} from "@vram-residency/testing";
import { byteCount, deviceIndex, VramError } from "@vram-residency/types";
import { footprint } from "../src/footprint.ts";
import { Journal } from "../src/journal.ts";
import { Ledger } from "../src/ledger.ts";
import { publicError } from "../src/scope.ts";
import { failure, openWorld, override, weights } from "./world.ts";

const seen = {
  totalBytes: byteCount(100 * 2 ** 30, "totalBytes"),
  freeBytes: byteCount(80 * 2 ** 30, "freeBytes"),
  largestFreeBytes: byteCount(60 * 2 ** 30, "largestFreeBytes"),
  granularityBytes: byteCount(2 ** 21, "granularityBytes"),
  oursBytes: byteCount(0, "oursBytes"),
  foreignBytes: byteCount(20 * 2 ** 30, "foreignBytes"),
  stagingBytes: byteCount(0, "stagingBytes"),
};

describe("the ledger", () => {
  test('keeps 10 % of what is free, and at least 2 GiB, with headroom "auto" on CUDA; nothing on the mock', () => {
    const small = { ...seen, totalBytes: byteCount(30 * 2 ** 30, "totalBytes") };

    expect(new Ledger(0, "cuda", "auto").capacity(seen).availableBytes).toBe(72 * 2 ** 30);
    expect(new Ledger(0, "cuda", "auto").capacity(small).availableBytes).toBe(8 * 2 ** 30);
    expect(new Ledger(0, "mock", "auto").capacity(seen).availableBytes).toBe(80 * 2 ** 30);
  });

  test("never goes below nothing, whatever others take", () => {
    const ledger = new Ledger(0, "mock", "auto");
    ledger.charge(80 * 2 ** 30, seen);

    const crowded = ledger.capacity({ ...seen, foreignBytes: byteCount(50 * 2 ** 30, "foreignBytes") });

    expect(crowded).toMatchObject({ availableBytes: 0, largestFreeBytes: 0 });
    expect(() => ledger.charge(1, seen)).toThrow("ERR_VRAM_INSUFFICIENT");
    expect(() => ledger.refund(81 * 2 ** 30)).toThrow("ERR_BUG");
  });

  test("counts whole granules, and what alignment moves the start by", () => {
    expect([footprint(0, 4096), footprint(1, 4096), footprint(4096, 4096), footprint(4097, 4096)]).toEqual([
      0, 4096, 4096, 8192,
    ]);
    expect(footprint(4096, 4096, { boundary: 256, offset: 8 })).toBe(8192);
    expect(footprint(4096, 4096, { boundary: 256, offset: 512 })).toBe(4096);
  });
});

describe("the journal", () => {
  test("adds what is owed meanwhile to a gap that could not be recorded", async () => {
    const clock = fakeClock();
    const sink = recordingSink();
    const journal = new Journal(sink, clock, fakeTimers(clock), "w");
    const lost = { gpuDevice: 0, state: "lost", reason: "x", workerId: "w" } as const;
    for (let count = 0; count < 3; count++) {
      sink.failAt(1);
      await journal.note("DeviceQuarantined", lost);
      sink.resume();
      sink.failAt(1);
      await Promise.all([journal.note("DeviceQuarantined", lost), journal.note("DeviceQuarantined", lost)]);
      sink.resume();
    }

    await journal.note("DeviceQuarantined", lost);

    expect(sink.events[0]?.type).toBe("AuditGap");
    const [gap] = sink.events;
    const recorded = sink.events.filter(({ type }) => type === "DeviceQuarantined").length;
    expect((gap?.data["count"] as number) + recorded).toBe(10);
  });

  test("takes any failure of a sink for one: thrown, rejected, coded or not", async () => {
    const clock = fakeClock();
    for (const append of [
      () => {
        throw new Error("mine");
      },
      () => Promise.reject(new Error("mine")),
      () => Promise.reject(new VramError("ERR_BUG", "mine", { invariant: "x" })),
    ]) {
      const sink = { state: "ready" as const, append, async [Symbol.asyncDispose]() {} };
      const journal = new Journal(sink, clock, fakeTimers(clock), "w");

      const error = await failure(journal.record("PolicyChanged", { from: "a", to: "b" }));

      expect(error.code).toBe("ERR_AUDIT_UNAVAILABLE");
    }
  });
});

test("an error nobody documented becomes ERR_BUG with its cause", () => {
  const cause = new TypeError("mine");

  expect(publicError(cause)).toMatchObject({ code: "ERR_BUG", cause });
});

test("a part that fails in an undocumented way is reported as such, and nothing is left", async () => {
  await using world = await openWorld({
    wrap: (allocator) =>
      override(allocator, "evidence", () => () => Promise.reject(new TypeError("a driver of somebody else"))),
  });

  const error = await failure(world.manager.sealModel(weights(5000)));

  expect(error).toMatchObject({ code: "ERR_BUG", cause: expect.any(TypeError) });
  expect(world.control.live()).toBe(0);
});

test("a manager without a device says what to do, and disposes what it owns", async () => {
  const clock = fakeClock();
  await using world = await openWorld();
  let disposed = 0;
  const owned = { [Symbol.asyncDispose]: () => Promise.resolve(void disposed++) };

  const error = await failure(
    VramManager.open({
      allocator: override(world.allocator, "devices", () => () => Promise.resolve([])),
      keys: randomKeys(seededRandom(1)),
      policy: "development",
      audit: world.sink,
      clock,
      timers: fakeTimers(clock),
      random: seededRandom(1),
      fileSystem: memoryFileSystem(),
      owned: [owned],
    }),
  );

  expect(error).toMatchObject({ code: "ERR_DRIVER_UNAVAILABLE", detail: { missing: "a device" } });
  expect(disposed).toBe(1);
});

test("memory of an exportable shard is handed out where the backend can, and to nobody else", async () => {
  await using world = await openWorld({
    wrap: (mock) => ({
      ...methodsOf(mock),
      backend: "mock",
      // The mock refuses what it cannot do; this backend can.
      allocate: (device, bytes, { exportable: _exportable, ...rest } = {}) =>
        mock.allocate(device, bytes, rest),
      exportFd: () => Promise.resolve(42),
    }),
  });
  const open = await world.manager.sealModel(weights(5000), { exportable: true });
  const closed = await world.manager.sealModel(weights(5000));

  expect(await world.manager.exportFd(open)).toBe(42);
  expect(await failure(world.manager.exportFd(closed))).toMatchObject({
    detail: { state: "not exportable" },
  });
});

type Methods = Omit<Parameters<typeof override>[0], "backend" | "exportFd">;

/** An allocator's methods, bound, so that some can be replaced. */
function methodsOf(allocator: Methods): Methods {
  return {
    devices: () => allocator.devices(),
    capacity: (device) => allocator.capacity(device),
    allocate: (device, bytes, options) => allocator.allocate(device, bytes, options),
    ingest: (id, source, options) => allocator.ingest(id, source, options),
    digest: (id, options) => allocator.digest(id, options),
    readBlocks: (id, offset, bytes) => allocator.readBlocks(id, offset, bytes),
    writeBlocks: (id, offset, bytes) => allocator.writeBlocks(id, offset, bytes),
    protect: (id, access) => allocator.protect(id, access),
    evidence: (id) => allocator.evidence(id),
    wipe: (id) => allocator.wipe(id),
    free: (id) => allocator.free(id),
    [Symbol.asyncDispose]: () => allocator[Symbol.asyncDispose](),
  };
}

test("a tree whose levels contradict each other is damage, though no place can be named", async () => {
  let lie = false;
  await using world = await openWorld({
    wrap: (allocator) =>
      override(allocator, "digest", (digest) => async (id, options) => {
        const report = await digest(id, options);
        return lie ? { ...report, level1: new Uint8Array(report.level1?.length ?? 0).fill(7) } : report;
      }),
  });
  const shard = await world.manager.sealModel(weights(1_000_000), {
    tensors: [{ name: "w", offset: 0, bytes: 1_000_000 }],
  });
  lie = true;

  const error = await failure(world.manager.verifySealed(shard));

  expect(error.code).toBe("ERR_INTEGRITY");
  expect(world.manager.shards()[0]?.state).toBe("quarantined");
});

test("a shard says where it belongs, and how old its last verification is", async () => {
  await using world = await openWorld();
  const group = { id: "ab".repeat(16), index: 1, total: 2 };
  await world.manager.sealModel(weights(5000), { shardId: "a", group });
  world.clock.advance(1500);

  expect(world.manager.shards()).toEqual([
    {
      id: "a",
      state: "sealed",
      device: 0,
      bytes: 5000,
      verifiedAt: "2026-01-01T00:00:00.000Z",
      ageMs: 1500,
      group,
    },
  ]);
  expect(world.manager.devices()).toEqual([
    expect.objectContaining({ device: deviceIndex(0), backend: "mock", state: "healthy" }),
  ]);
});
