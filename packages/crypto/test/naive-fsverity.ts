import { createHash } from "node:crypto";

/** fs-verity as its manual page tells it, on whole buffers, with nothing of ours: the oracle of these tests. */
export interface NaiveFsVerity {
  readonly leaves: readonly string[];
  readonly level1: readonly string[];
  readonly digest: string;
}

const BLOCK = 4096;

export function naiveFsVerity(data: Uint8Array, salt: Uint8Array = new Uint8Array(0)): NaiveFsVerity {
  const paddedSalt = Buffer.alloc(salt.length === 0 ? 0 : 64);
  paddedSalt.set(salt);
  const level = (bytes: Uint8Array): Buffer[] => {
    const digests: Buffer[] = [];
    for (let start = 0; start < bytes.length; start += BLOCK) {
      const block = Buffer.alloc(BLOCK);
      block.set(bytes.subarray(start, start + BLOCK));
      digests.push(createHash("sha256").update(paddedSalt).update(block).digest());
    }
    return digests;
  };
  const rootOf = (digests: Buffer[]): Buffer =>
    digests.length === 1 && digests[0] ? digests[0] : rootOf(level(Buffer.concat(digests)));

  const leaves = level(data);
  const level1 = leaves.length <= 1 ? leaves : level(Buffer.concat(leaves));
  const descriptor = Buffer.alloc(256);
  descriptor.writeUInt8(1, 0);
  descriptor.writeUInt8(1, 1);
  descriptor.writeUInt8(12, 2);
  descriptor.writeUInt8(salt.length, 3);
  descriptor.writeBigUInt64LE(BigInt(data.length), 8);
  if (data.length > 0) descriptor.set(rootOf(leaves), 16);
  descriptor.set(salt, 80);
  return {
    leaves: leaves.map((leaf) => leaf.toString("hex")),
    level1: level1.map((digest) => digest.toString("hex")),
    digest: createHash("sha256").update(descriptor).digest("hex"),
  };
}
