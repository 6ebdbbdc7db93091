import type { CheckpointAnchor } from "./options.ts";

/** Keeps an anchor up to date: one write at a time, always of the newest checkpoint. The log never waits for it. */
export class AnchorKeeper {
  readonly #anchor: CheckpointAnchor;
  readonly #log: string;
  readonly #within: <Result>(work: Promise<Result>) => Promise<Result>;
  readonly #onFailure: () => void;
  #next: Uint8Array | undefined;
  #running: Promise<void> | undefined;
  #failing = false;

  /**
   * @param within - Gives up waiting after a while.
   * @param onFailure - Called once when writes begin to fail, and again only after one that did not.
   */
  constructor(
    anchor: CheckpointAnchor,
    log: string,
    within: <Result>(work: Promise<Result>) => Promise<Result>,
    onFailure: () => void,
  ) {
    this.#anchor = anchor;
    this.#log = log;
    this.#within = within;
    this.#onFailure = onFailure;
  }

  /** Gives it a newer checkpoint. */
  offer(note: Uint8Array): void {
    this.#next = note;
    this.#running ??= this.#run();
  }

  /** Waits for what was offered, for a while. Never rejects. */
  async settle(): Promise<void> {
    if (this.#running) await this.#within(this.#running).catch(() => {});
  }

  async #run(): Promise<void> {
    for (let note = this.#take(); note !== undefined; note = this.#take()) {
      const bytes = note;
      const call = Promise.resolve().then(() => this.#anchor.write(this.#log, bytes));
      try {
        await this.#within(call);
        this.#failing = false;
      } catch {
        if (!this.#failing) {
          this.#failing = true;
          this.#onFailure();
        }
        // One that comes back late must not put an older checkpoint in the place of a newer one.
        await call.catch(() => {});
      }
    }
    this.#running = undefined;
  }

  #take(): Uint8Array | undefined {
    const note = this.#next;
    this.#next = undefined;
    return note;
  }
}
