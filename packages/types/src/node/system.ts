import type { Clock, Random, Timers } from "../ports.ts";

/** The machine's clocks. */
export const systemClock: Clock = {
  wall: () => Date.now(),
  mono: () => process.hrtime.bigint(),
};

/** The runtime's timers. */
export const systemTimers: Timers = {
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
  yield: () => new Promise((resolve) => setImmediate(resolve)),
};

/** The operating system's random source. */
export const systemRandom: Random = {
  bytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
};
