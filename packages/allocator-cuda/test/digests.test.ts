import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type NativeDigests, openNativeDigests } from "@vram-residency/allocator-cuda";
import { computeDigest, createDigest, toHex } from "@vram-residency/crypto";
import { nodeDigester } from "@vram-residency/crypto/node";
import { type DigestAlgorithm, isVramError } from "@vram-residency/types";
import fc from "fast-check";
import { BUILT } from "./fake-driver.ts";
import { COMPILER, scratch, stubLibrary } from "./stub-library.ts";

const folder = scratch();
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const built = test.skipIf(!BUILT);
const ALGORITHMS: readonly DigestAlgorithm[] = ["sha256", "fsverity-sha256", "blake3"];
const MIB = 1 << 20;
/** Around a chunk of BLAKE3, a block, a block of the tree's first level, what is read at a time, and one level more. */
const LENGTHS: readonly number[] = [64, 1024, 4096, 128 * 4096, MIB, 4 * MIB]
  .flatMap((edge) => [edge - 1, edge, edge + 1])
  .concat(0, 55, 2 * 4096, 3 * MIB + 4097);

async function digests(): Promise<NativeDigests> {
  const answer = await openNativeDigests();
  if (answer.digests === undefined) throw new Error(answer.why);
  return answer.digests;
}

async function refusal(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => "nothing was thrown",
    (thrown: unknown) => thrown,
  );
  return isVramError(error) ? error.message : String(error);
}

/** Every block differs from the one before. */
function content(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (at * 31 + (at >> 12)) & 255);
}

function write(name: string, data: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, data);
  return path;
}

built.each([...ALGORITHMS])(
  "%s of a file and of bytes is what JavaScript gives, for every length around a boundary and any threads",
  async (algorithm) => {
    const { digestFile, digester } = await digests();
    for (const length of LENGTHS) {
      const data = content(length);
      const path = write(`${algorithm}-${length}`, data);
      const wanted = computeDigest(data, algorithm, nodeDigester);

      expect(`${length} ${computeDigest(data, algorithm, digester)}`).toBe(`${length} ${wanted}`);
      for (const threads of [1, 2, 3]) {
        expect<unknown>([threads, await digestFile(path, algorithm, { threads })]).toEqual([
          threads,
          { digest: wanted, bytes: length },
        ]);
      }
    }
  },
);

const TOOLS = [
  ["sha256", ["sha256sum"]],
  ["fsverity-sha256", ["fsverity", "digest", "--compact"]],
  ["blake3", ["b3sum"]],
] as const;

for (const [algorithm, tool] of TOOLS) {
  const there = Bun.which(tool[0]) !== null;
  if (!there) console.log(`skipped: ${LENGTHS.length} files against ${tool[0]}, which is not installed`);
  test.skipIf(!BUILT || !there)(`${algorithm} of a file is what ${tool[0]} prints`, async () => {
    const { digestFile } = await digests();
    const paths = LENGTHS.map((length) => write(`${tool[0]}-${length}`, content(length)));
    const printed = Bun.spawnSync([...tool, ...paths]).stdout.toString();

    const ours = await Promise.all(paths.map(async (path) => (await digestFile(path, algorithm)).digest));

    expect(ours.map(String)).toEqual(
      printed
        .trim()
        .split("\n")
        .map((line) => line.slice(0, 64)),
    );
  });
}

built("a stream cut anywhere, and blocks under any prefix, are what JavaScript gives", async () => {
  const { digester } = await digests();
  const cuts = fc.array(fc.uint8Array({ maxLength: 9000 }), { maxLength: 6 });
  fc.assert(
    fc.property(cuts, fc.constantFrom(...ALGORITHMS), (chunks, algorithm) => {
      const of = (by: typeof digester): string => {
        const stream = createDigest(algorithm, by);
        for (const chunk of chunks) stream.update(chunk);
        return toHex(stream.digest());
      };
      expect(of(digester)).toBe(of(nodeDigester));
    }),
  );
  const prefixes = fc.constantFrom(new Uint8Array(0), content(64));
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 33 }), prefixes, (blocks, prefix) => {
      const data = content(blocks * 4096);
      const [ours, theirs] = [new Uint8Array(blocks * 32), new Uint8Array(blocks * 32)];
      digester.sha256Blocks(data, prefix, ours);
      nodeDigester.sha256Blocks(data, prefix, theirs);
      expect(ours).toEqual(theirs);
    }),
    { numRuns: 30 },
  );
  expect(() => digester.sha256Blocks(new Uint8Array(4095), new Uint8Array(0), new Uint8Array(32))).toThrow(
    "4096",
  );
});

