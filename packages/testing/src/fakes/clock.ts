import type { Clock, Timers } from "@vram-residency/types";

/** Where a {@link FakeClock} starts. */
export interface FakeClockOptions {
  /** Unit: ms since 1970. Default 2026-01-01T00:00:00Z. */
  readonly wall?: number;
  /** Unit: ns. Default 0. */
  readonly mono?: bigint;
}

/** A clock that moves only when told. */
export interface FakeClock extends Clock {
  /**
   * Moves both clocks forward, and rings what falls due on the way, in order and at its own time.
   *
   * @param ms - At least 0; whole microseconds, so that both clocks agree.
   */
  advance(ms: number): void;
  /** Sets the wall clock off by `ms`, either way, as an administrator would. The monotonic clock stays. */
  jumpWall(ms: number): void;
  /** Calls `callback` once when `delayMs` have passed. @returns A function that cancels it. */
  alarm(delayMs: number, callback: () => void): () => void;
  /** How long until the next alarm; undefined when there is none. Unit: ms. */
  untilNext(): number | undefined;
}

/** {@link Timers} on a {@link FakeClock}. */
export interface FakeTimers extends Timers {
  /** Timers that are set and have not fired. */
  pending(): number;
  /**
   * Advances to each next timer until none is left, and lets what it woke run in between.
   *
   * @param limit - Most timers to fire, so that a timer that sets itself again ends too. Default 10,000.
   * @throws Error when the limit is reached.
   */
  runAll(limit?: number): Promise<void>;
}

interface Alarm {
  readonly at: bigint;
  readonly callback: () => void;
}

const NS_PER_MS = 1_000_000;

function nanoseconds(ms: number): bigint {
  if (!(Number.isFinite(ms) && ms >= 0)) throw new RangeError("time moves forward by a finite number of ms");
  return BigInt(Math.round(ms * 1000)) * 1000n;
}

/** Makes a clock that stands still until {@link FakeClock.advance}. */
export function fakeClock(options: FakeClockOptions = {}): FakeClock {
  let mono = options.mono ?? 0n;
  // Wall time is the monotonic time plus an offset, so that the two never drift apart by rounding.
  let offsetMs = (options.wall ?? Date.UTC(2026, 0, 1)) - Number(mono) / NS_PER_MS;
  const alarms = new Set<Alarm>();

  const next = (): Alarm | undefined => {
    let first: Alarm | undefined;
    // A set keeps insertion order, so alarms for one moment ring in the order they were set.
    for (const alarm of alarms) if (first === undefined || alarm.at < first.at) first = alarm;
    return first;
  };

  return {
    wall: () => Math.floor(offsetMs + Number(mono) / NS_PER_MS),
    mono: () => mono,
    advance(ms) {
      const end = mono + nanoseconds(ms);
      for (let due = next(); due !== undefined && due.at <= end; due = next()) {
        alarms.delete(due);
        if (due.at > mono) mono = due.at;
        due.callback();
      }
      // A callback may have advanced the clock further than this call would.
      if (end > mono) mono = end;
    },
    jumpWall(ms) {
      offsetMs += ms;
    },
    alarm(delayMs, callback) {
      const alarm = { at: mono + nanoseconds(delayMs), callback };
      alarms.add(alarm);
      return () => {
        alarms.delete(alarm);
      };
    },
    untilNext() {
      const first = next();
      return first === undefined ? undefined : Number(first.at - mono) / NS_PER_MS;
    },
  };
}

/**
 * Makes timers that fire when their clock is advanced.
 *
 * `yield` gives way to other promises only, never to the runtime's own timers, so a run is the same every time.
 */
export function fakeTimers(clock: FakeClock): FakeTimers {
  let pending = 0;
  return {
    after(delayMs, callback) {
      let waiting = true;
      pending += 1;
      const settle = (): boolean => {
        const was = waiting;
        waiting = false;
        if (was) pending -= 1;
        return was;
      };
      const cancel = clock.alarm(Math.max(0, delayMs), () => {
        if (settle()) callback();
      });
      return () => {
        if (settle()) cancel();
      };
    },
    yield: () => Promise.resolve(),
    pending: () => pending,
    async runAll(limit = 10_000) {
      for (let fired = 0; ; fired += 1) {
        await settled();
        const ms = clock.untilNext();
        if (ms === undefined) return;
        if (fired >= limit) throw new Error(`timers are still being set after ${limit} have fired`);
        clock.advance(ms);
      }
    },
  };
}

/** Waits until every promise that can settle by itself has. */
function settled(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 0);
  });
}
