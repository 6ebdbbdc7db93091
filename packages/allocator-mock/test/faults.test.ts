import { describe, expect, test } from "bun:test";
import type { MockFault, MockOperation } from "@vram-residency/allocator-mock/testing";
import { computeDigest } from "@vram-residency/crypto";
import { fakeClock, fakeTimers, seededRandom, sourceOf } from "@vram-residency/testing";
import { type AllocationId, deviceIndex, type ErrorCode } from "@vram-residency/types";
import { FIRST, type Mock, makeMock } from "./helpers.ts";

const BYTES = 3 * 4096 + 5;
const CONTENT = seededRandom(9).bytes(BYTES);
const OPTIONS = { identity: true, residency: "fsverity-sha256" } as const;
const FSVERITY = { algorithm: "fsverity-sha256" } as const;

/** Calls any operation with arguments it accepts. */
const CALLS: { readonly [Operation in MockOperation]: (mock: Mock, id: AllocationId) => Promise<unknown> } = {
  allocate: (mock) => mock.allocate(1),
  ingest: (mock, id) => mock.allocator.ingest(id, sourceOf(CONTENT), OPTIONS),
  digest: (mock, id) => mock.allocator.digest(id, FSVERITY),
  readBlocks: (mock, id) => mock.read(id, 0, 1),
  writeBlocks: (mock, id) => mock.write(id, 0, Uint8Array.of(1)),
  protect: (mock, id) => mock.allocator.protect(id, "read"),
  evidence: (mock, id) => mock.allocator.evidence(id),
  wipe: (mock, id) => mock.allocator.wipe(id),
  free: (mock, id) => mock.allocator.free(id),
  capacity: (mock) => mock.allocator.capacity(FIRST),
};
const OPERATIONS = Object.keys(CALLS) as MockOperation[];

describe.each(OPERATIONS)("in %s", (operation) => {
  const everywhere: readonly [MockFault & string, ErrorCode][] = [
    ["driver-error", operation === "allocate" ? "ERR_DRIVER_ALLOCATION" : "ERR_DRIVER_COPY"],
    ["device-lost", "ERR_DEVICE_LOST"],
    ["sticky", "ERR_DEVICE_LOST"],
  ];

  test.each(everywhere)(
    "%s rejects at the chosen call with %s, and says that it fired",
    async (fault, code) => {
      const mock = makeMock();
      const id = await mock.allocate(BYTES);
      mock.control.script([{ operation, at: 2, fault }]);

      if (operation !== "free" && operation !== "protect") await CALLS[operation](mock, id);
      else await CALLS[operation](mock, await mock.allocate(1));
      expect(mock.control.fired()).toEqual([]);
      await expect(CALLS[operation](mock, id)).rejects.toMatchObject({ code });

      expect(mock.control.fired()).toHaveLength(1);
      expect(mock.control.fired()[0]).toEndWith(`: ${fault}`);
      expect(mock.control.fired()[0]).toStartWith(`${operation}#`);
    },
  );

  test("a failed driver call changes nothing", async () => {
    const mock = makeMock();
    const id = await mock.allocate(BYTES);
    await mock.allocator.ingest(id, sourceOf(CONTENT), OPTIONS);
    const live = mock.control.live();
    mock.control.script([{ operation, at: 1, fault: "driver-error" }]);

    await expect(CALLS[operation](mock, id)).rejects.toThrow();

    expect(mock.control.live()).toBe(live);
    expect(mock.control.peek(id, 0, BYTES)).toEqual(CONTENT);
    expect((await mock.allocator.evidence(id)).stable.access).toBe("read-write");
  });

  test("a slow call waits for its time, and then goes on", async () => {
    const clock = fakeClock();
    const timers = fakeTimers(clock);
    const mock = makeMock({ timers });
    const id = await mock.allocate(BYTES);
    mock.control.script([{ operation, at: 1, fault: { slowMs: 500 } }]);
    let settled = false;

    const calling = CALLS[operation](mock, id).finally(() => {
      settled = true;
    });
    clock.advance(499);
    await Bun.sleep(0);
    expect(settled).toBe(false);
    clock.advance(1);
    await calling;

    expect(mock.control.fired()).toEqual([`${operation}#${mock.control.calls(operation)}: slow 500 ms`]);
    expect(timers.pending()).toBe(0);
  });

  test("a call that hangs ends when the allocator is disposed of", async () => {
    const mock = makeMock();
    const id = await mock.allocate(BYTES);
    mock.control.script([{ operation, at: 1, fault: "hang" }]);

    const calling = CALLS[operation](mock, id);
    await mock.allocator[Symbol.asyncDispose]();

    await expect(calling).rejects.toMatchObject({ code: "ERR_STATE" });
  });
});

