import { describe, expect, test } from "bun:test";
import { fakeClock, fakeTimers } from "@vram-residency/testing";
import fc from "fast-check";

const START = Date.UTC(2026, 0, 1);

describe("a fake clock", () => {
  test("stands still until it is advanced, and moves both clocks alike", () => {
    const clock = fakeClock({ mono: 7n });
    expect([clock.wall(), clock.mono()]).toEqual([START, 7n]);

    clock.advance(1500.5);

    expect([clock.wall(), clock.mono()]).toEqual([START + 1500, 1_500_500_007n]);
  });

  test("jumps the wall clock either way, and never the monotonic one", () => {
    const clock = fakeClock({ wall: START });

    clock.jumpWall(-3_600_000);
    expect([clock.wall(), clock.mono()]).toEqual([START - 3_600_000, 0n]);
    clock.jumpWall(3_600_001);
    expect([clock.wall(), clock.mono()]).toEqual([START + 1, 0n]);
  });

  test("refuses to go back or nowhere", () => {
    for (const ms of [-1, Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => fakeClock().advance(ms)).toThrow(RangeError);
  });
});

describe("fake timers", () => {
  test("fire in the order of their times, each at its own time, and only when due", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(100), { maxLength: 20 }), fc.nat(120), (delays, until) => {
        const clock = fakeClock();
        const timers = fakeTimers(clock);
        const fired: { delay: number; at: number }[] = [];
        for (const delay of delays)
          timers.after(delay, () => fired.push({ delay, at: Number(clock.mono()) / 1e6 }));

        clock.advance(until);

        const due = delays.filter((delay) => delay <= until).sort((a, b) => a - b);
        expect(fired).toEqual(due.map((delay) => ({ delay, at: delay })));
        expect(timers.pending()).toBe(delays.length - due.length);
      }),
    );
  });

  test("fire timers that a timer sets, within the same advance", () => {
    const clock = fakeClock();
    const timers = fakeTimers(clock);
    const fired: string[] = [];
    timers.after(10, () => {
      fired.push("first");
      timers.after(5, () => fired.push("second"));
      timers.after(50, () => fired.push("later"));
    });

    clock.advance(20);

    expect(fired).toEqual(["first", "second"]);
    expect(clock.untilNext()).toBe(40);
  });

  test("do not fire once cancelled, and cancelling late or twice is harmless", () => {
    const clock = fakeClock();
    const timers = fakeTimers(clock);
    let fired = 0;
    const cancel = timers.after(10, () => {
      fired += 1;
    });
    const other = timers.after(10, () => {
      fired += 1;
    });

    cancel();
    cancel();
    clock.advance(10);
    other();

    expect(fired).toBe(1);
    expect(timers.pending()).toBe(0);
  });

  test("run to the end, with the promises that each one wakes", async () => {
    const clock = fakeClock();
    const timers = fakeTimers(clock);
    const sleep = (ms: number): Promise<void> => new Promise((resolve) => timers.after(ms, resolve));
    const work = (async () => {
      await sleep(100);
      await timers.yield();
      await sleep(1000);
      return clock.mono();
    })();

    await timers.runAll();

    expect(await work).toBe(1_100_000_000n);
  });

  test("give up on a timer that sets itself for ever", async () => {
    const timers = fakeTimers(fakeClock());
    const again = (): void => void timers.after(1, again);
    again();

    await expect(timers.runAll(50)).rejects.toThrow("50");
  });
});
