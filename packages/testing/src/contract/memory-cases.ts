import { BLOCK_TRANSFER_BYTES_MAX, byteCount, deviceIndex } from "@vram-residency/types";
import fc from "fast-check";
import { holds, rejects, rejectsWith, sameBytes } from "./assert.ts";
import { type CaseDefinition, FIRST, pattern } from "./bench.ts";

/** What memory holds, and who may reach it. */
export const MEMORY_CASES: readonly CaseDefinition[] = [
  {
    name: "hands out zeroed memory",
    async run(bench) {
      const id = await bench.allocate(100_001);

      await bench.expectContent(id, new Uint8Array(100_001), "fresh memory");
    },
  },
  {
    name: "hands out zeroed memory also where something lay before",
    needs: { capacity: true },
    async run(bench) {
      const content = pattern(bench.totalBytes, 1);
      await bench.allocator.free(await bench.filled(content));

      const id = await bench.allocate(bench.totalBytes);

      await bench.expectContent(id, new Uint8Array(bench.totalBytes), "memory that was used before");
    },
  },
  {
    name: "refuses to allocate nothing",
    async run(bench) {
      await rejects(bench.allocate(0), "ERR_INPUT_INVALID", "allocate of 0 bytes");
    },
  },
  {
    name: "refuses a device it does not have",
    async run(bench) {
      const nowhere = deviceIndex(255);

      await rejects(bench.allocator.capacity(nowhere), "ERR_INPUT_INVALID", "capacity");
      await rejects(
        bench.allocator.allocate(nowhere, byteCount(1, "bytes")),
        "ERR_INPUT_INVALID",
        "allocate",
      );
    },
  },
  {
    name: "holds all of an aligned allocation, whatever the alignment",
    async run(bench) {
      for (const align of [
        { boundary: 1, offset: 0 },
        { boundary: 256, offset: 8 },
        { boundary: 256, offset: 255 },
        { boundary: 4096, offset: 1 },
        { boundary: 4096, offset: 1_234_567 },
      ]) {
        const content = pattern(2 * 4096 + 1, align.offset);
        const id = await bench.allocate(content.length, { align });
        await bench.fill(id, content);

        await bench.expectContent(id, content, `an allocation aligned to ${align.boundary}`);
        await bench.allocator.free(id);
      }
    },
  },
  {
    name: "refuses an alignment that is no power of two up to 4096, or whose offset is no byte count",
    async run(bench) {
      for (const align of [
        { boundary: 0, offset: 0 },
        { boundary: 3, offset: 0 },
        { boundary: 8192, offset: 0 },
        { boundary: 0.5, offset: 0 },
        { boundary: Number.NaN, offset: 0 },
        { boundary: 256, offset: -1 },
        { boundary: 256, offset: 0.5 },
      ]) {
        const what = `align ${align.boundary}, ${align.offset}`;
        await rejects(bench.allocate(4096, { align }), "ERR_INPUT_INVALID", what);
      }
    },
  },
  {
    name: "refuses an exportable allocation when it cannot export one",
    async run(bench) {
      if (bench.allocator.exportFd !== undefined) return;

      await rejects(bench.allocate(1, { exportable: true }), "ERR_INPUT_INVALID", "allocate for export");
    },
  },
  {
    name: "allocates nothing once the signal is aborted",
    async run(bench) {
      const reason = new Error("no longer wanted");
      const before = await bench.capacity();

      await rejectsWith(bench.allocate(1, { signal: AbortSignal.abort(reason) }), reason, "allocate");

      holds((await bench.capacity()).oursBytes === before.oursBytes, "an aborted allocate takes nothing");
    },
  },
  {
    name: "reads back what was written, wherever it was written",
    async run(bench) {
      const bytes = 3 * 4096 + 17;
      const id = await bench.allocate(bytes);
      const model = new Uint8Array(bytes);
      const writes = fc.record({ offset: fc.nat(bytes), data: fc.uint8Array({ maxLength: 5000 }) });
      const property = fc.asyncProperty(writes, async ({ offset, data }) => {
        const part = data.subarray(0, bytes - offset);
        await bench.write(id, offset, part);
        model.set(part, offset);

        sameBytes(await bench.read(id, 0, bytes), model, "the allocation");
        sameBytes(await bench.read(id, offset, part.length), part, "the part that was written");
      });
      await fc.assert(property, { numRuns: 25 });
    },
  },
  {
    name: "keeps neighbours apart",
    async run(bench) {
      const contents = [1, 2, 3].map((seed) => pattern(bench.granule, seed));
      const ids = [];
      for (const content of contents) ids.push(await bench.filled(content));

      for (const [index, id] of ids.entries()) {
        await bench.expectContent(id, contents[index] ?? new Uint8Array(0), `allocation ${index}`);
      }
    },
  },
  {
    name: "refuses to read or write past the end, also when offset and length overflow",
    async run(bench) {
      const bytes = 5000;
      const id = await bench.allocate(bytes);
      for (const [offset, count] of [
        [0, bytes + 1],
        [bytes, 1],
        [bytes - 1, 2],
        [bytes + 1, 0],
        [Number.MAX_SAFE_INTEGER, 1],
        [Number.MAX_SAFE_INTEGER, 4096],
      ] as const) {
        const what = `${count} bytes at ${offset}`;
        await rejects(bench.read(id, offset, count), "ERR_INPUT_INVALID", `reading ${what}`);
        await rejects(bench.write(id, offset, new Uint8Array(count)), "ERR_INPUT_INVALID", `writing ${what}`);
      }
      await bench.expectContent(id, new Uint8Array(bytes), "the allocation");
    },
  },
  {
    name: "moves at most 4 MiB in one call",
    roomBytes: 2 * BLOCK_TRANSFER_BYTES_MAX,
    async run(bench) {
      const id = await bench.allocate(BLOCK_TRANSFER_BYTES_MAX + 1);
      const most = pattern(BLOCK_TRANSFER_BYTES_MAX, 4);

      await bench.write(id, 1, most);
      sameBytes(await bench.read(id, 1, most.length), most, "4 MiB");
      const more = BLOCK_TRANSFER_BYTES_MAX + 1;
      await rejects(bench.read(id, 0, more), "ERR_INPUT_INVALID", "reading more than 4 MiB");
      await rejects(bench.write(id, 0, new Uint8Array(more)), "ERR_INPUT_INVALID", "writing more than 4 MiB");
    },
  },
  {
    name: "shares no memory with its caller",
    async run(bench) {
      const id = await bench.allocate(64);
      const written = pattern(64, 5);
      const kept = written.slice();

      const writing = bench.write(id, 0, written);
      await writing;
      written.fill(0);
      const read = await bench.read(id, 0, 64);
      read.fill(0);

      sameBytes(await bench.read(id, 0, 64), kept, "the allocation");
    },
  },
  {
    name: "refuses an id of a device it does not have",
    async run(bench) {
      const id = await bench.allocate(1);

      const foreign = { ...id, device: deviceIndex(255) };

      await rejects(bench.read(foreign, 0, 1), "ERR_INPUT_INVALID", "readBlocks");
      await rejects(bench.allocator.free(foreign), "ERR_INPUT_INVALID", "free");
      holds(id.device === FIRST, "an id names the device it was allocated on");
    },
  },
];
