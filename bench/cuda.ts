/**
 * What the CUDA allocator costs this process, over the fake driver: how late timers come while a driver call sleeps, and how
 * much memory an ingest holds. Says nothing about a GPU's speed.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { open, rm, truncate } from "node:fs/promises";
import { join } from "node:path";
import { BUILT, driver, openFake } from "../packages/allocator-cuda/test/fake-driver.ts";
import { byteCount, deviceIndex } from "../packages/types/src/index.ts";
import { nodeFileSystem } from "../packages/types/src/node/index.ts";
import { type Part, part, skipped } from "./part.ts";

const MIB = 1 << 20;
const FIRST = deviceIndex(0);
const SLEEP_MS = 2000;
const TICK_MS = 10;
const RING_BYTES = 128 * MIB;
const SLACK_BYTES = 64 * MIB;
const MISSING = "the native library and the fake driver: bun run native";

const LATENESS = {
  name: "cuda-timers",
  measures: "latest timer while a driver call sleeps 2 s (ms)",
  limit: { atMost: 5 },
};
const MEMORY = {
  name: "cuda-ingest-memory",
  measures: "private memory an ingest of a file adds (MiB)",
  limit: { atMost: (RING_BYTES + SLACK_BYTES) / MIB },
};

/** Memory of this process that is its own: what stands for the device's is shared, and left out. Unit: bytes. */
function privateBytes(): number {
  const kib = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  return Number(kib) * 1024;
}

/** Ticks until `work` ends. @returns What `sample` gave, the largest. */
async function largestWhile(work: Promise<unknown>, sample: (lateMs: number) => number): Promise<number> {
  let done = false;
  const ended = work.finally(() => {
    done = true;
  });
  let largest = 0;
  while (!done) {
    const due = performance.now() + TICK_MS;
    await Bun.sleep(TICK_MS);
    largest = Math.max(largest, sample(performance.now() - due));
  }
  await ended;
  return largest;
}

async function timers(): Promise<Part> {
  driver.reset(`profile=h200 total_bytes=${64 * MIB} context_bytes=0`);
  await using cuda = await openFake();
  const id = await cuda.allocate(FIRST, byteCount(4096, "bytes"));
  const idle = await largestWhile(Bun.sleep(SLEEP_MS), (lateMs) => lateMs);
  driver.delay("cuMemsetD8Async", 1, SLEEP_MS);
  const late = await largestWhile(cuda.wipe(id), (lateMs) => lateMs);
  return part(LATENESS.name, LATENESS.measures, LATENESS.limit, late, {
    whenIdleMs: idle,
    fired: driver.fired(),
  });
}

async function memory(folder: string, bytes: number): Promise<Part> {
  const path = join(folder, "ingest.bin");
  await (await open(path, "w")).close();
  await truncate(path, bytes);
  driver.reset(`profile=h200 total_bytes=${bytes + 64 * MIB} context_bytes=0 poison_bytes=0 check_wipe=0`);
  await using cuda = await openFake({ stagingBytes: RING_BYTES });
  const id = await cuda.allocate(FIRST, byteCount(bytes, "bytes"));
  await using file = await nodeFileSystem.open(path, { mode: "read" });
  const source = {
    kind: "file",
    bytes: byteCount(bytes, "bytes"),
    file,
    chunks() {
      throw new Error("the library reads the file itself");
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  } as const;
  const before = privateBytes();
  const ingest = cuda.ingest(id, source, { identity: false, residency: "fsverity-sha256" });
  const peak = await largestWhile(ingest, privateBytes);
  await rm(path);
  return part(MEMORY.name, MEMORY.measures, MEMORY.limit, (peak - before) / MIB, {
    bytes,
    ringBytes: RING_BYTES,
  });
}

/** Both parts. @param bytes - Size of the file that is ingested. */
export async function cudaParts(folder: string, bytes: number): Promise<readonly Part[]> {
  if (!BUILT)
    return [LATENESS, MEMORY].map(({ name, measures, limit }) => skipped(name, measures, limit, MISSING));
  return [await timers(), await memory(folder, bytes)];
}
