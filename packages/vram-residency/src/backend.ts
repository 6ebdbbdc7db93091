import { MockAllocator } from "@vram-residency/allocator-mock";
import { nodeDigester } from "@vram-residency/crypto/node";
import { type Allocator, hasCode, VramError } from "@vram-residency/types";
import { systemRandom, systemTimers } from "@vram-residency/types/node";
import type { ParsedOpenOptions } from "@vram-residency/validation";

/**
 * Opens the backend that was asked for. "auto" is CUDA or nothing: the mock is taken only when it is named.
 *
 * @throws {@link VramError} `ERR_DRIVER_UNAVAILABLE`, with what is missing and how to name the mock.
 */
export async function openBackend({ backend, mock, config }: ParsedOpenOptions): Promise<Allocator> {
  if (backend === "mock") {
    return new MockAllocator({ ...mock, digester: nodeDigester, timers: systemTimers, random: systemRandom });
  }
  // Only here, so that whoever uses the mock alone loads nothing of CUDA.
  const { openCuda } = await import("./cuda/index.ts");
  try {
    return await openCuda({ stagingBytes: config.stagingBytes });
  } catch (cause) {
    if (!hasCode(cause, "ERR_DRIVER_UNAVAILABLE")) throw cause;
    const { missing } = cause.detail;
    const remedy = `${cause.detail.remedy}; to work without a GPU, name the mock: backend "mock"`;
    throw new VramError("ERR_DRIVER_UNAVAILABLE", `${missing}; ${remedy}`, { missing, remedy }, { cause });
  }
}
