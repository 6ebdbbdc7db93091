import { hasCode, invariant, type VramError } from "@vram-residency/types";
import { STATUS } from "./constants.ts";
import { closed } from "./errors.ts";
import { failureError, type NativeFailure, type Stage } from "./failure.ts";
import { VR_ERROR, VR_EVENT, VR_OPEN_OPTIONS } from "./layouts.ts";
import { type Decoded, decode, encode, structBytes } from "./struct.ts";
import type { Native } from "./symbols.ts";
import { type NativeContext, Ticket } from "./ticket.ts";
import { WakePipe } from "./wake.ts";

const EVENTS_AT_ONCE = 64;
/** A buffer of no bytes would cross as null. */
const NOTHING: Uint8Array = new Uint8Array(1);

/** Where the driver's libraries are; absent for the system's own search. Shape: absolute paths. */
export interface DriverPaths {
  readonly cuda?: string;
  readonly nvml?: string;
}

/** One piece of work for the library. */
export interface Work<Result> {
  readonly stage: Stage;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((bytesDone: number) => void) | undefined;
  /** Calls a `vr_submit_` function. @returns Its status. */
  readonly submit: (of: NativeContext, ticketOut: BigUint64Array) => number;
  /** Reads the result of work that went well, while its ticket is alive. */
  readonly take: (ticket: Ticket<Result>) => Result;
  /** Undoes a result that nobody wants any more. */
  readonly undo?: (result: Result) => Promise<unknown>;
  /** Runs beside the work, and ends when the work has ended. What it throws ends the work. */
  readonly feed?: (ticket: Ticket<Result>) => Promise<void>;
}

/** An open context of the library: work goes in, promises come out. */
export class Context {
  readonly native: Native;
  readonly #of: NativeContext;
  readonly #wake: WakePipe;
  readonly #tickets = new Map<bigint, Pick<Ticket<unknown>, "notice" | "abandon">>();
  readonly #events = new Uint8Array(EVENTS_AT_ONCE * structBytes(VR_EVENT));
  #closing: Promise<void> | undefined;

