import { openVram, type SealedShard } from "../packages/vram-residency/src/index.ts";
import { median, round } from "./machine.ts";
import { type Part, part } from "./part.ts";

const WARM_UP = 200;

/** What sealing and verifying cost apart from the bytes: tiny shards, one after the other. */
export async function overheadParts(shards: number): Promise<readonly Part[]> {
  await using vram = await openVram({ backend: "mock" });
  const times = { seal: [] as number[], verify: [] as number[], release: [] as number[] };
  const timed = async <Result>(into: number[], work: () => Promise<Result>): Promise<Result> => {
    const started = performance.now();
    const result = await work();
    into.push(performance.now() - started);
    return result;
  };
  const sealed: SealedShard[] = [];
  for (let index = 0; index < WARM_UP + shards; index++) {
    const bytes = new Uint8Array(64).fill(index & 0xff);
    sealed.push(await timed(times.seal, () => vram.sealModel(bytes)));
  }
  for (const shard of sealed) await timed(times.verify, () => vram.verifySealed(shard));
  for (const shard of sealed) await timed(times.release, () => vram.release(shard));
  return (["seal", "verify", "release"] as const).map((name) => {
    const counted = times[name].slice(WARM_UP).sort((a, b) => a - b);
    const detail = { shards, p99Ms: round(counted[Math.floor(counted.length * 0.99)] ?? Number.NaN) };
    return part(
      `${name}-overhead`,
      "median time of a shard of 64 bytes, ms",
      { atMost: 1 },
      median(counted),
      detail,
    );
  });
}
