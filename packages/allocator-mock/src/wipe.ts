import { byteCount, type WipeReport } from "@vram-residency/types";
import { breathe, CHUNK_BYTES, type Work } from "./work.ts";

/** Zeroes all that the device gave for an allocation, then reads all of it and counts what is not zero. */
export async function wipe(work: Work): Promise<WipeReport> {
  const { block, device } = work.allocation;
  if (!work.faults.has("wipe-nothing")) device.memory.zero(block.start, block.bytes);

  let checkedBytes = 0;
  let nonZeroBytes = 0;
  for (let untilBreath = CHUNK_BYTES; checkedBytes < block.bytes; ) {
    const found = device.memory.countNonZero(block.start + checkedBytes, block.bytes - checkedBytes);
    checkedBytes += found.checkedBytes;
    nonZeroBytes += found.nonZeroBytes;
    untilBreath -= found.checkedBytes;
    if (untilBreath > 0) continue;
    untilBreath = CHUNK_BYTES;
    await breathe(work);
  }
  return {
    bytes: byteCount(block.bytes, "bytes"),
    checkedBytes: byteCount(checkedBytes, "checkedBytes"),
    nonZeroBytes: byteCount(nonZeroBytes, "nonZeroBytes"),
  };
}
