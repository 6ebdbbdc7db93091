import { CompactRange, equalBytes, merkleLeaf, toHex } from "@vram-residency/crypto";
import { VramError } from "@vram-residency/types";
import { parseCheckpointKey } from "./checkpoint.ts";
import { type AuditMacKey, type AuditVerifySecret, evolveMacKey, unwrapMacKey } from "./keys.ts";
import { type AuditLine, LINES_PER_KEY, type LogHashes, macHolds, NO_PREVIOUS, parseLine } from "./line.ts";
import { type Opening, readContinuation, readOpening } from "./opening.ts";

/** Follows the lines of one log, and refuses the first that does not belong where it stands. Constant memory. */
export class Chain implements Disposable {
  readonly #hashes: LogHashes;
  readonly #secrets: readonly AuditVerifySecret[];
  readonly #macsFrom: number;
  #tree: CompactRange;
  #log = "";
  #prev = "";
  #epoch = "";
  #inEpoch = 0;
  #opening: Opening | undefined;
  #nextKey: string | undefined;
  #macKey: AuditMacKey | undefined;
  /** The checkpoint key that this log is under, as a verifier key; "" before the first line. */
  key = "";

  /**
   * @param secrets - When there are any, MACs are checked.
   * @param macsFrom - First line whose MAC is. Default: all.
   */
  constructor(hashes: LogHashes, secrets: readonly AuditVerifySecret[], macsFrom: number = 0) {
    this.#hashes = hashes;
    this.#secrets = secrets;
    this.#macsFrom = macsFrom;
    this.#tree = new CompactRange(hashes.sha256);
  }

  /** Sequence number of the next line. */
  get size(): number {
    return this.#tree.size;
  }

  /** "" before the first line. */
  get log(): string {
    return this.#log;
  }

  /** Leaf hash of the last line, as the next one must name it. */
  get prev(): string {
    return this.#prev;
  }

  /** The tree over every line so far. Do not append to it. */
  get tree(): CompactRange {
    return this.#tree;
  }

  /** The root over every line so far. Shape: 64 hexadecimal digits. */
  root(): string {
    return toHex(this.#tree.root());
  }

  /**
   * Takes the next line, without its newline.
   *
   * @throws {@link VramError} `ERR_FORMAT_INVALID`: a rule of `parseLine`, or "start", "log", "seq", "prev", "epoch",
   * "opening", "key", "unknown-key", "mac".
   */
  accept(bytes: Uint8Array): AuditLine {
    const line = parseLine(bytes);
    if (this.#log === "") this.#start(line);
    if (line.log !== this.#log) refuse("log");
    if (line.seq !== this.#tree.size) refuse("seq");
    if (line.prev !== this.#prev) refuse("prev");
    this.#open(line);
    this.#checkMac(line, bytes);
    if (line.type === "AuditKeyRotated") this.#rotate(line);
    const leaf = merkleLeaf(bytes, this.#hashes.sha256);
    this.#tree.append(leaf);
    this.#prev = toHex(leaf);
    this.#inEpoch += 1;
    return line;
  }

  /** Tells that a checkpoint under {@link Chain.key} covers every line so far: a key that one of them names now counts. */
  covered(): void {
    if (this.#nextKey === undefined) return;
    this.key = this.#nextKey;
    this.#nextKey = undefined;
  }

  /** Wipes the MAC key. */
  [Symbol.dispose](): void {
    this.#macKey?.[Symbol.dispose]();
  }

  #start(line: AuditLine): void {
    const { log, seq, prev, type, data, epoch } = line;
    this.#log = log;
    this.#prev = prev;
    if (seq === 0) {
      if (prev !== NO_PREVIOUS) refuse("prev");
      if (type !== "LogOpened") refuse("start");
      this.key = readOpening(data).key;
    } else {
      // What was pruned is vouched for by the next checkpoint, whose root rests on this frontier.
      if (type !== "SegmentOpened") refuse("start");
      const { tree, inEpoch, ...opening } = readContinuation(data, seq, this.#hashes.sha256);
      [this.#tree, this.#inEpoch, this.#epoch, this.key] = [tree, inEpoch, epoch, opening.key];
      this.#use(opening);
    }
    if (parseCheckpointKey(this.key).log !== log) refuse("key");
  }

  #open({ type, epoch, data, seq }: AuditLine): void {
    if ((type === "LogOpened") === (epoch === this.#epoch)) refuse("epoch");
    if (type === "LogOpened") {
      const opening = readOpening(data);
      if (opening.key !== this.key) refuse("key");
      this.#epoch = epoch;
      this.#inEpoch = 0;
      this.#use(opening);
    } else if (type === "SegmentOpened") {
      const { tree, inEpoch, kid, key, macKey } = readContinuation(data, seq, this.#hashes.sha256);
      const same = kid === this.#opening?.kid && key === this.#opening.key && macKey === this.#opening.macKey;
      const sameTree = equalBytes(tree.root(), this.#tree.root());
      if (!same || !sameTree || inEpoch !== this.#inEpoch) refuse("opening");
    }
  }

  #use(opening: Opening): void {
    this.#opening = opening;
    if (this.#secrets.length === 0) return;
    const secret = this.#secrets.find(({ kid, log }) => kid === opening.kid && log === this.#log);
    // Else whoever renames the key would switch the check off.
    if (secret === undefined) refuse("unknown-key");
    this.#macKey?.[Symbol.dispose]();
    this.#macKey = unwrapMacKey(secret, this.#epoch, opening.macKey);
  }

  #checkMac(line: AuditLine, bytes: Uint8Array): void {
    if (line.seq < this.#macsFrom) return;
    while (this.#macKey && this.#macKey.index < Math.floor(this.#inEpoch / LINES_PER_KEY)) {
      const next = evolveMacKey(this.#macKey);
      this.#macKey[Symbol.dispose]();
      this.#macKey = next;
    }
    if (this.#macKey && !macHolds(bytes, line.mac, this.#macKey, this.#hashes)) refuse("mac");
  }

  #rotate({ data }: AuditLine): void {
    const { from, to } = data;
    if (from !== this.key || typeof to !== "string" || parseCheckpointKey(to).log !== this.#log)
      refuse("key");
    this.#nextKey = to;
  }
}

function refuse(rule: string): never {
  throw new VramError(
    "ERR_FORMAT_INVALID",
    `the audit log breaks the rule "${rule}": compare it with a copy kept elsewhere`,
    { format: "audit log", rule, offset: 0 },
  );
}
