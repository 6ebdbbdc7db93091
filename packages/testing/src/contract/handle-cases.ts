import { type AllocationId, type Allocator, byteCount } from "@vram-residency/types";
import { sourceOf } from "../fakes/source.ts";
import { holds, rejects, same } from "./assert.ts";
import { type CaseDefinition, pattern } from "./bench.ts";

const BYTES = 4096;

/** Every way to use an id, so that none forgets to check it. */
const USES: readonly {
  readonly name: string;
  readonly use: (allocator: Allocator, id: AllocationId) => Promise<unknown>;
}[] = [
  {
    name: "ingest",
    use: (allocator, id) =>
      allocator.ingest(id, sourceOf(pattern(BYTES, 9)), { identity: true, residency: "fsverity-sha256" }),
  },
  { name: "digest", use: (allocator, id) => allocator.digest(id, { algorithm: "fsverity-sha256" }) },
  {
    name: "readBlocks",
    use: (allocator, id) => allocator.readBlocks(id, byteCount(0, "offset"), byteCount(1, "bytes")),
  },
  {
    name: "writeBlocks",
    use: (allocator, id) => allocator.writeBlocks(id, byteCount(0, "offset"), Uint8Array.of(1)),
  },
  { name: "protect", use: (allocator, id) => allocator.protect(id, "read") },
  { name: "evidence", use: (allocator, id) => allocator.evidence(id) },
  { name: "wipe", use: (allocator, id) => allocator.wipe(id) },
  { name: "free", use: (allocator, id) => allocator.free(id) },
];

/** Ids: what they name, and when they stop. */
export const HANDLE_CASES: readonly CaseDefinition[] = [
  {
    name: "refuses to free twice",
    async run(bench) {
      const id = await bench.allocate(BYTES);
      await bench.allocator.free(id);

      await rejects(bench.allocator.free(id), "ERR_STATE", "the second free");
      same((await bench.capacity()).oursBytes, 0, "what is allocated");
    },
  },
  {
    name: "refuses a freed id in every operation",
    async run(bench) {
      const id = await bench.allocate(BYTES);
      await bench.allocator.free(id);

      for (const { name, use } of USES) await rejects(use(bench.allocator, id), "ERR_STATE", name);
    },
  },
  {
    name: "never lets a stale id reach a later allocation",
    async run(bench) {
      const stale = await bench.allocate(BYTES);
      await bench.allocator.free(stale);
      const later: AllocationId[] = [];
      for (let count = 0; count < 8; count += 1) later.push(await bench.allocate(BYTES));

      for (const { name, use } of USES) await rejects(use(bench.allocator, stale), "ERR_STATE", name);
      for (const id of later) await bench.expectContent(id, new Uint8Array(BYTES), "a later allocation");
    },
  },
  {
    name: "refuses what is asked of an allocation after its free was asked for, without waiting in between",
    async run(bench) {
      const id = await bench.allocate(BYTES);

      const freeing = bench.allocator.free(id);
      const writing = bench.write(id, 0, pattern(BYTES, 10));
      const next = bench.allocate(BYTES);

      await rejects(writing, "ERR_STATE", "a write that came after the free");
      await freeing;
      await bench.expectContent(await next, new Uint8Array(BYTES), "the next allocation");
    },
  },
  {
    name: "gives a slot that is used again a later generation",
    async run(bench) {
      const seen = new Map<number, number>();
      for (let count = 0; count < 50; count += 1) {
        const id = await bench.allocate(BYTES);
        holds(id.generation > (seen.get(id.slot) ?? -1), "the generation of a slot only grows");
        seen.set(id.slot, id.generation);
        await bench.allocator.free(id);
      }
    },
  },
  {
    name: "refuses ids that were never issued",
    async run(bench) {
      const id = await bench.allocate(BYTES);
      const forged: readonly AllocationId[] = [
        { ...id, generation: id.generation + 1 },
        { ...id, generation: id.generation - 1 },
        { ...id, generation: Number.NaN },
        { ...id, slot: id.slot + 1 },
        { ...id, slot: -1 },
        { ...id, slot: 0.5 },
        { ...id, slot: Number.MAX_SAFE_INTEGER },
      ];

      for (const one of forged) {
        for (const { name, use } of USES) {
          await rejects(
            use(bench.allocator, one),
            "ERR_STATE",
            `${name} of slot ${one.slot}.${one.generation}`,
          );
        }
      }
      await bench.expectContent(id, new Uint8Array(BYTES), "the real allocation");
    },
  },
  {
    name: "accepts a copy of an id that went through JSON",
    async run(bench) {
      const id = await bench.allocate(BYTES);

      await bench.allocator.free(JSON.parse(JSON.stringify(id)) as AllocationId);

      await rejects(bench.allocator.free(id), "ERR_STATE", "the original id");
    },
  },
  {
    name: "names every live allocation differently",
    async run(bench) {
      const names = new Set<string>();
      for (let count = 0; count < 16; count += 1) {
        const { device, slot, generation } = await bench.allocate(BYTES);
        names.add(`${device}/${slot}/${generation}`);
      }

      same(names.size, 16, "how many ids there are");
    },
  },
];
