import { readOptions } from "@vram-residency/crypto";
import type { CudaAllocator } from "../cuda-allocator.ts";
import { invalid } from "../errors.ts";
import { openWith } from "../open-cuda.ts";
import { type CudaOptions, cudaSettings } from "../options.ts";

/** Where a test's driver is. Shape: absolute paths. */
export interface TestDriver {
  readonly cuda: string;
  readonly nvml: string;
}

/**
 * Opens CUDA over the driver of a test.
 *
 * @throws As `openCuda`.
 */
export async function openTestCuda(driver: TestDriver, options: CudaOptions = {}): Promise<CudaAllocator> {
  const { cuda, nvml } = readOptions(driver, "driver", ["cuda", "nvml"]);
  for (const path of [cuda, nvml]) {
    if (typeof path !== "string" || !path.startsWith("/")) throw invalid("driver", "expected absolute paths");
  }
  return await openWith(cudaSettings(options, { cuda, nvml }));
}
