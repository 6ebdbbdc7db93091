import { VramError } from "@vram-residency/types";

interface Waiting {
  readonly start: () => void;
}

/** Runs the work of one device in order, one piece at a time, with a bounded queue. */
export class DeviceQueue {
  readonly #limit: number;
  readonly #waiting: Waiting[] = [];
  #busy = false;

  /** @param limit - Most pieces of work waiting. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Whether a piece of work is running. */
  get busy(): boolean {
    return this.#busy;
  }

  /**
   * Runs `work` when everything before it has ended.
   *
   * @param signal - While waiting, aborting takes the work out of the queue; while running, it is the work's own business.
   * @throws {@link VramError} `ERR_BUSY` when the queue is full; the signal's reason.
   */
  async run<Result>(signal: AbortSignal, work: () => Promise<Result>): Promise<Result> {
    signal.throwIfAborted();
    if (this.#busy) await this.#turn(signal);
    this.#busy = true;
    try {
      return await work();
    } finally {
      this.#busy = false;
      const next = this.#waiting.shift();
      if (next !== undefined) {
        // Taken before anybody else can come in between.
        this.#busy = true;
        next.start();
      }
    }
  }

  #turn(signal: AbortSignal): Promise<void> {
    if (this.#waiting.length >= this.#limit) {
      const message = `${this.#limit} operations are waiting for this device: try again later`;
      throw new VramError("ERR_BUSY", message, { queue: "device", limit: this.#limit });
    }
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        start: () => {
          signal.removeEventListener("abort", leave);
          resolve();
        },
      };
      const leave = (): void => {
        const place = this.#waiting.indexOf(waiting);
        if (place >= 0) this.#waiting.splice(place, 1);
        reject(signal.reason);
      };
      signal.addEventListener("abort", leave, { once: true });
      this.#waiting.push(waiting);
    });
  }
}
