/**
 * A native library in TypeScript: does what a test says, when the test says it, over a real pipe.
 *
 * @module
 */
import { dlopen } from "bun:ffi";
import { closeSync, writeSync } from "node:fs";
import { STATUS, VR } from "../src/constants.ts";
import { VR_ERROR, VR_EVENT, VR_PROGRESS } from "../src/layouts.ts";
import { type Decoded, encode, structBytes } from "../src/struct.ts";
import { type Native, type NativeBuffer, SYMBOLS } from "../src/symbols.ts";

const { pipe2 } = dlopen("libc.so.6", { pipe2: { args: ["buffer", "i32"], returns: "i32" } }).symbols;
const CLOEXEC_NONBLOCK = 0o2000000 | 0o4000;

type Failure = Partial<Decoded<typeof VR_ERROR>>;

/** One submitted piece of work. */
export interface ScriptedWork {
  readonly ticket: bigint;
  /** The `vr_submit_` function. */
  readonly name: string;
  readonly args: readonly unknown[];
}

interface Answer {
  readonly failure?: Failure;
  readonly report?: Uint8Array;
  readonly parts?: ReadonlyMap<number, Uint8Array>;
}

/** The library and its strings. */
export class ScriptedNative {
  readonly native: Native;
  /** Everything called, in order. */
  readonly calls: string[] = [];
  readonly submitted: ScriptedWork[] = [];
  readonly cancelled: bigint[] = [];
  readonly freed: bigint[] = [];
  readonly pushed: Uint8Array[] = [];
  /** What the next submissions are refused with. */
  refuse: Failure | undefined;
  /** Told of each submission, before it returns. */
  onSubmit: (work: ScriptedWork) => void = () => {};
  onCancel: (ticket: bigint) => void = () => {};
  /** How many bytes a push takes. */
  takes: (bytes: number) => number = (bytes) => bytes;
  pushEnds = 0;
  readonly #pipe = new Int32Array(2);
  readonly #answers = new Map<bigint, Answer>();
  readonly #progress = new Map<bigint, number>();
  #events: { ticket: bigint; what: number }[] = [];
  #lastError: Failure = {};
  #tickets = 0n;

  constructor() {
    pipe2(this.#pipe, CLOEXEC_NONBLOCK);
    const table = Object.fromEntries(Object.keys(SYMBOLS).map((name) => [name, this.#function(name)]));
    this.native = table as unknown as Native;
  }

  /** Number of descriptors that are still its own. */
  closeWriteEnd(): void {
    closeSync(this.#pipe[1] ?? -1);
  }

  /** Ends work. */
  end(ticket: bigint, answer: Answer = {}): void {
    this.#answers.set(ticket, answer);
    this.tell(ticket, VR.EVENT_ENDED);
  }

  /** Tells how far work has come. */
  progress(ticket: bigint, bytesDone: number): void {
    this.#progress.set(ticket, bytesDone);
    this.tell(ticket, VR.EVENT_PROGRESS);
  }

  /** Stores an event and wakes whoever reads the pipe. */
  tell(ticket: bigint, what: number): void {
    this.#events.push({ ticket, what });
    writeSync(this.#pipe[1] ?? -1, Uint8Array.of(1));
  }

  #function(name: string): (...args: readonly never[]) => number {
    return (...args) => {
      this.calls.push(name);
      if (name.startsWith("vr_submit_")) return this.#submit(name, args);
      return this.#plain(name, args);
    };
  }

  #submit(name: string, args: readonly unknown[]): number {
    if (this.refuse !== undefined) {
      this.#lastError = this.refuse;
      return this.refuse.status ?? STATUS.EBUG;
    }
    this.#tickets += 1n;
    const ticket = this.#tickets;
    (args.at(-1) as BigUint64Array)[0] = ticket;
    const work = { ticket, name, args };
    this.submitted.push(work);
    if (name === "vr_submit_close") this.end(ticket);
    else this.onSubmit(work);
    return STATUS.OK;
  }

  #plain(name: string, args: readonly unknown[]): number {
    const out = (index: number): NativeBuffer => args[index] as NativeBuffer;
    const ticket = args[1] as bigint;
    const answer = this.#answers.get(ticket);
    switch (name) {
      case "vr_open":
        (args[5] as BigUint64Array)[0] = 7n;
        (args[6] as Int32Array)[0] = this.#pipe[0] ?? -1;
        return STATUS.OK;
      case "vr_last_error":
        (out(0) as Uint8Array).set(encode(VR_ERROR, this.#lastError));
        return STATUS.OK;
      case "vr_events":
        return this.#take(args);
      case "vr_cancel":
        this.cancelled.push(ticket);
        this.onCancel(ticket);
        return STATUS.OK;
      case "vr_poll":
        (out(2) as Uint8Array).set(encode(VR_PROGRESS, { bytes_done: this.#progress.get(ticket) ?? 0 }));
        return STATUS.OK;
      case "vr_outcome":
        (out(2) as Uint8Array).set(encode(VR_ERROR, answer?.failure ?? {}));
        return answer === undefined ? STATUS.EAGAIN : STATUS.OK;
      case "vr_report":
        (out(2) as Uint8Array).set(answer?.report ?? new Uint8Array(0));
        return answer?.report?.length === args[3] ? STATUS.OK : STATUS.EINVAL;
      case "vr_result_part": {
        const part = answer?.parts?.get(args[2] as number) ?? new Uint8Array(0);
        (out(4) as Uint8Array).set(part.subarray(0, args[5] as number));
        (args[6] as BigUint64Array)[0] = BigInt(part.length);
        return STATUS.OK;
      }
      case "vr_ticket_free":
        this.freed.push(ticket);
        return STATUS.OK;
      case "vr_push":
        return this.#push(args);
      case "vr_push_end":
        this.pushEnds += 1;
        return STATUS.OK;
      case "vr_close":
        this.closeWriteEnd();
        return STATUS.OK;
      default:
        return STATUS.OK;
    }
  }

  #take(args: readonly unknown[]): number {
    const [into, room, count] = [args[1] as Uint8Array, args[2] as number, args[3] as Uint32Array];
    const taken = this.#events.slice(0, room);
    this.#events = this.#events.slice(room);
    for (const [index, event] of taken.entries()) {
      into.set(encode(VR_EVENT, event), index * structBytes(VR_EVENT));
    }
    count[0] = taken.length;
    return STATUS.OK;
  }

  #push(args: readonly unknown[]): number {
    const data = (args[2] as Uint8Array).slice(0, args[3] as number);
    const taken = this.takes(data.length);
    if (taken === 0) return STATUS.EAGAIN;
    if (taken < 0) return STATUS.ESOURCE;
    this.pushed.push(data.slice(0, taken));
    (args[4] as BigUint64Array)[0] = BigInt(taken);
    return STATUS.OK;
  }
}