built("a stream that was finished takes nothing more", async () => {
  const stream = (await digests()).digester.createSha256();
  stream.digest();

  expect(() => stream.update(Uint8Array.of(1))).toThrow();
  expect(() => stream.digest()).toThrow();
});

describe("a file", () => {
  function sparse(name: string, bytes: number): string {
    const path = write(name, new Uint8Array(0));
    truncateSync(path, bytes);
    return path;
  }

  built("is hashed off the main thread, with progress that only grows", async () => {
    const { digestFile } = await digests();
    const told: number[] = [];
    let turns = 0;
    const turning = setInterval(() => {
      turns += 1;
    }, 1);

    const { bytes } = await digestFile(sparse("large", 512 * MIB), "sha256", {
      onProgress: (done) => told.push(done),
    });
    clearInterval(turning);

    expect<number>(bytes).toBe(512 * MIB);
    expect(turns).toBeGreaterThan(10);
    expect(told.length).toBeGreaterThan(0);
    expect(told).toEqual(told.toSorted((a, b) => a - b));
    expect(told.at(-1)).toBeLessThanOrEqual(512 * MIB);
  });

  built("is given up at once when the signal aborts, before or while it is hashed", async () => {
    const { digestFile } = await digests();
    const path = sparse("endless", 2 ** 40);
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 20);

    expect(await refusal(digestFile(path, "sha256", { signal: stop.signal }))).toContain("ERR_CANCELLED");
    expect(await refusal(digestFile(path, "blake3", { signal: stop.signal }))).toContain("ERR_CANCELLED");
  });

  built("leaves no descriptor behind, however it ends", async () => {
    const { digestFile } = await digests();
    const path = write("small", content(5000));
    const count = (): number => readdirSync("/proc/self/fd").length;
    await digestFile(path, "sha256");
    const before = count();

    for (let round = 0; round < 8; round += 1) {
      await digestFile(path, "fsverity-sha256");
      await refusal(digestFile(join(folder, "none"), "sha256"));
      await refusal(digestFile(path, "sha256", { signal: AbortSignal.abort() }));
    }

    // What was given up closes its own descriptors when it notices.
    for (let waits = 0; waits < 100 && count() > before; waits += 1) await Bun.sleep(10);
    expect(count()).toBeLessThanOrEqual(before);
  });

  built("that is missing, a folder or a pipe is refused, and a link is followed", async () => {
    const { digestFile } = await digests();
    const path = write("target", content(100));
    symlinkSync(path, join(folder, "link"));
    mkdirSync(join(folder, "folder"));
    Bun.spawnSync(["mkfifo", join(folder, "pipe")]);

    for (const name of ["none", "folder", "pipe"]) {
      expect(await refusal(digestFile(join(folder, name), "sha256"))).toContain("ERR_SOURCE");
    }
    expect<string>((await digestFile(join(folder, "link"), "sha256")).digest).toBe(
      computeDigest(content(100)),
    );
  });

  built("has a path, an algorithm and threads that are checked", async () => {
    const { digestFile } = await digests();
    const path = write("checked", content(1));

    for (const bad of ["", "a\0b", "x".repeat(4096), 7 as never]) {
      expect(await refusal(digestFile(bad, "sha256"))).toContain("path: ");
    }
    expect(await refusal(digestFile(path, "toString" as never))).toContain("algorithm: ");
    for (const threads of [0, 65, 1.5, Number.NaN]) {
      expect(await refusal(digestFile(path, "sha256", { threads }))).toContain("threads: ");
    }
  });
});

test("without a library there are no digests, and why is said in one line", async () => {
  const none = await openNativeDigests({ library: { path: join(folder, "none.so") } });

  expect(none.digests).toBeUndefined();
  expect(none.digests === undefined && none.why).toContain("the native library cannot be read");
  expect(await refusal(openNativeDigests({ library: { path: "relative.so" } }))).toContain(
    "ERR_INPUT_INVALID",
  );
});

test.skipIf(COMPILER === null)("a library for another ABI, or without a digest, gives none", async () => {
  for (const flaw of [{ abi: 2 }, { lacks: "vr_digest_file" }]) {
    const { digests: found } = await openNativeDigests({ library: { path: stubLibrary(flaw) } });
    expect(found).toBeUndefined();
  }
});
