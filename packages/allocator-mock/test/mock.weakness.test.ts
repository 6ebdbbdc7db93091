import { expect, test } from "bun:test";
import { MockAllocator } from "@vram-residency/allocator-mock";
import { mockControl } from "@vram-residency/allocator-mock/testing";
import { fakeClock, fakeTimers, seededRandom } from "@vram-residency/testing";
import { type AllocationId, byteCount, deviceIndex, isVramError } from "@vram-residency/types";

const GRANULE = 4096;
const device = deviceIndex(0);

function mock(options: { readonly devices?: number; readonly capacityBytes?: number } = {}): MockAllocator {
  return new MockAllocator({ ...options, timers: fakeTimers(fakeClock()), random: seededRandom(1) });
}

function allocate(allocator: MockAllocator, bytes: number): Promise<AllocationId> {
  return allocator.allocate(device, byteCount(bytes, "bytes"));
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return await promise.then(
    () => "ok",
    (error: unknown) => (isVramError(error) ? error.code : String(error)),
  );
}

test("W-33: two thousand allocations are all accounted, up to the last byte of the capacity and not one beyond", async () => {
  await using allocator = mock({ capacityBytes: 2000 * GRANULE });
  const ids = await Promise.all(Array.from({ length: 2000 }, () => allocate(allocator, 1)));

  expect(await allocator.capacity(device)).toMatchObject({ oursBytes: 2000 * GRANULE, freeBytes: 0 });
  expect(await codeOf(allocate(allocator, 1))).toBe("ERR_VRAM_INSUFFICIENT");
  for (const id of ids) await allocator.free(id);
  expect(await allocator.capacity(device)).toMatchObject({ oursBytes: 0, freeBytes: 2000 * GRANULE });
});

test("W-33: a second free, a use after a free and an id that never was are refused, also when the slot lives again", async () => {
  await using allocator = mock();
  const id = await allocate(allocator, 100);
  await allocator.free(id);
  const again = await allocate(allocator, 100);

  expect(again.slot).toBe(id.slot);
  expect(await codeOf(allocator.free(id))).toBe("ERR_STATE");
  expect(await codeOf(allocator.digest(id, { algorithm: "sha256" }))).toBe("ERR_STATE");
  expect(await codeOf(allocator.wipe({ ...again, slot: 7 }))).toBe("ERR_STATE");
  expect(mockControl(allocator).live()).toBe(1);
});

test("W-33: devices that were not asked for are refused, and so are counts and sizes that are none", async () => {
  await using allocator = mock({ devices: 2 });

  expect(await codeOf(allocator.capacity(deviceIndex(2)))).toBe("ERR_INPUT_INVALID");
  for (const options of [{ devices: 0 }, { devices: 17 }, { capacityBytes: -1 }, { capacityBytes: 1 }]) {
    expect(() => mock(options)).toThrow("ERR_INPUT_INVALID");
  }
});

test("W-33: it takes nothing from the environment, and bits flip, calls fail and time passes only as a test says", async () => {
  const before = process.env["MOCK_VRAM_MB"];
  process.env["MOCK_VRAM_MB"] = "-1";
  await using allocator = mock({ capacityBytes: 1 << 20 });
  if (before === undefined) Reflect.deleteProperty(process.env, "MOCK_VRAM_MB");
  else process.env["MOCK_VRAM_MB"] = before;
  const control = mockControl(allocator);
  const id = await allocate(allocator, GRANULE);
  const clean = (await allocator.digest(id, { algorithm: "sha256" })).digest;
  control.script([{ operation: "digest", at: 2, fault: "driver-error" }]);
  control.flipBit(id, 17, 3);

  const flipped = (await allocator.digest(id, { algorithm: "sha256" })).digest;
  const failed = await codeOf(allocator.digest(id, { algorithm: "sha256" }));
  control.flipBit(id, 17, 3);

  expect((await allocator.capacity(device)).totalBytes as number).toBe(1 << 20);
  expect(flipped).not.toBe(clean);
  expect(failed).toBe("ERR_DRIVER_COPY");
  expect((await allocator.digest(id, { algorithm: "sha256" })).digest).toBe(clean);
});
