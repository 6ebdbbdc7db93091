import type { IngestOptions } from "@vram-residency/types";
import { sourceOf } from "../fakes/source.ts";
import { holds, rejects, rejectsWith, same, sameBytes } from "./assert.ts";
import { type CaseDefinition, pattern } from "./bench.ts";
import { BOUNDARY_SIZES, referenceDigest, referenceTree } from "./reference.ts";

const BOTH: IngestOptions = { identity: true, residency: "fsverity-sha256" };
const MIB = 1 << 20;

/** Copying in, and hashing what was copied. */
export const INGEST_CASES: readonly CaseDefinition[] = [
  {
    name: "copies a source exactly, and reports the digests of what it copied",
    async run(bench) {
      for (const bytes of BOUNDARY_SIZES) {
        const content = pattern(bytes, bytes);
        const id = await bench.allocate(bytes);

        const report = await bench.allocator.ingest(id, sourceOf(content), BOTH);

        const tree = referenceTree(content);
        same(report.bytes, bytes, "the bytes copied");
        same(report.identity, referenceDigest(content, "sha256"), `the identity digest of ${bytes} bytes`);
        same(report.residency, tree.digest, `the residency digest of ${bytes} bytes`);
        holds(report.level1 !== undefined, "fs-verity reports level 1");
        sameBytes(report.level1, tree.level1, `level 1 of ${bytes} bytes`);
        await bench.expectContent(id, content, `the copy of ${bytes} bytes`);
        await bench.allocator.free(id);
      }
    },
  },
  {
    name: "ingests with BLAKE3, which has no level 1",
    async run(bench) {
      for (const bytes of [1, 1024, 1025, 4097, MIB + 1]) {
        const content = pattern(bytes, bytes);
        const id = await bench.allocate(bytes);

        const report = await bench.allocator.ingest(id, sourceOf(content), {
          identity: false,
          residency: "blake3",
        });

        same(report.residency, referenceDigest(content, "blake3"), `BLAKE3 of ${bytes} bytes`);
        same(report.level1, undefined, "level 1");
        await bench.allocator.free(id);
      }
    },
  },
  {
    name: "leaves the identity digest out when nobody asked for it",
    async run(bench) {
      const id = await bench.allocate(4096);

      const report = await bench.allocator.ingest(id, sourceOf(pattern(4096, 1)), {
        ...BOTH,
        identity: false,
      });

      same(report.identity, undefined, "the identity digest");
    },
  },
  {
    name: "gives the same digests however the source is cut, and keeps no run of it",
    async run(bench) {
      const content = pattern(300_001, 3);
      const id = await bench.allocate(content.length);
      for (const runBytes of [4095, 4097, 65_536, 299_999]) {
        const report = await bench.allocator.ingest(
          id,
          sourceOf(content, { runBytes, kind: "stream" }),
          BOTH,
        );

        same(
          report.identity,
          referenceDigest(content, "sha256"),
          `the identity digest in runs of ${runBytes}`,
        );
        same(report.residency, referenceTree(content).digest, `the residency digest in runs of ${runBytes}`);
        await bench.expectContent(id, content, `the copy in runs of ${runBytes}`);
      }
    },
  },
  {
    name: "copies zeros over what was there",
    async run(bench) {
      const id = await bench.filled(pattern(2 * MIB, 4));

      const report = await bench.allocator.ingest(id, sourceOf(new Uint8Array(2 * MIB)), BOTH);

      same(report.residency, referenceTree(new Uint8Array(2 * MIB)).digest, "the digest of zeros");
      await bench.expectContent(id, new Uint8Array(2 * MIB), "the copy of zeros");
    },
  },
  {
    name: "refuses a source that says it is shorter or longer than the allocation, and copies nothing",
    async run(bench) {
      const id = await bench.allocate(5000);

      for (const bytes of [1, 4999, 5001, MIB]) {
        await rejects(
          bench.allocator.ingest(id, sourceOf(pattern(bytes, 1)), BOTH),
          "ERR_SOURCE",
          `${bytes} bytes`,
        );
      }

      await bench.expectContent(id, new Uint8Array(5000), "the allocation");
    },
  },
  {
    name: "refuses a source that ends early or goes on, whatever it said, and stays usable",
    roomBytes: 3 * MIB,
    async run(bench) {
      const content = pattern(MIB + 5, 6);
      const id = await bench.allocate(content.length);
      const neighbour = await bench.filled(pattern(4096, 7));
      for (const bytes of [0, 1, MIB, MIB + 4, MIB + 6, 2 * MIB]) {
        const liar = sourceOf(pattern(bytes, 8), { claimedBytes: content.length });
        await rejects(bench.allocator.ingest(id, liar, BOTH), "ERR_SOURCE", `a source of ${bytes} bytes`);
      }

      await bench.fill(id, content);
      await bench.expectContent(id, content, "the allocation");
      await bench.expectContent(neighbour, pattern(4096, 7), "its neighbour");
    },
  },
  {
    name: "passes on the failure of a source, and leaves the allocation live",
    async run(bench) {
      const id = await bench.allocate(200_000);
      const broken = sourceOf(pattern(200_000, 9), { failAfter: 100_000, runBytes: 50_000 });

      const detail = await rejects(bench.allocator.ingest(id, broken, BOTH), "ERR_SOURCE", "ingest");

      same(detail.reason, "unreadable", "the source's own reason");
      await bench.allocator.free(id);
    },
  },
  {
    name: "stops when the signal is aborted, with its reason, and leaves the allocation live",
    roomBytes: 8 * MIB,
    async run(bench) {
      const content = pattern(4 * MIB, 10);
      const id = await bench.allocate(content.length);
      const reason = new Error("stop");
      const before = AbortSignal.abort(reason);
      await rejectsWith(
        bench.allocator.ingest(id, sourceOf(content), { ...BOTH, signal: before }),
        reason,
        "ingest",
      );

      const controller = new AbortController();
      let givenAtAbort = 0;
      let given = 0;
      const source = sourceOf(content, {
        runBytes: 65_536,
        onRun(bytes) {
          given = bytes;
          if (bytes < MIB || controller.signal.aborted) return;
          givenAtAbort = bytes;
          controller.abort(reason);
        },
      });
      await rejectsWith(
        bench.allocator.ingest(id, source, { ...BOTH, signal: controller.signal }),
        reason,
        "ingest that is under way",
      );

      holds(given - givenAtAbort <= 2 * MIB, "an aborted ingest stops within two chunks");
      await bench.fill(id, content);
      await bench.expectContent(id, content, "the allocation, filled again");
      await bench.allocator.free(id);
    },
  },
  {
    name: "reports progress that grows and ends at the size",
    async run(bench) {
      const content = pattern(3 * MIB + 1, 11);
      const id = await bench.allocate(content.length);
      const seen: number[] = [];

      await bench.allocator.ingest(id, sourceOf(content), {
        ...BOTH,
        onProgress: (bytes) => seen.push(bytes),
      });

      holds(
        seen.every((bytes, index) => bytes > (seen[index - 1] ?? 0)),
        "progress only grows",
      );
      same(seen.at(-1), content.length, "the last progress");
    },
  },
  {
    name: "writes the leaves into a second allocation, and zeros after the last",
    async run(bench) {
      for (const bytes of [1, 4096, 4097, 524_288, 524_289, MIB + 1]) {
        const content = pattern(bytes, bytes);
        const tree = referenceTree(content);
        const id = await bench.allocate(bytes);
        const room = Math.ceil(tree.leaves.length / 4096) * 4096;
        const leaves = await bench.filled(pattern(room, 12));

        const report = await bench.allocator.ingest(id, sourceOf(content), { ...BOTH, leaves });

        const expected = new Uint8Array(room);
        expected.set(tree.leaves);
        await bench.expectContent(leaves, expected, `the leaves of ${bytes} bytes`);
        same(report.residency, tree.digest, "the digest");
        await bench.allocator.free(leaves);
        await bench.allocator.free(id);
      }
    },
  },
  {
    name: "refuses a leaves allocation that is too small, protected, stale, or the allocation itself",
    async run(bench) {
      const content = pattern(129 * 4096, 13);
      const id = await bench.allocate(content.length);
      const ingest = (options: Partial<IngestOptions>): Promise<unknown> =>
        bench.allocator.ingest(id, sourceOf(content), { ...BOTH, ...options });
      const small = await bench.allocate(4096);
      const right = await bench.allocate(8192);

      await rejects(ingest({ leaves: small }), "ERR_INPUT_INVALID", "one byte short of the padding");
      await rejects(ingest({ leaves: id }), "ERR_INPUT_INVALID", "the allocation itself");
      await rejects(ingest({ leaves: right, residency: "blake3" }), "ERR_INPUT_INVALID", "leaves of BLAKE3");
      await bench.allocator.protect(right, "read");
      await rejects(ingest({ leaves: right }), "ERR_STATE", "protected leaves");
      await bench.allocator.free(small);
      await rejects(ingest({ leaves: small }), "ERR_STATE", "freed leaves");
    },
  },
];
