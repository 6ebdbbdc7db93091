/**
 * Waiting for other people's code, but not for ever.
 *
 * @module
 */
import { type Timers, VramError } from "@vram-residency/types";

/** Longest wait for a call that cannot be cancelled, where no deadline is configured. Unit: ms. */
export const HANG_MS = 600_000;

/** Waits for `promise`, but not once the signal is aborted. @throws the signal's reason. */
export async function unlessAborted<Result>(signal: AbortSignal, promise: Promise<Result>): Promise<Result> {
  let leave = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    leave = () => reject(signal.reason);
    signal.addEventListener("abort", leave);
    if (signal.aborted) leave();
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", leave);
  }
}

/**
 * Waits for calls of an allocator, and remembers those that it stopped waiting for.
 *
 * A call that hangs may still be reading or writing the memory it was given: until it ends, nothing else is asked of that
 * memory, so it is neither wiped too early nor freed and used again.
 */
export class Patience {
  readonly #timers: Timers;
  readonly #limitMs: number;
  readonly #hanging = new Map<string, number>();
  #closings = 0;

  /** @param limitMs - Longest wait for what cannot be cancelled, and for what was and does not end. Unit: ms. */
  constructor(timers: Timers, limitMs: number = HANG_MS) {
    this.#timers = timers;
    this.#limitMs = limitMs;
  }

  /**
   * Makes a call and waits for it: no longer than the limit, counted from the abort of its signal when it takes one.
   *
   * @param subject - What the call may touch.
   * @param late - Told what a call that nobody waits for any more has given after all.
   * @throws {@link VramError} `ERR_DEADLINE` when it hangs, or when an earlier call on the same subject still does.
   */
  async run<Result>(
    subject: string,
    stage: string,
    call: () => Promise<Result>,
    signal?: AbortSignal,
    late?: (result: Result) => void,
  ): Promise<Result> {
    if (this.#hanging.has(subject)) throw this.#expired(stage);
    const running = call();
    return await new Promise<Result>((resolve, reject) => {
      let abandoned = false;
      const cleanup: (() => void)[] = [];
      const expire = (): void => {
        abandoned = true;
        this.#count(subject, 1);
        reject(this.#expired(stage));
      };
      const wait = (): void => {
        cleanup.push(this.#timers.after(this.#limitMs, expire));
      };
      if (signal === undefined || signal.aborted) wait();
      else {
        signal.addEventListener("abort", wait, { once: true });
        cleanup.push(() => signal.removeEventListener("abort", wait));
      }
      running
        .then(
          (result) => (abandoned ? late?.(result) : resolve(result)),
          (error: unknown) => reject(error),
        )
        .finally(() => {
          for (const clean of cleanup) clean();
          if (abandoned) this.#count(subject, -1);
        })
        .catch(() => {});
    });
  }

  /** Waits until something is closed, within the limit. @throws {@link VramError} `ERR_DEADLINE`; as closing it does. */
  async close(part: AsyncDisposable): Promise<void> {
    await this.run(`closing ${this.#closings++}`, "close", async () => await part[Symbol.asyncDispose]());
  }

  #count(subject: string, change: number): void {
    const count = (this.#hanging.get(subject) ?? 0) + change;
    if (count > 0) this.#hanging.set(subject, count);
    else this.#hanging.delete(subject);
  }

  #expired(stage: string): VramError<"ERR_DEADLINE"> {
    const limit = this.#limitMs;
    const message = `${stage} did not end within ${limit} ms: what it may still touch is kept until it does; try again later, or restart the process`;
    return new VramError("ERR_DEADLINE", message, { stage, limit });
  }
}
