import { describe, expect, test } from "bun:test";
import { MockAllocator } from "@vram-residency/allocator-mock";
import { mockControl } from "@vram-residency/allocator-mock/testing";
import { computeDigest } from "@vram-residency/crypto";
import { nodeDigester } from "@vram-residency/crypto/node";
import { seededRandom, sourceOf, withFaults } from "@vram-residency/testing";
import { byteCount, type Digester, deviceIndex, type OpenedSource } from "@vram-residency/types";
import { systemTimers } from "@vram-residency/types/node";
import { MockDevice } from "../src/device.ts";
import { LEAVES_RANGE_BYTES_MAX } from "../src/digest.ts";
import { FIRST, makeMock } from "./helpers.ts";

const MIB = 1 << 20;
const GIB = 2 ** 30;
const OPTIONS = { identity: true, residency: "fsverity-sha256" } as const;

/** A source of zeros that costs nothing, however long. */
function zeroSource(bytes: number): OpenedSource {
  return {
    kind: "memory",
    bytes: byteCount(bytes, "bytes"),
    async *chunks(chunkBytes) {
      const run = new Uint8Array(chunkBytes);
      for (let left = bytes; left > 0; left -= chunkBytes) yield run.subarray(0, Math.min(left, chunkBytes));
    },
    async [Symbol.asyncDispose]() {},
  };
}

describe("raw memory", () => {
  test("keeps what was freed without a wipe, and is zero after one", async () => {
    const { allocator, control, allocate, write } = makeMock();
    const forgotten = await allocate(5000);
    const wiped = await allocate(5000);
    for (const id of [forgotten, wiped]) await write(id, 4999, Uint8Array.of(1));

    await allocator.free(forgotten);
    expect(control.isZero(FIRST)).toBe(false);
    await allocator.wipe(wiped);
    await allocator.free(wiped);
    expect(control.isZero(FIRST)).toBe(false);

    await allocator.free(await allocate(5000));
    expect(control.isZero(FIRST)).toBe(true);
  });

  test("a 6 GiB shard works, and costs nothing while it is zeros", async () => {
    const { allocator, control, allocate } = makeMock({ capacityBytes: 8 * GIB, digester: nodeDigester });
    const bytes = 6 * GIB;
    const id = await allocate(bytes);

    const report = await allocator.ingest(id, zeroSource(bytes), {
      identity: false,
      residency: "fsverity-sha256",
    });
    const { digest } = await allocator.digest(id, { algorithm: "fsverity-sha256" });

    expect(control.heldBytes()).toBe(0);
    expect(digest).toBe(report.residency);
    control.flipBit(id, bytes - 1, 7);
    expect(control.heldBytes()).toBe(4 * MIB);
    expect((await allocator.digest(id, { algorithm: "fsverity-sha256" })).digest).not.toBe(digest);
    const outside = { algorithm: "fsverity-sha256", tree: "leaves" } as const;
    await expect(allocator.digest(id, outside)).rejects.toThrow("ERR_INPUT_INVALID");
    const range = { offset: bytes - LEAVES_RANGE_BYTES_MAX, bytes: LEAVES_RANGE_BYTES_MAX };
    expect((await allocator.digest(id, { ...outside, range })).leaves?.length).toBe(8 * MIB);
    expect<number>((await allocator.wipe(id)).nonZeroBytes).toBe(0);
    expect(control.heldBytes()).toBe(0);
  });
});

describe("the event loop", () => {
  test("gets a turn at least every 512 KiB of hashing, while copying, digesting and digesting with a salt", async () => {
    let sinceTurn = 0;
    let most = 0;
    const count = (bytes: number): void => {
      sinceTurn += bytes;
      most = Math.max(most, sinceTurn);
    };
    const counting: Digester = {
      ...nodeDigester,
      createSha256() {
        const stream = nodeDigester.createSha256();
        return {
          update(data) {
            count(data.length);
            stream.update(data);
          },
          digest: () => stream.digest(),
        };
      },
      sha256Blocks(data, prefix, out) {
        count(data.length);
        nodeDigester.sha256Blocks(data, prefix, out);
      },
    };
    const timers = {
      ...systemTimers,
      async yield() {
        sinceTurn = 0;
        await systemTimers.yield();
      },
    };
    const { allocator, allocate } = makeMock({ capacityBytes: 16 * MIB, digester: counting, timers });
    const content = seededRandom(3).bytes(9 * MIB + 1);
    const id = await allocate(content.length);

    await allocator.ingest(id, sourceOf(content), OPTIONS);
    await allocator.digest(id, { algorithm: "fsverity-sha256", salt: Uint8Array.of(1) });

    expect(most).toBeGreaterThan(MIB / 4);
    // Besides the data there are the levels of the tree, under 1 % of it.
    expect(most).toBeLessThan(0.55 * MIB);
  });

  test("an aborted ingest rejects even while its source hangs", async () => {
    const { allocator, allocate } = makeMock();
    const id = await allocate(10);
    const stuck = {
      ...sourceOf(new Uint8Array(10)),
      chunks: () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) }),
    };
    const controller = new AbortController();

    const ingesting = allocator.ingest(id, stuck, { ...OPTIONS, signal: controller.signal });
    controller.abort(new Error("enough"));

    await expect(ingesting).rejects.toThrow("enough");
  });
});