describe("a lost device", () => {
  test.each([
    ["device-lost", false],
    ["sticky", true],
  ] as const)("stays lost in every call (%s), and its neighbour goes on", async (fault, restartNeeded) => {
    const mock = makeMock({ devices: 2 });
    const id = await mock.allocate(BYTES);
    mock.control.script([{ operation: "digest", at: 1, fault }]);
    await expect(mock.allocator.digest(id, FSVERITY)).rejects.toMatchObject({ detail: { restartNeeded } });

    for (const operation of OPERATIONS) {
      await expect(CALLS[operation](mock, id)).rejects.toMatchObject({
        code: "ERR_DEVICE_LOST",
        detail: { device: 0, restartNeeded },
      });
    }
    await mock.allocator.free(await mock.allocate(1, deviceIndex(1)));
    expect(await mock.allocator.devices()).toHaveLength(2);
  });

  test("is lost in the middle of a pass, too", async () => {
    const mock = makeMock({ capacityBytes: 4 << 20 });
    const id = await mock.allocate(4 << 20);
    const options = {
      ...FSVERITY,
      onProgress: () => mock.control.loseDevice(FIRST, { restartNeeded: true }),
    };

    await expect(mock.allocator.digest(id, options)).rejects.toMatchObject({
      code: "ERR_DEVICE_LOST",
      detail: { restartNeeded: true },
    });
  });
});

