import { formatError } from "./format-error.ts";

/** Name of the format in errors. */
export const GGUF = "gguf";
const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const TWO_32 = 4_294_967_296;

/** Thrown when a header goes on behind what has been read of it; the file itself is long enough. */
export class MoreBytes extends Error {
  /** Unit: bytes from the start of the file. */
  readonly neededBytes: number;

  constructor(neededBytes: number) {
    super("more of the header is needed");
    this.neededBytes = neededBytes;
  }
}

/** Goes through the beginning of a file, little-endian. Every step is checked against the file's real length before it is taken. */
export class GgufCursor {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #fileBytes: number;
  readonly #headerBytesMax: number;
  #position = 0;

  /** @param bytes - What has been read of the file, from its start. */
  constructor(bytes: Uint8Array, limits: { readonly fileBytes: number; readonly headerBytesMax: number }) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#fileBytes = limits.fileBytes;
    this.#headerBytesMax = limits.headerBytesMax;
  }

  /** Unit: bytes from the start of the file. */
  get position(): number {
    return this.#position;
  }

  /** Unit: bytes to the end of the file. */
  get remainingBytes(): number {
    return this.#fileBytes - this.#position;
  }

  /**
   * Steps over `bytes`.
   *
   * @param rule - What a file that is too short for it breaks.
   * @returns Where they begin.
   */
  skip(bytes: number, rule: "too-short" | "length" = "too-short"): number {
    const start = this.#position;
    // Subtracted, so that no length can overflow; an infinite one is past every end.
    if (bytes > this.#fileBytes - start) {
      const message =
        rule === "length" ? "a length is past the end of the file" : "the file ends in its header";
      throw formatError(GGUF, rule, message, start);
    }
    if (bytes > this.#headerBytesMax - start) {
      const message = `the header is over the limit of ${this.#headerBytesMax} bytes`;
      throw formatError(GGUF, "header-length", message, start);
    }
    if (bytes > this.#bytes.length - start) throw new MoreBytes(start + bytes);
    this.#position = start + bytes;
    return start;
  }

  u8(): number {
    return this.#view.getUint8(this.skip(1));
  }

  u16(): number {
    return this.#view.getUint16(this.skip(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.skip(4), true);
  }

  i32(): number {
    return this.#view.getInt32(this.skip(4), true);
  }

  /** @returns Infinity for what a number cannot hold exactly, so that every upper bound refuses it. */
  u64(): number {
    const at = this.skip(8);
    const value = this.#view.getUint32(at + 4, true) * TWO_32 + this.#view.getUint32(at, true);
    return value > Number.MAX_SAFE_INTEGER ? Number.POSITIVE_INFINITY : value;
  }

  /** Steps over a text. */
  skipText(): void {
    this.skip(this.u64(), "length");
  }

  /**
   * Reads a text.
   *
   * @param rule - What a text breaks that is empty, longer than `bytesMax`, no UTF-8, or holds a NUL, where a reader in C would end it.
   */
  text(bytesMax: number, rule: string): string {
    const start = this.#position;
    const length = this.u64();
    if (length <= this.remainingBytes && (length === 0 || length > bytesMax)) {
      throw formatError(GGUF, rule, `a text is empty or over ${bytesMax} bytes`, start);
    }
    const at = this.skip(length, "length");
    const bytes = this.#bytes.subarray(at, at + length);
    try {
      if (!bytes.includes(0)) return DECODER.decode(bytes);
    } catch {
      // Refused below, like a NUL.
    }
    throw formatError(GGUF, rule, "a text is no UTF-8 or holds a NUL", at);
  }
}
