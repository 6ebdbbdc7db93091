import { toHex } from "@vram-residency/crypto";
import { type FileHandle, hasCode } from "@vram-residency/types";
import { Chain } from "../log/chain.ts";
import type { AuditVerifySecret } from "../log/keys.ts";
import { type AuditLine, LINE_BYTES_MAX, type LogHashes } from "../log/line.ts";
import { readContinuation, segmentName } from "../log/opening.ts";
import { Splitter } from "../log/split.ts";
import { chunksOf } from "./files.ts";
import type { Damage } from "./refusal.ts";
import { LiveSeals } from "./seals.ts";

/** A segment as it is read again. */
export interface OldSegment {
  readonly firstSeq: number;
  readonly file: FileHandle;
  /** Where the next one cuts it off. Unit: bytes. */
  readonly keepBytes?: number;
}

/** Reads the end of a log again, and takes from it all that a writer needs to go on. */
export class Replay implements Disposable {
  readonly chain: Chain;
  readonly seals: LiveSeals = new LiveSeals();
  /** Torn files that an `AuditRecovered` names. */
  readonly named: Set<string> = new Set();
  /** The root at each of the sizes that were asked for. */
  readonly roots: Map<number, string> = new Map();
  /** Where the line that begins at such a size lies. */
  readonly places: Map<number, { readonly segment: number; readonly offset: number }> = new Map();
  readonly #hashes: LogHashes;
  readonly #sizes: ReadonlySet<number>;
  #last: AuditLine | undefined;
  #segment = 0;
  #offset = 0;
  /** When the segment that was read last began. RFC 3339. */
  segmentTime = "";

  /**
   * @param sizes - Where the root is asked for.
   * @param macsFrom - First line whose MAC is checked.
   */
  constructor(hashes: LogHashes, secret: AuditVerifySecret, sizes: readonly number[], macsFrom: number) {
    this.chain = new Chain(hashes, [secret], macsFrom);
    this.#hashes = hashes;
    this.#sizes = new Set(sizes);
  }

  /** The last line that holds. */
  get last(): AuditLine | undefined {
    return this.#last;
  }

  /** What of the segment that was read last holds. Unit: bytes. */
  get offset(): number {
    return this.#offset;
  }

  /** Reads a segment up to its end or the first line that does not belong there. */
  async read(segment: OldSegment, before: OldSegment | undefined): Promise<Damage | undefined> {
    this.#segment = segment.firstSeq;
    this.#offset = 0;
    const splitter = new Splitter(1, LINE_BYTES_MAX + 1);
    const end = segment.keepBytes ?? Number.POSITIVE_INFINITY;
    for await (const chunk of chunksOf(segment.file, 0, end)) {
      for (const piece of splitter.push(chunk)) {
        const seq = this.#seq();
        const rule = this.#accept(piece.subarray(0, -1), segment, before);
        if (rule !== undefined) return this.#damage(rule, seq);
        this.#offset += piece.length;
        this.#mark();
      }
    }
    if (splitter.heldBytes > 0 || (segment.keepBytes ?? this.#offset) !== this.#offset)
      return this.#damage("torn");
    return this.#offset === 0 ? this.#damage("empty") : undefined;
  }

  /** Wipes the keys. */
  [Symbol.dispose](): void {
    this.chain[Symbol.dispose]();
  }

  /** The next line's number. */
  #seq(): number {
    return this.chain.log === "" ? this.#segment : this.chain.size;
  }

  #damage(rule: string, seq: number = this.#seq()): Damage {
    return { seq, segment: this.#segment, offset: this.#offset, rule };
  }

  /** @returns The rule that the line breaks. */
  #accept(bytes: Uint8Array, segment: OldSegment, before: OldSegment | undefined): string | undefined {
    const first = this.#offset === 0;
    const fresh = this.chain.log === "";
    let line: AuditLine;
    try {
      line = this.chain.accept(bytes);
    } catch (error) {
      if (hasCode(error, "ERR_FORMAT_INVALID")) return error.detail.rule;
      throw error;
    }
    if (first && !isFirst(line, segment, before)) return "segment";
    if (first) this.segmentTime = line.time;
    if (fresh) this.#begin(line);
    this.seals.take(line.type, line.data);
    if (line.type === "AuditRecovered") this.#name(line);
    this.#last = line;
    return undefined;
  }

  /** Takes over what the first line says of all the lines before it. */
  #begin({ seq, data }: AuditLine): void {
    if (seq === 0) return;
    this.seals.restore(data["live"]);
    if (!this.#sizes.has(seq)) return;
    this.roots.set(seq, toHex(readContinuation(data, seq, this.#hashes.sha256).tree.root()));
    this.places.set(seq, { segment: seq, offset: 0 });
  }

  #name({ data }: AuditLine): void {
    const torn = data["torn"];
    if (!Array.isArray(torn)) return;
    for (const one of torn) {
      if (typeof one === "object" && one !== null && typeof one.file === "string") this.named.add(one.file);
    }
  }

  #mark(): void {
    const { size } = this.chain;
    if (!this.#sizes.has(size)) return;
    this.roots.set(size, this.chain.root());
    this.places.set(size, { segment: this.#segment, offset: this.#offset });
  }
}

function isFirst(
  { seq, type, data }: AuditLine,
  segment: OldSegment,
  before: OldSegment | undefined,
): boolean {
  if (seq !== segment.firstSeq) return false;
  if (before === undefined) return true;
  if (type !== "AuditRecovered") return type === "SegmentOpened" && before.keepBytes === undefined;
  const { prevSegment, keepBytes, lastSeq } = data;
  return (
    prevSegment === segmentName(before.firstSeq) && keepBytes === before.keepBytes && lastSeq === seq - 1
  );
}