describe("calls that meet", () => {
  test("an ingest whose allocation is freed underneath fails, and does not touch the next one", async () => {
    const { allocator, allocate, read } = makeMock({ capacityBytes: 4 * MIB });
    const content = seededRandom(4).bytes(4 * MIB);
    const id = await allocate(content.length);
    const freed = Promise.withResolvers<void>();
    const source = sourceOf(content, {
      onRun(given) {
        if (given === 2 * MIB) allocator.free(id).then(freed.resolve, freed.reject);
      },
    });

    await expect(allocator.ingest(id, source, OPTIONS)).rejects.toThrow("ERR_STATE");
    await freed.promise;

    const next = await allocate(content.length);
    for (let offset = 0; offset < content.length; offset += MIB) {
      expect((await read(next, offset, MIB)).every((byte) => byte === 0)).toBe(true);
    }
  });

  test("an ingest never writes to leaves that were freed or protected meanwhile, not even the last ones", async () => {
    for (const action of ["free", "protect"] as const) {
      const { allocator, allocate, control } = makeMock({ capacityBytes: 4 * MIB });
      const content = seededRandom(5).bytes(MIB + 1);
      const id = await allocate(content.length);
      const leaves = await allocate(3 * 4096);
      const options = {
        ...OPTIONS,
        leaves,
        onProgress(done: number) {
          // The last block is not whole: its leaf is written when the source has ended.
          if (done < content.length) return;
          if (action === "free") void allocator.free(leaves);
          else void allocator.protect(leaves, "read");
        },
      };

      await expect(allocator.ingest(id, sourceOf(content), options)).rejects.toThrow("ERR_STATE");

      if (action === "protect") expect(control.peek(leaves, 256 * 32, 32)).toEqual(new Uint8Array(32));
    }
  });

  test("an ingest that is protected underneath stops writing", async () => {
    const { allocator, allocate, control } = makeMock({ capacityBytes: 4 * MIB });
    const content = seededRandom(6).bytes(3 * MIB);
    const id = await allocate(content.length);
    const options = { ...OPTIONS, onProgress: () => void allocator.protect(id, "read") };

    await expect(allocator.ingest(id, sourceOf(content), options)).rejects.toThrow("ERR_STATE");

    expect(control.peek(id, MIB, 2 * MIB).every((byte) => byte === 0)).toBe(true);
  });

  test("disposing ends an ingest under way", async () => {
    const { allocator, allocate } = makeMock({ capacityBytes: 4 * MIB });
    const id = await allocate(4 * MIB);
    const options = { ...OPTIONS, onProgress: () => void allocator[Symbol.asyncDispose]() };

    await expect(allocator.ingest(id, sourceOf(new Uint8Array(4 * MIB)), options)).rejects.toThrow(
      "ERR_STATE",
    );
  });
});

