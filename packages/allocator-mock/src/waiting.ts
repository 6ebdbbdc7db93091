import type { Timers } from "@vram-residency/types";

/** Waits that end early when a signal is aborted, or all at once when the allocator is disposed of. */
export class Waiting {
  readonly #timers: Timers;
  readonly #ends = new Set<(error: Error) => void>();

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** Waits `delayMs`; without it, for ever. @throws The signal's reason, or what {@link Waiting.end} was given. */
  wait(delayMs: number | undefined, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#ends.delete(end);
        signal?.removeEventListener("abort", abort);
        cancel?.();
      };
      const end = (error: unknown): void => {
        leave();
        reject(error);
      };
      const abort = (): void => end(signal?.reason);
      const cancel =
        delayMs === undefined
          ? undefined
          : this.#timers.after(delayMs, () => {
              leave();
              resolve();
            });
      this.#ends.add(end);
      signal?.addEventListener("abort", abort);
      if (signal?.aborted === true) abort();
    });
  }

  /** Ends every wait. */
  end(error: Error): void {
    for (const end of this.#ends) end(error);
  }
}

/** Waits for `promise`, but not once the signal is aborted. @throws The signal's reason. */
export async function untilAborted<Result>(
  promise: Promise<Result>,
  signal: AbortSignal | undefined,
): Promise<Result> {
  if (signal === undefined) return promise;
  let abort: () => void = () => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort);
    if (signal.aborted) abort();
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
