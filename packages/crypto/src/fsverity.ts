import { type Digester, invariant } from "@vram-residency/types";
import { assertBytes, assertPort, readOptions, refuseArgument } from "./arguments.ts";
import { DIGEST_BYTES, FSVERITY_BLOCK_BYTES, portableDigester } from "./digester.ts";
import { FSVERITY_GROUP_LEAVES, fsverityFromLevel1, fsverityGroup, saltPrefix } from "./fsverity-tree.ts";

/** Options of {@link createFsVerity}. */
export interface FsVerityOptions {
  /** What hashes the blocks. Default: the portable one. */
  readonly digester?: Digester;
  /** 1 to 32 bytes, put before every block. Copied. */
  readonly salt?: Uint8Array;
  /** Receives every leaf once, in order, in fresh runs of 32-byte digests; `firstBlock` is the first one's block. */
  readonly onLeaves?: (leaves: Uint8Array, firstBlock: number) => void;
}

/** What {@link FsVerityStream.finish} gives. */
export interface FsVerityResult {
  /** The fs-verity file digest. Shape: 32 bytes. */
  readonly digest: Uint8Array;
  /** Shape: 32 x ceil(bytes / 512 KiB) bytes; of a single block, its leaf. */
  readonly level1: Uint8Array;
  /** How much was hashed. Unit: bytes. */
  readonly bytes: number;
}

/** A running fs-verity digest. Use once. */
export interface FsVerityStream {
  /** Adds data, cut anywhere. Nothing is kept of it: whole blocks are hashed where they lie. */
  update(data: Uint8Array): void;
  finish(): FsVerityResult;
}

/**
 * Starts an fs-verity digest over a stream. Its memory is constant, apart from 32 bytes of level 1 for each 512 KiB.
 *
 * @throws `ERR_INPUT_INVALID` for a salt that has not 1 to 32 bytes, or an option that is none.
 * @see docs/spec/digests-v1.md, section 3.
 *
 * @example
 * ```ts
 * const stream = createFsVerity();
 * for await (const chunk of source) stream.update(chunk);
 * console.log(toHex(stream.finish().digest));
 * ```
 */
export function createFsVerity(options: FsVerityOptions = {}): FsVerityStream {
  const checked = readOptions(options, "options", ["digester", "salt", "onLeaves"]);
  if (checked.onLeaves !== undefined && typeof checked.onLeaves !== "function") {
    refuseArgument("onLeaves", "expected a function");
  }
  if (checked.digester !== undefined) assertPort(checked.digester, "digester", "sha256Blocks");
  if (checked.salt !== undefined) assertBytes(checked.salt, "salt");
  return new Stream(checked);
}

class Stream implements FsVerityStream {
  readonly #digester: Digester;
  readonly #salt: Uint8Array | undefined;
  readonly #prefix: Uint8Array;
  readonly #onLeaves: FsVerityOptions["onLeaves"];
  readonly #partial: Uint8Array = new Uint8Array(FSVERITY_BLOCK_BYTES);
  readonly #group: Uint8Array = new Uint8Array(FSVERITY_GROUP_LEAVES * DIGEST_BYTES);
  #level1: Uint8Array = new Uint8Array(64 * DIGEST_BYTES);
  #partialBytes = 0;
  #groupLeaves = 0;
  #groups = 0;
  #bytes = 0;
  #finished = false;

  constructor(options: FsVerityOptions) {
    this.#digester = options.digester ?? portableDigester;
    this.#salt = options.salt?.slice();
    this.#prefix = saltPrefix(this.#salt);
    this.#onLeaves = options.onLeaves;
  }

  update(data: Uint8Array): void {
    invariant(!this.#finished, "an fs-verity stream is used once");
    assertBytes(data, "data");
    this.#bytes += data.length;

    let rest = data;
    if (this.#partialBytes > 0) {
      const taken = Math.min(rest.length, FSVERITY_BLOCK_BYTES - this.#partialBytes);
      this.#partial.set(rest.subarray(0, taken), this.#partialBytes);
      this.#partialBytes += taken;
      rest = rest.subarray(taken);
      if (this.#partialBytes < FSVERITY_BLOCK_BYTES) return;
      this.#partialBytes = 0;
      this.#hash(this.#partial);
    }

    const whole = rest.length - (rest.length % FSVERITY_BLOCK_BYTES);
    this.#hash(rest.subarray(0, whole));
    this.#partial.set(rest.subarray(whole));
    this.#partialBytes = rest.length - whole;
  }

  finish(): FsVerityResult {
    invariant(!this.#finished, "an fs-verity stream is used once");
    if (this.#partialBytes > 0) this.#hash(this.#partial.fill(0, this.#partialBytes));
    if (this.#groupLeaves > 0) this.#closeGroup();
    this.#finished = true;

    const level1 = this.#level1.slice(0, this.#groups * DIGEST_BYTES);
    const digest = fsverityFromLevel1(level1, this.#bytes, this.#salt, this.#digester);
    return { digest, level1, bytes: this.#bytes };
  }

  /** Hashes whole blocks straight into the open group, and closes each group that fills. */
  #hash(blocks: Uint8Array): void {
    for (let start = 0; start < blocks.length; ) {
      const room = (FSVERITY_GROUP_LEAVES - this.#groupLeaves) * FSVERITY_BLOCK_BYTES;
      const run = blocks.subarray(start, start + room);
      const leaves = this.#group.subarray(
        this.#groupLeaves * DIGEST_BYTES,
        (this.#groupLeaves + run.length / FSVERITY_BLOCK_BYTES) * DIGEST_BYTES,
      );
      this.#digester.sha256Blocks(run, this.#prefix, leaves);
      this.#onLeaves?.(leaves.slice(), this.#groups * FSVERITY_GROUP_LEAVES + this.#groupLeaves);
      this.#groupLeaves += leaves.length / DIGEST_BYTES;
      if (this.#groupLeaves === FSVERITY_GROUP_LEAVES) this.#closeGroup();
      start += run.length;
    }
  }

  #closeGroup(): void {
    const leaves = this.#group.subarray(0, this.#groupLeaves * DIGEST_BYTES);
    const blocks = this.#groups * FSVERITY_GROUP_LEAVES + this.#groupLeaves;
    const entry = fsverityGroup(leaves, blocks, this.#salt, this.#digester);
    if (this.#level1.length === this.#groups * DIGEST_BYTES) {
      const grown = new Uint8Array(2 * this.#level1.length);
      grown.set(this.#level1);
      this.#level1 = grown;
    }
    this.#level1.set(entry, this.#groups * DIGEST_BYTES);
    this.#groups += 1;
    this.#groupLeaves = 0;
  }
}
