/** A GPU, or what to do where none answers: never a mock that stands in silently (allocator-cuda). */
import { type CudaAllocator, openCuda } from "@vram-residency/allocator-cuda";
import { byteCount, hasCode } from "@vram-residency/types";

/** Allocates on the first device, and asks the driver where that lies. */
async function whereItLies(cuda: CudaAllocator): Promise<unknown> {
  const [device] = await cuda.devices();
  if (device === undefined) return "nowhere";
  const id = await cuda.allocate(device.ordinal, byteCount(1 << 20, "bytes"));
  try {
    const { stable } = await cuda.evidence(id);
    return stable.backend;
  } finally {
    await cuda.free(id);
  }
}

/** What this machine says. It prints the same with a GPU and without, so that a test can compare it. */
async function ask(): Promise<boolean> {
  try {
    await using cuda = await openCuda();
    return (await whereItLies(cuda)) === "cuda";
  } catch (error) {
    if (!hasCode(error, "ERR_DRIVER_UNAVAILABLE")) throw error;
    return error.detail.remedy.length > 0;
  }
}

console.log("CUDA memory, or a remedy:", await ask());
