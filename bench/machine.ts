import { availableParallelism, cpus, loadavg, type } from "node:os";

/** Where and when something was measured. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly bun: string;
  readonly os: string;
  /** Load averages over 1, 5 and 15 minutes, before the first measurement and after the last. */
  readonly loadBefore: readonly number[];
  readonly loadAfter: readonly number[];
}

/** Looks at the machine. @returns What completes the description, once everything is measured. */
export function watchMachine(): () => Machine {
  const loadBefore = loadNow();
  return () => ({
    cpu: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
    bun: Bun.version,
    os: `${type()} ${process.arch}`,
    loadBefore,
    loadAfter: loadNow(),
  });
}

function loadNow(): readonly number[] {
  return loadavg().map((load) => round(load, 2));
}

/** Rounds for reading: a report is compared by eye. */
export function round(value: number, digits = 3): number {
  return Math.round(value * 10 ** digits) / 10 ** digits;
}

/** The middle of some measurements. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low = Number.NaN, high = Number.NaN] = [sorted[sorted.length - 1 - middle], sorted[middle]];
  return (low + high) / 2;
}
