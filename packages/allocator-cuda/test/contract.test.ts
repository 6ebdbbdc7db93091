import type { CudaOptions } from "@vram-residency/allocator-cuda";
import { type ContractSubject, describeAllocatorContract } from "@vram-residency/testing";
import { byteCount } from "@vram-residency/types";
import { BUILT, driver, openFake } from "./fake-driver.ts";
import { runnerWhere } from "./runner.ts";

const GRANULE = 2 << 20;

function cuda(name: string, settings: string, options: CudaOptions = {}): ContractSubject {
  return {
    name: `CUDA over the fake driver, ${name}`,
    granularity: GRANULE,
    async create({ capacityBytes, devices }) {
      // A context takes memory on a real device too, but the suite counts every byte.
      const bytes = `total_bytes=${capacityBytes} foreign_bytes=0 context_bytes=0 poison_bytes=65536 check_wipe=0`;
      driver.reset(`${settings} devices=${devices} ${bytes} granularity=${GRANULE}`);
      return openFake({ stagingBytes: 8 << 20, ...options });
    },
    async corrupt(allocator, id, offset, bit) {
      const { stable } = await allocator.evidence(id);
      driver.flip(stable.blockId, byteCount(offset, "offset"), 1 << bit);
    },
  };
}

const runner = runnerWhere(BUILT);

describeAllocatorContract(cuda("virtual memory management", "profile=h200"), runner);
describeAllocatorContract(cuda("plain memory", "profile=no-vmm"), runner);
