import {
  type AllocationId,
  byteCount,
  type DeviceCapacity,
  deviceIndex,
  hasCode,
} from "@vram-residency/types";
import { holds, rejects, same } from "./assert.ts";
import { type CaseDefinition, FIRST } from "./bench.ts";
import { followsModel } from "./model.ts";

function expectSum(capacity: DeviceCapacity): void {
  const { totalBytes, freeBytes, oursBytes, foreignBytes, largestFreeBytes } = capacity;
  same(freeBytes + oursBytes + foreignBytes, totalBytes, "free + ours + foreign");
  holds(largestFreeBytes <= freeBytes, "the largest free block is part of what is free");
}

/** How much there is, and that nobody gets more. */
export const CAPACITY_CASES: readonly CaseDefinition[] = [
  {
    name: "accounts for every byte of a device",
    async run(bench) {
      expectSum(await bench.capacity());
      const id = await bench.allocate(bench.granule + 1);
      expectSum(await bench.capacity());
      await bench.allocator.free(id);
      expectSum(await bench.capacity());
    },
  },
  {
    name: "charges an allocation's size rounded up to the granularity, and refunds it",
    async run(bench) {
      const before = await bench.capacity();
      same(before.granularityBytes, bench.granule, "the granularity");
      for (const bytes of [1, bench.granule - 1, bench.granule, bench.granule + 1]) {
        const id = await bench.allocate(bytes);
        const charged = await bench.capacity();
        same(charged.oursBytes, bench.rounded(bytes), `ours with ${bytes} bytes allocated`);
        await bench.allocator.free(id);
        same((await bench.capacity()).oursBytes, before.oursBytes, `ours after ${bytes} bytes were freed`);
      }
    },
  },
  {
    name: "has exactly the capacity it was given",
    needs: { capacity: true },
    async run(bench) {
      same((await bench.capacity()).totalBytes, bench.totalBytes, "the total");

      await bench.allocate(bench.totalBytes - bench.granule);
      await bench.allocate(bench.granule);

      same((await bench.capacity()).freeBytes, 0, "what is free");
      const detail = await rejects(bench.allocate(1), "ERR_VRAM_INSUFFICIENT", "one byte more");
      same(detail.device, FIRST, "the device in the error");
      same(detail.neededBytes, bench.granule, "the bytes needed");
      same(detail.availableBytes, 0, "the bytes available");
      same(detail.largestFreeBytes, 0, "the largest free block");
    },
  },
  {
    name: "gives all of a device to one allocation",
    needs: { capacity: true },
    async run(bench) {
      await rejects(bench.allocate(bench.totalBytes + 1), "ERR_VRAM_INSUFFICIENT", "one byte too many");
      await rejects(bench.allocate(Number.MAX_SAFE_INTEGER), "ERR_VRAM_INSUFFICIENT", "2^53 - 1 bytes");

      await bench.allocator.free(await bench.allocate(bench.totalBytes));

      same((await bench.capacity()).freeBytes, bench.totalBytes, "what is free");
    },
  },
  {
    name: "is honest about the largest allocation that would succeed",
    needs: { capacity: true },
    async run(bench) {
      const ids: AllocationId[] = [];
      for (let left = bench.totalBytes; left > 0; ) {
        const bytes = Math.min(left, ((ids.length % 3) + 1) * bench.granule);
        ids.push(await bench.allocate(bytes));
        left -= bytes;
      }
      for (const [index, id] of ids.entries()) if (index % 2 === 1) await bench.allocator.free(id);

      const { largestFreeBytes } = await bench.capacity();
      const detail = await rejects(
        bench.allocate(largestFreeBytes + 1),
        "ERR_VRAM_INSUFFICIENT",
        "one byte more than the largest free block",
      );
      same(detail.largestFreeBytes, largestFreeBytes, "the largest free block in the error");
      await bench.allocate(largestFreeBytes);
      expectSum(await bench.capacity());
    },
  },
  {
    name: "makes one block again of neighbours that were freed in any order",
    needs: { capacity: true },
    async run(bench) {
      const ids: AllocationId[] = [];
      for (let count = 0; count < 8; count += 1) ids.push(await bench.allocate(bench.granule));
      for (const index of [3, 1, 2, 7, 0, 5, 6, 4]) {
        const id = ids[index];
        if (id !== undefined) await bench.allocator.free(id);
      }

      same((await bench.capacity()).largestFreeBytes, bench.totalBytes, "the largest free block");
    },
  },
  {
    name: "never gives out more than there is, also to callers at the same time",
    needs: { capacity: true },
    async run(bench) {
      const share = Math.floor(bench.totalBytes / 4 / bench.granule) * bench.granule;
      const fits = Math.floor(bench.totalBytes / share);

      const answers = await Promise.allSettled(Array.from({ length: 9 }, () => bench.allocate(share)));

      same(answers.filter(({ status }) => status === "fulfilled").length, fits, "how many succeed");
      for (const answer of answers) {
        if (answer.status === "fulfilled") continue;
        holds(
          hasCode(answer.reason, "ERR_VRAM_INSUFFICIENT"),
          "the others are told that there is not enough",
        );
      }
      expectSum(await bench.capacity());
    },
  },
  {
    name: "keeps devices apart",
    needs: { devices: 2 },
    async run(bench) {
      const second = deviceIndex(1);
      const before = await bench.capacity();

      const id = await bench.allocator.allocate(second, byteCount(bench.granule, "bytes"));

      same(id.device, second, "the device of the id");
      same((await bench.capacity(second)).oursBytes, bench.granule, "ours on device 1");
      same((await bench.capacity()).oursBytes, before.oursBytes, "ours on device 0");
      await rejects(bench.allocator.free({ ...id, device: FIRST }), "ERR_STATE", "the id moved to device 0");
      await bench.allocator.free(id);
    },
  },
  {
    name: "agrees with a model of its bookkeeping and content under any sequence of calls",
    needs: { capacity: true },
    roomBytes: 0,
    run: followsModel,
  },
];
