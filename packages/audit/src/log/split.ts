import { concatBytes } from "@vram-residency/crypto";

const NEWLINE = 0x0a;
const NOTHING: Uint8Array = new Uint8Array(0);

/** Cuts a stream of bytes behind every `lines`-th newline. Holds no more than one piece. */
export class Splitter {
  readonly #lines: number;
  readonly #bytesMax: number;
  #held: Uint8Array = NOTHING;
  /** How many newlines there are in what is held. */
  #newlines = 0;

  /** @param bytesMax - A piece that grows longer is given out as it is, for its reader to refuse. */
  constructor(lines: number, bytesMax: number) {
    this.#lines = lines;
    this.#bytesMax = bytesMax;
  }

  /** What is behind the last piece. Unit: bytes. */
  get heldBytes(): number {
    return this.#held.length;
  }

  /** @returns The pieces that `chunk` completes, each with its newlines; valid until the chunk's buffer changes. */
  *push(chunk: Uint8Array): Generator<Uint8Array, void> {
    let start = 0;
    for (let end = this.#end(chunk, 0); end > 0; end = this.#end(chunk, end)) {
      yield this.#release(chunk.subarray(start, end));
      start = end;
    }
    // A copy: the chunk is the caller's.
    this.#held = concatBytes(this.#held, chunk.subarray(start));
  }

  /** Where the piece ends that begins at `start`, or in what is held; 0 when it goes on behind the chunk. */
  #end(chunk: Uint8Array, start: number): number {
    let end = start;
    while (this.#newlines < this.#lines) {
      const at = chunk.indexOf(NEWLINE, end);
      if (at < 0) return this.#held.length + chunk.length - start > this.#bytesMax ? chunk.length : 0;
      this.#newlines += 1;
      end = at + 1;
    }
    return end;
  }

  #release(rest: Uint8Array): Uint8Array {
    const piece = this.#held.length === 0 ? rest : concatBytes(this.#held, rest);
    this.#held = NOTHING;
    this.#newlines = 0;
    return piece;
  }
}
