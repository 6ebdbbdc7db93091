import { STATUS, VR } from "./constants.ts";
import { failureError, type NativeFailure, type Stage } from "./failure.ts";
import { VR_ERROR, VR_PROGRESS } from "./layouts.ts";
import { asNumber, type Decoded, decode, type Struct, structBytes } from "./struct.ts";
import type { Native } from "./symbols.ts";

/** The library, and which of its contexts is meant. */
export interface NativeContext {
  readonly native: Native;
  readonly context: bigint;
}

/** How a piece of work ended. */
export type Ending<Result> =
  | { readonly ok: true; readonly result: Result }
  | { readonly ok: false; readonly failure: NativeFailure };

interface Settle<Result> {
  resolve(ending: Ending<Result>): void;
  reject(error: unknown): void;
}

/** One piece of work in the library, from its submission to its result. */
export class Ticket<Result> {
  readonly id: bigint;
  /** Resolves when nothing more is wanted of whoever feeds the work: it was cancelled, or has ended. */
  readonly stopped: Promise<void>;
  /** Settles once: with how the work ended; rejects when the library cannot say, or the result could not be taken. */
  readonly ended: Promise<Ending<Result>>;
  readonly #of: NativeContext;
  readonly #stage: Stage;
  readonly #take: (ticket: Ticket<Result>) => Result;
  readonly #onProgress: ((bytesDone: number) => void) | undefined;
  readonly #settle: Settle<Result>;
  readonly #stop: () => void;
  #stopping = false;
  #bytesDone = 0;
  #onRoom: (() => void) | undefined;

  /**
   * @param take - Reads the result of work that went well.
   * @param onProgress - Called with a count that only grows.
   */
  constructor(
    of: NativeContext,
    id: bigint,
    stage: Stage,
    take: (ticket: Ticket<Result>) => Result,
    onProgress: ((bytesDone: number) => void) | undefined,
  ) {
    this.#of = of;
    this.id = id;
    this.#stage = stage;
    this.#take = take;
    this.#onProgress = onProgress;
    let stop = (): void => {};
    this.stopped = new Promise((resolve) => {
      stop = resolve;
    });
    this.#stop = () => {
      this.#stopping = true;
      stop();
      this.#onRoom?.();
    };
    const settle: Settle<Result> = { resolve() {}, reject() {} };
    this.ended = new Promise<Ending<Result>>((resolve, reject) => Object.assign(settle, { resolve, reject }));
    // Whoever runs the work awaits it; what feeds it may look at it before.
    this.ended.catch(() => {});
    this.#settle = settle;
  }

  /** Takes what the library tells. @returns True when the work has ended, and the ticket is gone. */
  notice(what: number): boolean {
    try {
      if ((what & (VR.EVENT_PROGRESS | VR.EVENT_ENDED)) !== 0) this.#progress();
      if ((what & VR.EVENT_ROOM) !== 0) this.#onRoom?.();
      if ((what & VR.EVENT_ENDED) === 0) return false;
      this.#stop();
      this.#settle.resolve(this.#ending());
    } catch (error) {
      this.#settle.reject(error);
    }
    this.#of.native.vr_ticket_free(this.#of.context, this.id);
    return true;
  }

  /** Gives up on work that nobody will tell about any more. */
  abandon(error: unknown): void {
    this.#settle.reject(error);
    this.#stop();
  }

  /** Asks the library to stop. The work ends as soon as its chunk does; the end is awaited as ever. */
  cancel(): void {
    this.#stop();
    // A ticket that is gone needs no cancelling.
    this.#of.native.vr_cancel(this.#of.context, this.id);
  }

  /** Resolves when more can be pushed, or nothing more is wanted. */
  room(): Promise<void> {
    return new Promise((resolve) => {
      this.#onRoom = () => {
        this.#onRoom = undefined;
        resolve();
      };
    });
  }

  /** Gives the work bytes. @returns How many it took, 0 when it must be waited for; undefined when it takes no more. */
  push(data: Uint8Array): number | undefined {
    if (this.#stopping) return undefined;
    const taken = new BigUint64Array(1);
    const status = this.#of.native.vr_push(this.#of.context, this.id, data, data.length, taken);
    if (status === STATUS.EAGAIN) return 0;
    return status === STATUS.OK ? asNumber(taken[0] ?? 0n) : undefined;
  }

  /** Says that no more comes. */
  pushEnd(): void {
    this.#of.native.vr_push_end(this.#of.context, this.id);
  }

  /** Reads the report of work that went well. */
  report<Fields extends Struct>(fields: Fields): Decoded<Fields> {
    const bytes = new Uint8Array(structBytes(fields));
    this.#check(this.#of.native.vr_report(this.#of.context, this.id, bytes, bytes.length), "vr_report");
    return decode(fields, bytes);
  }

  /** Reads a part of the result; empty where the work has no such part. */
  part(which: number): Uint8Array {
    const { native, context } = this.#of;
    const length = new BigUint64Array(1);
    const read = (into: Uint8Array, room: number): void =>
      this.#check(native.vr_result_part(context, this.id, which, 0, into, room, length), "vr_result_part");
    // A buffer of no bytes would cross as null.
    read(new Uint8Array(1), 0);
    const bytes = new Uint8Array(asNumber(length[0] ?? 0n));
    if (bytes.length > 0) read(bytes, bytes.length);
    return bytes;
  }

  #progress(): void {
    if (this.#onProgress === undefined) return;
    const bytes = new Uint8Array(structBytes(VR_PROGRESS));
    this.#check(this.#of.native.vr_poll(this.#of.context, this.id, bytes), "vr_poll");
    const { bytes_done } = decode(VR_PROGRESS, bytes);
    if (bytes_done <= this.#bytesDone) return;
    this.#bytesDone = bytes_done;
    this.#onProgress(bytes_done);
  }

  #ending(): Ending<Result> {
    const bytes = new Uint8Array(structBytes(VR_ERROR));
    this.#check(this.#of.native.vr_outcome(this.#of.context, this.id, bytes), "vr_outcome");
    const failure = decode(VR_ERROR, bytes);
    return failure.status === STATUS.OK ? { ok: true, result: this.#take(this) } : { ok: false, failure };
  }

  #check(status: number, name: string): void {
    if (status === STATUS.OK) return;
    throw failureError({ ...NO_FAILURE, status }, { ...this.#stage, name: `${name} of ${this.#stage.name}` });
  }
}

/** A failure that says nothing but its status. */
export const NO_FAILURE: NativeFailure = decode(VR_ERROR, new Uint8Array(structBytes(VR_ERROR)));
