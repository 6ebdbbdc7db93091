/**
 * Watches the process while something runs: how late the event loop is, and how much memory it takes.
 *
 * @module
 */
import { closeSync, openSync, readSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";

/** What was seen while something ran. */
export interface Seen {
  /** Unit: ms. */
  readonly durationMs: number;
  /** The largest lateness of a 1 ms timer. Unit: ms. */
  readonly stallMs: number;
  /** How much of that one stall the thread could have run and got no processor; null where the kernel does not tell. Unit: ms. */
  readonly starvedMs: number | null;
  /** The largest lateness that was the process's own: without the time it could have run and got no processor. Unit: ms. */
  readonly ownStallMs: number;
  /** The same by the runtime's own histogram, whose resolution is 1 ms; null where it saw nothing. Unit: ms. */
  readonly loopDelayMs: number | null;
  /** The largest resident set, less what was resident before and what the mock's memory holds. Unit: bytes. */
  readonly memoryBytes: number;
  /** How often the memory was looked at. */
  readonly samples: number;
}

const TICK_MS = 1;
const SAMPLE_MS = 20;

/**
 * Runs `work` and watches.
 *
 * @param heldBytes - Memory that is not to be counted, at this moment. Unit: bytes.
 */
export async function watch<Result>(
  heldBytes: () => number,
  work: () => Promise<Result>,
): Promise<{ readonly seen: Seen; readonly result: Result }> {
  Bun.gc(true);
  const own = (): number => process.memoryUsage.rss() - heldBytes();
  const before = own();
  let peak = before;
  let samples = 0;
  const sample = (): void => {
    peak = Math.max(peak, own());
    samples += 1;
  };

  using waiting = queueWait();
  let stall = { stallMs: 0, starvedMs: 0 };
  let ownStallMs = 0;
  let last = performance.now();
  let waited = waiting.ms();
  const tick = (): void => {
    const now = performance.now();
    const nowWaited = waiting.ms();
    const stallMs = now - last - TICK_MS;
    const starvedMs = nowWaited - waited;
    if (stallMs > stall.stallMs) stall = { stallMs, starvedMs };
    ownStallMs = Math.max(ownStallMs, stallMs - starvedMs);
    last = now;
    waited = nowWaited;
  };
  const delays = monitorEventLoopDelay({ resolution: TICK_MS });

  const timers = [setInterval(tick, TICK_MS), setInterval(sample, SAMPLE_MS)];
  delays.enable();
  const started = performance.now();
  last = started;
  try {
    const result = await work();
    const durationMs = performance.now() - started;
    // A stall that ends with the work has not been seen by the timer yet.
    tick();
    sample();
    const loopDelayMs = delays.max > 0 ? round(delays.max / 1e6) : null;
    const stallMs = round(stall.stallMs);
    const starvedMs = waiting.told ? round(stall.starvedMs) : null;
    const seen = { durationMs: round(durationMs), stallMs, starvedMs, loopDelayMs, samples };
    return { seen: { ...seen, ownStallMs: round(ownStallMs), memoryBytes: peak - before }, result };
  } finally {
    delays.disable();
    for (const timer of timers) clearInterval(timer);
  }
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

interface QueueWait extends Disposable {
  /** Whether there is anything to read. */
  readonly told: boolean;
  /** How long this thread has waited for a processor so far. Unit: ms. */
  ms(): number;
}

/** Linux counts it: the second number of `schedstat`, in ns. */
function queueWait(): QueueWait {
  let fd: number;
  try {
    fd = openSync("/proc/self/schedstat", "r");
  } catch {
    return { told: false, ms: () => 0, [Symbol.dispose]: () => {} };
  }
  const buffer = Buffer.alloc(128);
  return {
    told: true,
    ms: () => Number(buffer.toString("latin1", 0, readSync(fd, buffer, 0, 128, 0)).split(" ")[1]) / 1e6,
    [Symbol.dispose]: () => closeSync(fd),
  };
}
