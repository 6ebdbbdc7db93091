import type { DigestAlgorithm, DigestOptions } from "@vram-residency/types";
import { holds, rejects, rejectsWith, same, sameBytes } from "./assert.ts";
import { type CaseDefinition, pattern } from "./bench.ts";
import { BOUNDARY_SIZES, referenceDigest, referenceTree } from "./reference.ts";

const ALGORITHMS: readonly DigestAlgorithm[] = ["sha256", "fsverity-sha256", "blake3"];
const FSVERITY: DigestOptions = { algorithm: "fsverity-sha256" };
const MIB = 1 << 20;

/** Hashing what lies in device memory. */
export const DIGEST_CASES: readonly CaseDefinition[] = [
  {
    name: "computes every digest as the host does, at every boundary",
    async run(bench) {
      for (const bytes of BOUNDARY_SIZES) {
        const content = pattern(bytes, bytes);
        const id = await bench.filled(content);
        for (const algorithm of ALGORITHMS) {
          const report = await bench.allocator.digest(id, { algorithm });
          same(report.bytes, bytes, "the bytes hashed");
          same(report.digest, referenceDigest(content, algorithm), `${algorithm} of ${bytes} bytes`);
          same(report.salted, undefined, "a salted digest nobody asked for");
        }
        await bench.allocator.free(id);
      }
    },
  },
  {
    name: "hashes memory that was never written as zeros",
    async run(bench) {
      const id = await bench.allocate(MIB + 4097);
      const zeros = new Uint8Array(MIB + 4097);
      for (const algorithm of ALGORITHMS) {
        const { digest } = await bench.allocator.digest(id, { algorithm });
        same(digest, referenceDigest(zeros, algorithm), `${algorithm} of zeros`);
      }
    },
  },
  {
    name: "sees every later write, and remembers no earlier answer",
    async run(bench) {
      const content = pattern(MIB + 7, 1);
      const id = await bench.filled(content);
      for (const offset of [0, 4095, 524_288, MIB + 6]) {
        content[offset] = (content[offset] ?? 0) ^ 1;
        await bench.write(id, offset, content.subarray(offset, offset + 1));
        for (const algorithm of ALGORITHMS) {
          const { digest } = await bench.allocator.digest(id, { algorithm });
          same(digest, referenceDigest(content, algorithm), `${algorithm} after a write at ${offset}`);
        }
      }
    },
  },
  {
    name: "sees a bit that flipped behind its back",
    needs: { corrupt: true },
    async run(bench) {
      const content = pattern(600_000, 2);
      const id = await bench.filled(content);
      for (const offset of [0, 599_999, 524_288]) {
        await bench.subject.corrupt?.(bench.allocator, id, offset, 7);
        content[offset] = (content[offset] ?? 0) ^ 0x80;
        const { digest } = await bench.allocator.digest(id, FSVERITY);
        same(digest, referenceDigest(content, "fsverity-sha256"), `the digest after a flip at ${offset}`);
      }
    },
  },
  {
    name: "digests a range as if it were a file of its own",
    async run(bench) {
      const content = pattern(MIB + 100, 3);
      const id = await bench.filled(content);
      for (const [offset, bytes] of [
        [0, 1],
        [4096, 4096],
        [4096, 524_289],
        [524_288, 524_388],
        [MIB, 100],
        [0, MIB + 100],
        [4096, 0],
      ] as const) {
        const part = content.subarray(offset, offset + bytes);
        for (const algorithm of ALGORITHMS) {
          const report = await bench.allocator.digest(id, { algorithm, range: { offset, bytes } });
          same(
            report.digest,
            referenceDigest(part, algorithm),
            `${algorithm} of ${bytes} bytes at ${offset}`,
          );
          same(report.bytes, bytes, "the bytes hashed");
        }
      }
    },
  },
  {
    name: "refuses a range that is not aligned, or reaches past the end, also when it overflows",
    async run(bench) {
      const id = await bench.allocate(10_000);
      for (const [offset, bytes] of [
        [1, 1],
        [4095, 1],
        [-4096, 4096],
        [0, 10_001],
        [8192, 1809],
        [12_288, 0],
        [0, -1],
        [0, 0.5],
        [0, Number.NaN],
        [2 ** 53 - 4096, 8192],
        [4096, Number.MAX_SAFE_INTEGER],
      ] as const) {
        const call = bench.allocator.digest(id, { ...FSVERITY, range: { offset, bytes } });
        await rejects(call, "ERR_INPUT_INVALID", `a range of ${bytes} bytes at ${offset}`);
      }
    },
  },
  {
    name: "gives the plain and the salted digest from one pass",
    async run(bench) {
      for (const bytes of [1, 4096, 524_289]) {
        const content = pattern(bytes, 4);
        const id = await bench.filled(content);
        for (const salt of [pattern(1, 5), pattern(31, 6), pattern(32, 7)]) {
          const report = await bench.allocator.digest(id, { ...FSVERITY, salt, tree: "level1" });
          const plain = referenceTree(content);
          same(report.digest, plain.digest, "the plain digest");
          same(report.salted, referenceTree(content, salt).digest, "the salted digest");
          sameBytes(report.level1 ?? new Uint8Array(0), plain.level1, "level 1, which is of the plain tree");
        }
      }
    },
  },
  {
    name: "refuses a salt of another length, or with another algorithm",
    async run(bench) {
      const id = await bench.allocate(1);
      for (const length of [0, 33]) {
        const call = bench.allocator.digest(id, { ...FSVERITY, salt: new Uint8Array(length) });
        await rejects(call, "ERR_INPUT_INVALID", `a salt of ${length} bytes`);
      }
      for (const algorithm of ["sha256", "blake3"] as const) {
        const call = bench.allocator.digest(id, { algorithm, salt: new Uint8Array(32) });
        await rejects(call, "ERR_INPUT_INVALID", `${algorithm} with a salt`);
      }
    },
  },
  {
    name: "returns the levels of the tree that agree with its digest",
    async run(bench) {
      for (const bytes of [1, 4096, 4097, 524_288, 524_289, MIB + 1]) {
        const content = pattern(bytes, 8);
        const id = await bench.filled(content);
        const expected = referenceTree(content);

        const level1 = await bench.allocator.digest(id, { ...FSVERITY, tree: "level1" });
        const leaves = await bench.allocator.digest(id, { ...FSVERITY, tree: "leaves" });

        sameBytes(level1.level1 ?? new Uint8Array(0), expected.level1, `level 1 of ${bytes} bytes`);
        sameBytes(leaves.leaves ?? new Uint8Array(0), expected.leaves, `the leaves of ${bytes} bytes`);
        same(leaves.digest, expected.digest, "the digest beside the leaves");
        await bench.allocator.free(id);
      }
    },
  },
  {
    name: "returns the leaves of one range, and refuses a tree of another algorithm",
    async run(bench) {
      const content = pattern(MIB, 9);
      const id = await bench.filled(content);
      const range = { offset: 524_288, bytes: 524_288 };

      const report = await bench.allocator.digest(id, { ...FSVERITY, range, tree: "leaves" });

      const expected = referenceTree(content.subarray(range.offset));
      sameBytes(report.leaves ?? new Uint8Array(0), expected.leaves, "the leaves of the range");
      for (const algorithm of ["sha256", "blake3"] as const) {
        const call = bench.allocator.digest(id, { algorithm, tree: "level1" });
        await rejects(call, "ERR_INPUT_INVALID", `${algorithm} with a tree`);
      }
    },
  },
  {
    name: "stops hashing when the signal is aborted, with its reason, and changes nothing",
    async run(bench) {
      const content = pattern(4 * MIB, 10);
      const id = await bench.filled(content);
      const reason = new Error("stop");

      const before = bench.allocator.digest(id, { ...FSVERITY, signal: AbortSignal.abort(reason) });
      await rejectsWith(before, reason, "digest with an aborted signal");
      const controller = new AbortController();
      const options = { ...FSVERITY, signal: controller.signal, onProgress: () => controller.abort(reason) };
      await rejectsWith(bench.allocator.digest(id, options), reason, "digest that is under way");

      const { digest } = await bench.allocator.digest(id, FSVERITY);
      same(digest, referenceDigest(content, "fsverity-sha256"), "the digest afterwards");
    },
  },
  {
    name: "reports progress of a pass that grows and ends at the size, in the background too",
    async run(bench) {
      const id = await bench.filled(pattern(3 * MIB + 1, 11));
      for (const priority of ["foreground", "background"] as const) {
        const seen: number[] = [];
        await bench.allocator.digest(id, { ...FSVERITY, priority, onProgress: (bytes) => seen.push(bytes) });

        holds(
          seen.every((bytes, index) => bytes > (seen[index - 1] ?? 0)),
          "progress only grows",
        );
        same(seen.at(-1), 3 * MIB + 1, "the last progress");
      }
    },
  },
  {
    name: "hashes several allocations at the same time without mixing them",
    async run(bench) {
      const contents = [12, 13, 14, 15].map((seed) => pattern(600_000, seed));
      const ids = await Promise.all(contents.map((content) => bench.filled(content)));

      const reports = await Promise.all(ids.map((id) => bench.allocator.digest(id, FSVERITY)));

      for (const [index, content] of contents.entries()) {
        same(reports[index]?.digest, referenceDigest(content, "fsverity-sha256"), `digest ${index}`);
      }
    },
  },
];
