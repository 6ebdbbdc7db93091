import { type ProvenanceRule, refuse } from "./rules.ts";

/** Tags of the types that are read. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
} as const;

/** Reads DER, front to back, and accepts the one encoding that a value has. @see ITU-T X.690, section 10. */
export class DerReader {
  readonly #bytes: Uint8Array;
  readonly #rule: ProvenanceRule;
  #at = 0;

  /** @param rule - What bytes that are no DER break. */
  constructor(bytes: Uint8Array, rule: ProvenanceRule) {
    this.#bytes = bytes;
    this.#rule = rule;
  }

  /** The tag that comes next; undefined at the end. */
  get tag(): number | undefined {
    return this.#bytes[this.#at];
  }

  /** Reads one element. @returns Its contents, and with the header. */
  element(tag: number): { readonly content: Uint8Array; readonly whole: Uint8Array } {
    const start = this.#at;
    if (this.tag !== tag) this.refuse();
    this.#at += 1;
    const length = this.#length();
    const from = this.#at;
    if (length > this.#bytes.length - from) this.refuse();
    this.#at += length;
    return { content: this.#bytes.subarray(from, this.#at), whole: this.#bytes.subarray(start, this.#at) };
  }

  /** Reads one element's contents. */
  read(tag: number): Uint8Array {
    return this.element(tag).content;
  }

  /** Reads one element, and lends a reader of what is in it, which must be read to its end. */
  inside<Result>(tag: number, body: (reader: DerReader) => Result): Result {
    const reader = new DerReader(this.read(tag), this.#rule);
    const result = body(reader);
    reader.end();
    return result;
  }

  /** Reads a positive INTEGER in its shortest form. @returns Big-endian, without the byte that only carries a sign. */
  positive(): Uint8Array {
    const content = this.read(TAG.integer);
    const [first = 0x80, second = 0] = content;
    if (first >= 0x80 || (first === 0 && content.length > 1 && second < 0x80)) this.refuse();
    return first === 0 && content.length > 1 ? content.subarray(1) : content;
  }

  /** Demands that nothing is left. */
  end(): void {
    if (this.#at !== this.#bytes.length) this.refuse();
  }

  refuse(): never {
    refuse(this.#rule, "these bytes are no DER of what they should be: get them again from their publisher");
  }

  #length(): number {
    const first = this.#byte();
    if (first < 0x80) return first;
    const count = first & 0x7f;
    // 0 is BER's indefinite length; four bytes are more than anything here.
    if (count === 0 || count > 4) this.refuse();
    let length = 0;
    for (let index = 0; index < count; index += 1) length = length * 256 + this.#byte();
    if (length < (count === 1 ? 0x80 : 256 ** (count - 1))) this.refuse();
    return length;
  }

  #byte(): number {
    const byte = this.#bytes[this.#at] ?? this.refuse();
    this.#at += 1;
    return byte;
  }
}
