import { randomFillSync } from "node:crypto";
import type { Clock, Random, Timers } from "../ports.ts";

/** Longest delay `setTimeout` takes; it fires a longer one at once. Unit: ms. */
const DELAY_MS_MAX = 2 ** 31 - 1;

/** The machine's clocks. */
export const systemClock: Clock = {
  wall: () => Date.now(),
  mono: () => process.hrtime.bigint(),
};

/** The runtime's timers. */
export const systemTimers: Timers = {
  after(delayMs, callback) {
    let rest = delayMs;
    let timer = setTimeout(wait, Math.min(rest, DELAY_MS_MAX));
    function wait(): void {
      rest -= DELAY_MS_MAX;
      if (rest > 0) timer = setTimeout(wait, Math.min(rest, DELAY_MS_MAX));
      else callback();
    }
    return () => clearTimeout(timer);
  },
  yield: () => new Promise((resolve) => setImmediate(resolve)),
};

/** The operating system's random source. */
export const systemRandom: Random = {
  // Not getRandomValues, which gives at most 64 KiB under Node.
  bytes: (length) => randomFillSync(new Uint8Array(length)),
};
