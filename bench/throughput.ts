import { join } from "node:path";
import {
  MockAllocator,
  nodeDigester,
  openVram,
  systemRandom,
  systemTimers,
} from "../packages/vram-residency/src/index.ts";
import { median, round } from "./machine.ts";
import { writeRandomFile } from "./random-file.ts";

/** Throughput of one size of shard. Unit: bytes per second. */
export interface Point {
  readonly shardBytes: number;
  readonly seal: number;
  readonly verify: number;
}

const MIB = 1 << 20;
/** Small shards are measured this often, large ones once: until about this many bytes have passed. */
const REPEAT_BYTES = 64 * MIB;
const REPEATS_MAX = 300;

/** Seals and verifies files of growing size on the mock, from page cache. @param largest - Unit: bytes. */
export async function measureThroughput(folder: string, largest: number): Promise<readonly Point[]> {
  const points: Point[] = [];
  for (let shardBytes = 4096; shardBytes <= largest; shardBytes *= 4) {
    const path = join(folder, `shard-${shardBytes}.bin`);
    await writeRandomFile(path, shardBytes);
    points.push(await measureSize(path, shardBytes));
    await Bun.file(path).delete();
  }
  return points;
}

async function measureSize(path: string, shardBytes: number): Promise<Point> {
  await using allocator = new MockAllocator({
    capacityBytes: 2 * shardBytes + 64 * MIB,
    digester: nodeDigester,
    timers: systemTimers,
    random: systemRandom,
  });
  await using vram = await openVram({ backend: "mock", allocator });
  const repeats = Math.min(REPEATS_MAX, Math.max(2, Math.ceil(REPEAT_BYTES / shardBytes)));
  const seal: number[] = [];
  const verify: number[] = [];
  for (let index = 0; index < repeats; index++) {
    const started = performance.now();
    const shard = await vram.sealModel(path);
    const sealed = performance.now();
    await vram.verifySealed(shard);
    const verified = performance.now();
    await vram.release(shard);
    seal.push(sealed - started);
    verify.push(verified - sealed);
  }
  const rate = (times: readonly number[]): number => round((shardBytes / median(times)) * 1000, 0);
  return { shardBytes, seal: rate(seal), verify: rate(verify) };
}