  /** @throws {@link VramError} what `vr_open` refuses. */
  constructor(native: Native, options: Partial<Decoded<typeof VR_OPEN_OPTIONS>>, driver: DriverPaths) {
    this.native = native;
    const [cuda, nvml] = [pathBytes(driver.cuda), pathBytes(driver.nvml)];
    const context = new BigUint64Array(1);
    const wake = new Int32Array(1);
    const status = native.vr_open(
      encode(VR_OPEN_OPTIONS, options),
      cuda.bytes,
      cuda.length,
      nvml.bytes,
      nvml.length,
      context,
      wake,
    );
    if (status !== STATUS.OK) throw this.#lastError(status, { name: "open" });
    this.#of = { native, context: context[0] ?? 0n };
    this.#wake = new WakePipe(
      wake[0] ?? -1,
      () => this.#drain(),
      (error) => this.#abandon(error),
    );
  }

  /** The library and the context, for calls that wait for nothing. @throws `ERR_STATE` once it is closed. */
  assertOpen(): NativeContext {
    if (this.#closing !== undefined) throw closed();
    return this.#of;
  }

  /**
   * Does one piece of work, away from this thread.
   *
   * An aborted signal cancels it, and is the answer whatever else happened. The work is submitted before this returns, so
   * calls keep their order.
   */
  async run<Result>(work: Work<Result>): Promise<Result> {
    work.signal?.throwIfAborted();
    return this.#run(work, this.assertOpen());
  }

  /** Ends everything and gives everything back; what is under way ends with `ERR_STATE`. Answers again when asked twice. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { native, context } = this.#of;
    const submit = (_: NativeContext, out: BigUint64Array): number => native.vr_submit_close(context, out);
    try {
      await this.#run({ stage: { name: "close" }, submit, take: () => undefined }, this.#of);
    } catch (error) {
      // A lost device keeps nothing, and its loss was told to whoever asked it for anything.
      if (!hasCode(error, "ERR_DEVICE_LOST")) throw error;
    } finally {
      native.vr_close(context);
      this.#abandon(closed());
      await this.#wake.close();
    }
  }

  async #run<Result>(work: Work<Result>, of: NativeContext): Promise<Result> {
    let thrown: { readonly error: unknown } | undefined;
    const stop = (error: unknown): void => {
      thrown ??= { error };
      ticket.cancel();
    };
    const onProgress = work.onProgress && whileNot(() => thrown !== undefined, work.onProgress, stop);
    const ticket = this.#submit(work, of, onProgress);
    const abort = (): void => ticket.cancel();
    work.signal?.addEventListener("abort", abort);
    try {
      const feeding = work.feed?.(ticket).catch(stop);
      const ending = await ticket.ended;
      await feeding;
      if (ending.ok && (thrown !== undefined || work.signal?.aborted === true))
        await work.undo?.(ending.result);
      work.signal?.throwIfAborted();
      if (thrown !== undefined) throw thrown.error;
      if (ending.ok) return ending.result;
      throw this.#endedBy(ending.failure, work.stage);
    } finally {
      work.signal?.removeEventListener("abort", abort);
    }
  }

  #submit<Result>(
    { submit, take, stage }: Work<Result>,
    of: NativeContext,
    onProgress: ((bytesDone: number) => void) | undefined,
  ): Ticket<Result> {
    const out = new BigUint64Array(1);
    const status = submit(of, out);
    if (status !== STATUS.OK) throw this.#lastError(status, stage);
    const ticket = new Ticket(of, out[0] ?? 0n, stage, take, onProgress);
    this.#tickets.set(ticket.id, ticket);
    if (stage.deadlineMs !== undefined) of.native.vr_deadline(of.context, ticket.id, stage.deadlineMs);
    this.#wake.hold();
    return ticket;
  }

  /** Takes every event there is. After it, the next one wakes the pipe again. */
  #drain(): void {
    const { native, context } = this.#of;
    const count = new Uint32Array(1);
    do {
      const status = native.vr_events(context, this.#events, EVENTS_AT_ONCE, count);
      if (status === STATUS.ECLOSED) return;
      invariant(status === STATUS.OK, "events can be taken");
      for (let index = 0; index < (count[0] ?? 0); index += 1) {
        const { ticket, what } = decode(VR_EVENT, this.#events, index * structBytes(VR_EVENT));
        if (this.#tickets.get(ticket)?.notice(what) === true) this.#tickets.delete(ticket);
      }
    } while (count[0] === EVENTS_AT_ONCE);
    if (this.#tickets.size === 0) this.#wake.release();
  }

  #abandon(error: unknown): void {
    for (const ticket of this.#tickets.values()) ticket.abandon(error);
    this.#tickets.clear();
  }

  #endedBy(failure: NativeFailure, stage: Stage): VramError {
    // Closing cancels what is under way, and that is what whoever waits for it should be told.
    const byClosing = failure.status === STATUS.ECANCELLED && this.#closing !== undefined;
    return byClosing ? closed() : failureError(failure, stage);
  }

  #lastError(status: number, stage: Stage): VramError {
    const bytes = new Uint8Array(structBytes(VR_ERROR));
    this.native.vr_last_error(bytes);
    return failureError({ ...decode(VR_ERROR, bytes), status }, stage);
  }
}

/** Calls a caller's function until `stopped`; what it throws goes to `onThrow`. */
function whileNot(
  stopped: () => boolean,
  call: (bytesDone: number) => void,
  onThrow: (error: unknown) => void,
): (bytesDone: number) => void {
  return (bytesDone) => {
    if (stopped()) return;
    try {
      call(bytesDone);
    } catch (error) {
      onThrow(error);
    }
  };
}

function pathBytes(path: string | undefined): { readonly bytes: Uint8Array; readonly length: number } {
  if (path === undefined) return { bytes: NOTHING, length: 0 };
  const bytes = new TextEncoder().encode(path);
  return { bytes, length: bytes.length };
}