describe("what a mock says of itself", () => {
  test("is mock throughout, and unknown for hardware it does not have", async () => {
    const { allocator, allocate } = makeMock({ devices: 2 });
    const [, second] = await allocator.devices();
    const { kind, stable } = await allocator.evidence(await allocate(5000, deviceIndex(1)));

    expect(kind).toBe("mock");
    expect(stable).toEqual({
      backend: "mock",
      path: "mock",
      deviceUuid: second?.uuid ?? "",
      ordinal: 1,
      location: "mock",
      memoryType: "mock",
      managed: false,
      hostPointer: false,
      rangeBytes: 8192,
      bufferId: stable.bufferId,
      blockId: stable.blockId,
      access: "read-write",
      handleTypes: [],
    });
    expect(second?.uuid).toMatch(
      /^MOCK-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    expect(second).toMatchObject({
      name: "Mock device 1",
      native: "none",
      vmm: "unknown",
      integrated: "unknown",
    });
  });

  test("is the same for the same seed, and differs for another", async () => {
    const uuids = async (seed: number): Promise<string[]> => {
      const { allocator } = makeMock({ devices: 3, random: seededRandom(seed) });
      return (await allocator.devices()).map(({ uuid }) => uuid);
    };

    expect(await uuids(5)).toEqual(await uuids(5));
    expect(await uuids(5)).not.toEqual(await uuids(6));
  });
});

describe("options", () => {
  const base = { timers: systemTimers, random: seededRandom(1) };

  test("has one device of 24 GiB by default, with a granularity of 4096", async () => {
    const allocator = new MockAllocator(base);

    expect(await allocator.devices()).toHaveLength(1);
    const capacity = await allocator.capacity(FIRST);
    expect<number>(capacity.totalBytes).toBe(24 * GIB);
    expect<number>(capacity.granularityBytes).toBe(4096);
  });

  test("rounds the capacity down to whole granules", async () => {
    const { allocator } = makeMock({ capacityBytes: 3 * 8192 - 1, granularityBytes: 8192 });

    expect<number>((await allocator.capacity(FIRST)).totalBytes).toBe(2 * 8192);
  });

  test.each([
    ["devices", { devices: 0 }],
    ["devices", { devices: 17 }],
    ["devices", { devices: 1.5 }],
    ["granularityBytes", { granularityBytes: 2048 }],
    ["granularityBytes", { granularityBytes: 12_288 }],
    ["granularityBytes", { granularityBytes: 2 ** 31 }],
    ["capacityBytes", { capacityBytes: 4095 }],
    ["capacityBytes", { capacityBytes: Number.NaN }],
    ["foreignBytes", { capacityBytes: 8192, foreignBytes: 8193 }],
    ["foreignBytes", { foreignBytes: -1 }],
  ])("refuses %s out of its range: %p", (field, options) => {
    expect(() => new MockAllocator({ ...base, ...options })).toThrow(
      expect.objectContaining({ code: "ERR_INPUT_INVALID", detail: expect.objectContaining({ field }) }),
    );
  });

  test("refuses an allocation beyond the most live ones of a device", () => {
    const device = new MockDevice(FIRST, "MOCK-x", { totalBytes: MIB, granularityBytes: 4096 }, 2);
    device.allocate(1, 0, { bufferId: 1, blockId: 2 });
    device.allocate(1, 0, { bufferId: 3, blockId: 4 });

    expect(() => device.allocate(1, 0, { bufferId: 5, blockId: 6 })).toThrow("ERR_DRIVER_ALLOCATION");
    expect<number>(device.capacity().oursBytes).toBe(8192);
  });
});

describe("foreign memory", () => {
  test("is not ours, not free, and can be given back", async () => {
    const { allocator, control, allocate } = makeMock({ capacityBytes: 10 * 4096, foreignBytes: 4097 });
    const before = await allocator.capacity(FIRST);
    expect<number>(before.foreignBytes).toBe(2 * 4096);
    expect<number>(before.freeBytes).toBe(8 * 4096);

    await expect(allocate(8 * 4096 + 1)).rejects.toMatchObject({
      code: "ERR_VRAM_INSUFFICIENT",
      detail: { availableBytes: 8 * 4096, foreignBytes: 2 * 4096, neededBytes: 9 * 4096 },
    });
    control.setForeignBytes(FIRST, 0);
    await allocate(10 * 4096);

    expect(() => control.setForeignBytes(FIRST, 1)).toThrow("ERR_INPUT_INVALID");
  });
});

describe("the way inside", () => {
  test("opens for a mock alone, not for something that wraps one", () => {
    const { allocator } = makeMock();

    expect(() => mockControl(withFaults(allocator, []))).toThrow("ERR_INPUT_INVALID");
  });

  test("flips exactly the bit it is told, also in protected memory", async () => {
    const { allocator, control, allocate, read } = makeMock();
    const id = await allocate(100);
    await allocator.protect(id, "read");

    control.flipBit(id, 99, 6);

    const expected = new Uint8Array(100);
    expected[99] = 64;
    expect(await read(id, 0, 100)).toEqual(expected);
    expect((await allocator.digest(id, { algorithm: "sha256" })).digest).toBe(computeDigest(expected));
  });

  test("reaches the end of the rounded range and no further, aligned or not", async () => {
    const { allocator, control } = makeMock();
    for (const align of [
      { boundary: 1, offset: 0 },
      { boundary: 4096, offset: 4000 },
    ]) {
      const id = await allocator.allocate(FIRST, byteCount(1, "bytes"), { align });
      const room = 4096 - (align.boundary === 1 ? 0 : 96);
      control.flipBit(id, room - 1, 0);

      expect(control.peek(id, room - 1, 1)).toEqual(Uint8Array.of(1));
      expect(() => control.flipBit(id, room, 0)).toThrow("ERR_INPUT_INVALID");
      expect(() => control.peek(id, room - 1, 2)).toThrow("ERR_INPUT_INVALID");
      expect(() => control.flipBit(id, 0, 8)).toThrow("ERR_INPUT_INVALID");
      expect<number>((await allocator.wipe(id)).nonZeroBytes).toBe(0);
      expect(control.peek(id, room - 1, 1)).toEqual(Uint8Array.of(0));
    }
    expect(control.live()).toBe(2);
  });
});
