import { expect, test } from "bun:test";
import { systemClock, systemRandom, systemTimers } from "@vram-residency/types/node";

test("the monotonic clock never goes back, and the wall clock counts milliseconds since 1970", () => {
  const before = systemClock.mono();

  expect(systemClock.mono()).toBeGreaterThanOrEqual(before);
  expect(systemClock.wall()).toBeGreaterThan(Date.UTC(2024, 0, 1));
  expect(Number.isSafeInteger(systemClock.wall())).toBe(true);
});

test("random bytes come in any length, fresh each time", () => {
  for (const length of [0, 1, 16, 65_536, 65_537, 200_000]) {
    expect(systemRandom.bytes(length)).toHaveLength(length);
  }
  expect(systemRandom.bytes(32)).not.toEqual(systemRandom.bytes(32));
  // The end is filled too: 64 zero bytes do not happen.
  expect(systemRandom.bytes(100_000).subarray(-64)).not.toEqual(new Uint8Array(64));
});

test("a timer calls back once, and not at all when it was cancelled", async () => {
  const calls: string[] = [];
  const cancel = systemTimers.after(0, () => calls.push("cancelled"));
  cancel();
  cancel();

  await new Promise<void>((resolve) => {
    const late = systemTimers.after(0, () => {
      calls.push("called");
      late();
      resolve();
    });
  });
  await systemTimers.yield();

  expect(calls).toEqual(["called"]);
});

test("a delay longer than the runtime's timers take does not fire at once", async () => {
  let called = false;
  const cancel = systemTimers.after(2 ** 31, () => {
    called = true;
  });

  // Such a timer would have fired within a few ms, well before this one.
  await new Promise<void>((resolve) => {
    systemTimers.after(60, resolve);
  });
  cancel();

  expect(called).toBe(false);
});

test("yielding lets what was queued before run", async () => {
  let ran = false;
  setImmediate(() => {
    ran = true;
  });

  await systemTimers.yield();

  expect(ran).toBe(true);
});
