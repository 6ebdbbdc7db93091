import { concatBytes } from "@vram-residency/crypto";

const NEWLINE = 0x0a;

/** Cuts a stream of bytes behind every `lines`-th newline. Holds no more than one piece. */
export class Splitter {
  readonly #lines: number;
  readonly #bytesMax: number;
  #held: Uint8Array = new Uint8Array(0);

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
    let bytes = this.#held.length === 0 ? chunk : concatBytes(this.#held, chunk);
    for (let end = this.#end(bytes); end > 0; end = this.#end(bytes)) {
      yield bytes.subarray(0, end);
      bytes = bytes.subarray(end);
    }
    // A copy: the chunk is the caller's.
    this.#held = bytes.slice();
  }

  #end(bytes: Uint8Array): number {
    let end = 0;
    for (let line = 0; line < this.#lines; line += 1) {
      const at = bytes.indexOf(NEWLINE, end);
      if (at < 0) return bytes.length > this.#bytesMax ? bytes.length : 0;
      end = at + 1;
    }
    return end;
  }
}
