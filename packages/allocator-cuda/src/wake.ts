/**
 * The wake-up pipe: read by the event loop while somebody waits, and only then.
 *
 * A stream over a descriptor keeps the process alive from its first read until it is cancelled; so it is cancelled when
 * nothing is under way, and made again for the next piece of work (about 40 µs). No timer polls.
 *
 * @module
 */
import { closeSync } from "node:fs";

/** Reads the descriptor while it is held. */
export class WakePipe {
  readonly #descriptor: number;
  readonly #onWake: () => void;
  readonly #onBroken: (error: unknown) => void;
  #held = false;
  #reading: Promise<void> | undefined;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;

  /**
   * @param onWake - Called after every wake-up, and once when reading begins.
   * @param onBroken - Told when the pipe cannot be read, or `onWake` threw: nobody will be woken any more.
   */
  constructor(descriptor: number, onWake: () => void, onBroken: (error: unknown) => void) {
    this.#descriptor = descriptor;
    this.#onWake = onWake;
    this.#onBroken = onBroken;
  }

  /** Begins to read, and keeps the process alive. */
  hold(): void {
    this.#held = true;
    this.#reading ??= this.#read();
  }

  /** Lets go once the event loop has had a turn, unless it is held again by then: work often follows on work. */
  release(): void {
    this.#held = false;
    setImmediate(() => {
      if (!this.#held) void this.#reader?.cancel();
    });
  }

  /** Stops reading and closes the descriptor. */
  async close(): Promise<void> {
    this.#held = false;
    await this.#reader?.cancel();
    await this.#reading;
    closeSync(this.#descriptor);
  }

  async #read(): Promise<void> {
    try {
      while (this.#held) {
        this.#reader = Bun.file(this.#descriptor).stream().getReader();
        // A stream that was cancelled may have swallowed the byte of an event that nobody has taken yet.
        this.#onWake();
        while (!(await this.#reader.read()).done) this.#onWake();
      }
    } catch (error) {
      this.#onBroken(error);
    } finally {
      this.#reader = undefined;
      this.#reading = undefined;
    }
  }
}