describe("faults of one operation", () => {
  test("out-of-memory refuses although there is room, and takes nothing", async () => {
    const mock = makeMock();
    mock.control.script([{ operation: "allocate", at: 1, fault: "out-of-memory" }]);

    await expect(mock.allocate(1)).rejects.toMatchObject({ code: "ERR_VRAM_INSUFFICIENT" });

    expect(mock.control.live()).toBe(0);
    await mock.allocate(1);
  });

  test("a short copy reports the digests of the source, and only reading back shows the missing half", async () => {
    const mock = makeMock();
    const id = await mock.allocate(BYTES);
    mock.control.script([{ operation: "ingest", at: 1, fault: "short-copy" }]);

    const report = await mock.allocator.ingest(id, sourceOf(CONTENT), OPTIONS);

    expect(report.identity).toBe(computeDigest(CONTENT));
    expect(report.residency).toBe(computeDigest(CONTENT, "fsverity-sha256"));
    const half = Math.floor(BYTES / 2);
    const expected = new Uint8Array(BYTES);
    expected.set(CONTENT.subarray(0, half));
    expect(mock.control.peek(id, 0, BYTES)).toEqual(expected);
    expect((await mock.allocator.digest(id, FSVERITY)).digest).toBe(
      computeDigest(expected, "fsverity-sha256"),
    );
    expect(mock.control.fired()).toEqual(["ingest#1: short-copy"]);
  });

  test("a corrupt copy differs from the source in one bit of its middle byte", async () => {
    const mock = makeMock();
    const id = await mock.allocate(BYTES);
    mock.control.script([{ operation: "ingest", at: 1, fault: "corrupt-copy" }]);

    const report = await mock.allocator.ingest(id, sourceOf(CONTENT), OPTIONS);

    const expected = CONTENT.slice();
    const middle = Math.floor(BYTES / 2);
    expected[middle] = (expected[middle] ?? 0) ^ 1;
    expect(report.residency).toBe(computeDigest(CONTENT, "fsverity-sha256"));
    expect(mock.control.peek(id, 0, BYTES)).toEqual(expected);
  });

  test("a wipe that does nothing is found out by its own check", async () => {
    const mock = makeMock();
    const id = await mock.allocate(BYTES);
    await mock.allocator.ingest(id, sourceOf(CONTENT), OPTIONS);
    mock.control.script([{ operation: "wipe", at: 1, fault: "wipe-nothing" }]);

    const report = await mock.allocator.wipe(id);

    expect<number>(report.nonZeroBytes).toBe(CONTENT.filter((byte) => byte !== 0).length);
    expect(report.checkedBytes).toBe(report.bytes);
    expect<number>((await mock.allocator.wipe(id)).nonZeroBytes).toBe(0);
    expect(mock.control.isZero(FIRST)).toBe(true);
  });

  test("a stale digest is the last pass's, and shows no later change", async () => {
    const mock = makeMock();
    const id = await mock.allocate(BYTES);
    const { residency, level1 } = await mock.allocator.ingest(id, sourceOf(CONTENT), OPTIONS);
    mock.control.flipBit(id, 0, 0);
    mock.control.script([{ operation: "digest", at: 1, fault: "stale-digest" }]);

    const stale = await mock.allocator.digest(id, { ...FSVERITY, tree: "level1" });
    const fresh = await mock.allocator.digest(id, FSVERITY);

    expect(stale.digest).toBe(residency);
    expect(stale.level1).toEqual(level1 ?? new Uint8Array(0));
    expect(fresh.digest).not.toBe(residency);
  });

  test("a stale digest is caught by a salt that has never been used", async () => {
    const mock = makeMock();
    const id = await mock.allocate(BYTES);
    await mock.allocator.digest(id, { ...FSVERITY, salt: Uint8Array.of(1) });
    mock.control.script([{ operation: "digest", at: 1, fault: "stale-digest" }]);

    const stale = await mock.allocator.digest(id, { ...FSVERITY, salt: Uint8Array.of(2) });
    const fresh = await mock.allocator.digest(id, { ...FSVERITY, salt: Uint8Array.of(2) });

    expect(stale.salted).toBeDefined();
    expect(stale.salted).not.toBe(fresh.salted);
  });

  test("a call that hangs ends with the signal's reason", async () => {
    const mock = makeMock();
    const id = await mock.allocate(BYTES);
    mock.control.script([{ operation: "digest", at: 1, fault: "hang" }]);
    const controller = new AbortController();

    const hanging = mock.allocator.digest(id, { ...FSVERITY, signal: controller.signal });
    controller.abort(new Error("too long"));

    await expect(hanging).rejects.toThrow("too long");
    expect(mock.control.live()).toBe(1);
  });

  test("an allocation freed while a slow call waits is not touched any more", async () => {
    const clock = fakeClock();
    const mock = makeMock({ timers: fakeTimers(clock) });
    const id = await mock.allocate(BYTES);
    mock.control.script([{ operation: "writeBlocks", at: 1, fault: { slowMs: 10 } }]);

    const writing = mock.write(id, 0, Uint8Array.of(1));
    await mock.allocator.free(id);
    clock.advance(10);

    await expect(writing).rejects.toMatchObject({ code: "ERR_STATE" });
    expect(mock.control.isZero(FIRST)).toBe(true);
  });

  test("several faults may meet in one call", async () => {
    const clock = fakeClock();
    const mock = makeMock({ timers: fakeTimers(clock) });
    const id = await mock.allocate(BYTES);
    mock.control.script([
      { operation: "digest", at: 1, fault: { slowMs: 5 } },
      { operation: "digest", at: 1, fault: "sticky" },
    ]);

    const digesting = mock.allocator.digest(id, FSVERITY);
    clock.advance(5);

    await expect(digesting).rejects.toMatchObject({ code: "ERR_DEVICE_LOST" });
    expect(mock.control.fired()).toEqual(["digest#1: slow 5 ms", "digest#1: sticky"]);
  });
});

describe("a script", () => {
  test.each([
    { operation: "free", at: 1, fault: "short-copy" },
    { operation: "digest", at: 1, fault: "wipe-nothing" },
    { operation: "ingest", at: 1, fault: "out-of-memory" },
    { operation: "ingest", at: 0, fault: "sticky" },
    { operation: "ingest", at: 1.5, fault: "sticky" },
  ] as const)("that could never fire is refused: %p", (fault) => {
    expect(() => makeMock().control.script([fault])).toThrow("ERR_INPUT_INVALID");
  });

  test("counts from the moment it was given", async () => {
    const mock = makeMock();
    await mock.allocate(1);
    mock.control.script([{ operation: "allocate", at: 1, fault: "driver-error" }]);

    await expect(mock.allocate(1)).rejects.toThrow("ERR_DRIVER_ALLOCATION");

    expect(mock.control.fired()).toEqual(["allocate#2: driver-error"]);
  });
});
