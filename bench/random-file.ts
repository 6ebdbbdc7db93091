import { createHash, randomBytes } from "node:crypto";
import { open } from "node:fs/promises";

const MIB = 1 << 20;
const BLOCK_BYTES = 4096;

/**
 * Writes a file of random bytes in which no two blocks are alike and none is zero.
 *
 * @returns SHA-256 of what was written.
 */
export async function writeRandomFile(path: string, bytes: number): Promise<string> {
  const pattern = randomBytes(MIB);
  const numbers = new DataView(pattern.buffer, pattern.byteOffset, pattern.length);
  const hash = createHash("sha256");
  await using file = await open(path, "wx");
  for (let offset = 0; offset < bytes; offset += MIB) {
    for (let block = 0; block < MIB; block += BLOCK_BYTES) {
      numbers.setBigUint64(block, BigInt((offset + block) / BLOCK_BYTES + 1));
    }
    const part = pattern.subarray(0, Math.min(MIB, bytes - offset));
    hash.update(part);
    for (let done = 0; done < part.length; ) done += (await file.write(part, done)).bytesWritten;
  }
  // Or the kernel would still be writing while we measure.
  await file.sync();
  return hash.digest("hex");
}
