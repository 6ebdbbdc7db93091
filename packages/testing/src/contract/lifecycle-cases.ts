import { deviceIndex } from "@vram-residency/types";
import { sourceOf } from "../fakes/source.ts";
import { holds, rejects, same, sameJson } from "./assert.ts";
import { type CaseDefinition, FIRST, pattern } from "./bench.ts";

/** Protection, evidence, wiping, and the end. */
export const LIFECYCLE_CASES: readonly CaseDefinition[] = [
  {
    name: "refuses every write to protected memory, and goes on reading it",
    async run(bench) {
      const content = pattern(5000, 1);
      const id = await bench.filled(content);

      await bench.allocator.protect(id, "read");

      await rejects(bench.write(id, 0, Uint8Array.of(1)), "ERR_STATE", "writeBlocks");
      const options = { identity: true, residency: "fsverity-sha256" } as const;
      await rejects(bench.allocator.ingest(id, sourceOf(content), options), "ERR_STATE", "ingest");
      await rejects(bench.allocator.wipe(id), "ERR_STATE", "wipe");
      await bench.expectContent(id, content, "protected memory");
      await bench.allocator.digest(id, { algorithm: "sha256" });
    },
  },
  {
    name: "writes again once the protection is taken off, and protecting twice changes nothing",
    async run(bench) {
      const id = await bench.allocate(64);
      await bench.allocator.protect(id, "read");
      await bench.allocator.protect(id, "read");
      await rejects(bench.write(id, 0, Uint8Array.of(1)), "ERR_STATE", "writeBlocks");

      await bench.allocator.protect(id, "read-write");

      await bench.write(id, 0, Uint8Array.of(7));
      same((await bench.read(id, 0, 1))[0], 7, "the byte written");
    },
  },
  {
    name: "says in the evidence who may write, or that nothing enforces it",
    async run(bench) {
      const id = await bench.allocate(1);
      const before = (await bench.allocator.evidence(id)).stable.access;
      await bench.allocator.protect(id, "read");
      const after = (await bench.allocator.evidence(id)).stable.access;

      holds(before === "read-write" || before === "unenforced", "fresh memory is writable");
      same(after, before === "unenforced" ? "unenforced" : "read", "the access of protected memory");
    },
  },
  {
    name: "frees protected memory, and memory that was not wiped",
    async run(bench) {
      const id = await bench.filled(pattern(64, 2));
      await bench.allocator.protect(id, "read");

      await bench.allocator.free(id);

      same((await bench.capacity()).oursBytes, 0, "what is allocated");
    },
  },
  {
    name: "wipes everything up to the rounded size, and says that it checked",
    async run(bench) {
      for (const bytes of [1, 4097, bench.granule, bench.granule + 1, 600_001]) {
        const id = await bench.filled(pattern(bytes, 3));

        const report = await bench.allocator.wipe(id);

        sameJson(
          report,
          { bytes: bench.rounded(bytes), checkedBytes: bench.rounded(bytes), nonZeroBytes: 0 },
          `the report of wiping ${bytes} bytes`,
        );
        await bench.expectContent(id, new Uint8Array(bytes), "wiped memory");
        await bench.allocator.free(id);
      }
    },
  },
  {
    name: "wipes what lies between the size and the rounded size",
    needs: { corrupt: true },
    async run(bench) {
      const id = await bench.allocate(1);
      await bench.subject.corrupt?.(bench.allocator, id, bench.granule - 1, 3);

      same((await bench.allocator.wipe(id)).nonZeroBytes, 0, "the bytes found after the wipe");

      // Flipped once more, the same bit is set again only if the wipe had cleared it; then the next wipe finds it too.
      await bench.subject.corrupt?.(bench.allocator, id, bench.granule - 1, 3);
      same((await bench.allocator.wipe(id)).nonZeroBytes, 0, "the bytes found after the second wipe");
    },
  },
  {
    name: "wipes nothing but what it was told to",
    async run(bench) {
      const contents = [4, 5, 6].map((seed) => pattern(bench.granule, seed));
      const [left, middle, right] = await Promise.all(contents.map((content) => bench.filled(content)));
      holds(left !== undefined && middle !== undefined && right !== undefined, "there are three allocations");

      await bench.allocator.wipe(middle);

      await bench.expectContent(left, contents[0] ?? new Uint8Array(0), "the left neighbour");
      await bench.expectContent(right, contents[2] ?? new Uint8Array(0), "the right neighbour");
      await bench.write(middle, 0, Uint8Array.of(1));
    },
  },
  {
    name: "gives the same stable evidence whatever is read or written in between",
    async run(bench) {
      const id = await bench.filled(pattern(5000, 7));
      const before = await bench.allocator.evidence(id);

      await bench.write(id, 0, pattern(100, 8));
      await bench.allocator.digest(id, { algorithm: "fsverity-sha256" });
      await bench.allocator.free(await bench.allocate(1));
      await bench.allocator.wipe(id);

      sameJson((await bench.allocator.evidence(id)).stable, before.stable, "the stable evidence");
    },
  },
  {
    name: "gives no two allocations the same evidence, not even one after the other",
    async run(bench) {
      const names = new Set<string>();
      const buffers = new Set<string>();
      for (let count = 0; count < 20; count += 1) {
        const id = await bench.allocate(4096);
        const { stable } = await bench.allocator.evidence(id);
        buffers.add(stable.bufferId);
        names.add(JSON.stringify(stable));
        if (count % 2 === 0) await bench.allocator.free(id);
      }

      same(buffers.size, 20, "how many buffer ids were seen");
      same(names.size, 20, "how many pieces of evidence were seen");
    },
  },
  {
    name: "names its own device, backend and size in the evidence",
    async run(bench) {
      const id = await bench.allocate(5000);
      const [device] = await bench.allocator.devices();

      const { kind, stable } = await bench.allocator.evidence(id);

      const { backend } = bench.allocator;
      same(kind, backend === "mock" ? "mock" : "device", "the kind of evidence");
      same(stable.backend, backend, "the backend");
      same(stable.deviceUuid, device?.uuid ?? "", "the device");
      same(stable.ordinal, FIRST, "the ordinal");
      same(stable.managed, false, "whether it is managed memory");
      same(stable.hostPointer, false, "whether the host has a pointer to it");
      holds(stable.rangeBytes >= bench.rounded(5000), "the range covers the allocation");
      // Without a mapping an allocation has no properties of its own to ask: the reduced claim.
      const location = stable.path === "plain" ? "unknown" : "device";
      if (backend !== "mock") same(stable.location, location, "the location");
      else same(stable.location, "mock", "the location, which on a mock is never called a device");
    },
  },
  {
    name: "lists its devices by ordinal, each with an identity of its own",
    needs: { devices: 2 },
    async run(bench) {
      const devices = await bench.allocator.devices();

      same(devices.length, 2, "how many devices there are");
      same(new Set(devices.map(({ uuid }) => uuid)).size, 2, "how many identities there are");
      for (const [index, device] of devices.entries()) {
        same(device.ordinal, deviceIndex(index), "the ordinal");
        same(device.backend, bench.allocator.backend, "the backend");
        same(device.totalBytes, (await bench.capacity(device.ordinal)).totalBytes, "the total");
      }
    },
  },
  {
    name: "fills, reads, wipes and frees different allocations at the same time",
    async run(bench) {
      const work = Array.from({ length: 8 }, async (_, seed) => {
        const content = pattern(100_000 + seed, seed);
        const id = await bench.filled(content);
        await bench.expectContent(id, content, `allocation ${seed}`);
        same((await bench.allocator.wipe(id)).nonZeroBytes, 0, "the bytes found after the wipe");
        await bench.allocator.free(id);
      });
      await Promise.all(work);

      same((await bench.capacity()).oursBytes, 0, "what is allocated");
    },
  },
  {
    name: "can be disposed of twice, and answers nothing afterwards",
    async run(bench) {
      const id = await bench.allocate(64);

      await bench.allocator[Symbol.asyncDispose]();
      await bench.allocator[Symbol.asyncDispose]();

      await rejects(bench.allocate(1), "ERR_STATE", "allocate");
      await rejects(bench.allocator.devices(), "ERR_STATE", "devices");
      await rejects(bench.capacity(), "ERR_STATE", "capacity");
      await rejects(bench.read(id, 0, 1), "ERR_STATE", "readBlocks");
      await rejects(bench.allocator.free(id), "ERR_STATE", "free");
    },
  },
];
