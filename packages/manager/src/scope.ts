import { isVramError, type Progress, type Timers, VramError } from "@vram-residency/types";

/** What can end an operation early. */
export interface ScopeOptions {
  readonly signal?: AbortSignal | undefined;
  readonly deadlineMs?: number | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/**
 * One operation: its stage, its limits, and the signal its parts listen to.
 *
 * The signal's reason is always the `VramError` the caller will see: `ERR_CANCELLED` or `ERR_DEADLINE`, with the stage
 * that was interrupted.
 */
export class Scope implements Disposable {
  stage = "queue";
  readonly #controller = new AbortController();
  readonly #cleanup: (() => void)[] = [];
  readonly #options: ScopeOptions;

  /** @param closing - Aborts every operation when the manager closes. */
  constructor(timers: Timers, closing: AbortSignal, options: ScopeOptions) {
    this.#options = options;
    for (const signal of [options.signal, closing]) {
      if (signal === undefined) continue;
      const cancel = (): void => this.#abort(cancelled(this.stage));
      if (signal.aborted) cancel();
      signal.addEventListener("abort", cancel);
      this.#cleanup.push(() => signal.removeEventListener("abort", cancel));
    }
    const limit = options.deadlineMs;
    if (limit !== undefined) {
      this.#cleanup.push(
        timers.after(limit, () => {
          const stage = this.stage;
          this.#abort(
            new VramError(
              "ERR_DEADLINE",
              `not done after ${limit} ms, in stage ${stage}: try again or raise deadlineMs`,
              {
                stage,
                limit,
              },
            ),
          );
        }),
      );
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Names the stage that begins. @throws the reason, when the operation has been ended. */
  enter(stage: string): void {
    this.stage = stage;
    this.signal.throwIfAborted();
  }

  /** A progress callback for one stage; one that throws ends the operation. */
  progress(stage: Progress["stage"], shardId: string, bytesTotal: number): (bytesDone: number) => void {
    const refuse = (cause: unknown): void => {
      const reason = "threw";
      this.#abort(
        new VramError("ERR_INPUT_INVALID", "onProgress: threw", { field: "onProgress", reason }, { cause }),
      );
    };
    return (bytesDone) => {
      try {
        // The type says that nothing comes back; an async function passes for it all the same.
        const answer: unknown = this.#options.onProgress?.({ stage, bytesDone, bytesTotal, shardId });
        if (answer instanceof Promise) answer.catch(refuse);
      } catch (cause) {
        refuse(cause);
      }
    };
  }

  #abort(reason: VramError): void {
    this.#controller.abort(reason);
  }

  [Symbol.dispose](): void {
    for (const clean of this.#cleanup) clean();
  }
}

function cancelled(stage: string): VramError {
  return new VramError("ERR_CANCELLED", `cancelled in stage ${stage}; nothing was left behind`, { stage });
}

/** What a public method rejects with: our own errors as they are, anything else as `ERR_BUG` with its cause. */
export function publicError(error: unknown): VramError {
  if (isVramError(error)) return error;
  const invariant = "every failure is a coded one";
  return new VramError(
    "ERR_BUG",
    "a part failed in an undocumented way: report it with its cause",
    { invariant },
    {
      cause: error,
    },
  );
}
