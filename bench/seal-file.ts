/**
 * `bun run bench [--bytes N] [--json FILE]`: seals a large file on the mock, and measures what that does to the process.
 *
 * Prints one JSON document; exits 1 when a limit is broken.
 *
 * @module
 */
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, open, rm } from "node:fs/promises";
import { availableParallelism, cpus, loadavg, tmpdir, type } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import {
  MockAllocator,
  nodeDigester,
  openVram,
  systemRandom,
  systemTimers,
} from "../packages/vram-residency/src/index.ts";
import { mockControl } from "../packages/vram-residency/src/testing/index.ts";
import { type Seen, watch } from "./probe.ts";

const MIB = 1 << 20;
const BLOCK_BYTES = 4096;

/** What must hold in every phase. */
const LIMITS = { stallMs: 20, memoryBytes: 192 * MIB };

type Phase = Seen & { readonly bytesPerSecond: number };

/** What the mock gives back, the collector has yet to: what is resident after a release says nothing. */
type Release = Omit<Seen, "memoryBytes" | "samples">;

interface Results {
  readonly seal: Phase;
  readonly verify: Phase;
  readonly release: Release;
}

/**
 * Writes a file of random bytes in which no two blocks are alike and none is zero.
 *
 * @returns SHA-256 of what was written.
 */
async function writeFile(path: string, bytes: number): Promise<string> {
  const pattern = randomBytes(MIB);
  const numbers = new DataView(pattern.buffer, pattern.byteOffset, pattern.length);
  const hash = createHash("sha256");
  await using file = await open(path, "wx");
  for (let offset = 0; offset < bytes; offset += MIB) {
    for (let block = 0; block < MIB; block += BLOCK_BYTES) {
      numbers.setBigUint64(block, BigInt((offset + block) / BLOCK_BYTES + 1));
    }
    const part = pattern.subarray(0, Math.min(MIB, bytes - offset));
    hash.update(part);
    for (let done = 0; done < part.length; ) done += (await file.write(part, done)).bytesWritten;
  }
  // Or the kernel would still be writing while we measure.
  await file.sync();
  return hash.digest("hex");
}

/** Seals, verifies and releases the file at `path`, each under watch. */
async function measure(path: string, bytes: number, expectedDigest: string): Promise<Results> {
  await using allocator = new MockAllocator({
    capacityBytes: bytes + 64 * MIB,
    digester: nodeDigester,
    timers: systemTimers,
    random: systemRandom,
  });
  const { heldBytes } = mockControl(allocator);
  await using vram = await openVram({ backend: "mock", allocator });
  const timed = ({ seen }: { readonly seen: Seen }): Phase => ({
    ...seen,
    bytesPerSecond: Math.round(bytes / (seen.durationMs / 1000)),
  });
  const sealed = await watch(heldBytes, () => vram.sealModel(path, { expectedDigest }));
  const verified = await watch(heldBytes, () => vram.verifySealed(sealed.result));
  const released = await watch(heldBytes, () => vram.release(sealed.result));
  const { memoryBytes: _uncollected, samples: _few, ...release } = released.seen;
  return { seal: timed(sealed), verify: timed(verified), release };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { bytes: { type: "string", default: String(2 ** 31) }, json: { type: "string" } },
  });
  const bytes = Number(values.bytes);
  if (!Number.isSafeInteger(bytes) || bytes < 1) throw new Error("--bytes: expected a whole number from 1");
  const load = loadavg()[0] ?? 0;
  const folder = await mkdtemp(join(tmpdir(), "vram-bench-"));
  try {
    const path = join(folder, "model.bin");
    const digest = await writeFile(path, bytes);
    const results = await measure(path, bytes, digest);
    const { seal, verify, release } = results;
    const ok =
      [seal, verify, release].every(({ stallMs }) => stallMs <= LIMITS.stallMs) &&
      [seal, verify].every(({ memoryBytes }) => memoryBytes <= LIMITS.memoryBytes);
    const report = {
      apiVersion: "vram-residency.bench/v1",
      kind: "SealFile",
      machine: {
        cpu: cpus()[0]?.model ?? "unknown",
        cores: availableParallelism(),
        bun: Bun.version,
        os: `${type()} ${process.arch}`,
        loadBefore: Math.round(load * 100) / 100,
      },
      date: new Date().toISOString(),
      bytes,
      limits: LIMITS,
      results,
      ok,
    };
    const text = `${JSON.stringify(report, null, 2)}\n`;
    if (values.json !== undefined) await Bun.write(values.json, text);
    process.stdout.write(text);
    process.exitCode = ok ? 0 : 1;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

await main();
