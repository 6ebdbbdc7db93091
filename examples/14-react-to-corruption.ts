/** A bit flips in device memory: found, located, repaired, and the old seal refused (the facade). */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  hasCode,
  MockAllocator,
  nodeFileSystem,
  openModel,
  openVram,
  type SealedShard,
  systemRandom,
  systemTimers,
  type VramManager,
} from "vram-residency";
import { mockControl } from "vram-residency/testing";
import { scratch } from "./lib/scratch.ts";
import { safetensorsOf } from "./lib/tiny-model.ts";

/** What a server does with a shard that may be damaged: verify, and repair once. @returns The seal that holds now. */
async function keepServing(vram: VramManager, shard: SealedShard): Promise<SealedShard> {
  try {
    await vram.verifySealed(shard);
    return shard;
  } catch (error) {
    if (!hasCode(error, "ERR_INTEGRITY")) throw error;
    for (const { offset, bytes, tensor } of error.detail.mismatches) {
      console.log(`damaged: ${bytes} bytes at ${offset}, tensor ${tensor}`);
    }
    console.log(`state: ${vram.shards()[0]?.state}`);
    return await vram.repair(shard);
  }
}

await using allocator = new MockAllocator({ timers: systemTimers, random: systemRandom });
await using vram = await openVram({ backend: "mock", allocator });
await using folder = await scratch();
const path = join(folder.path, "tiny.safetensors");
await writeFile(path, safetensorsOf({ "embed.weight": 50_000, "head.weight": 30_000 }));

// With the tensors' places, damage is named; with a path, repair reads the original again by itself.
const { tensors } = (await openModel(path, nodeFileSystem)).files[0];
const sealed = await vram.sealModel(path, { shardId: "tiny", tensors });

const control = mockControl(allocator);
const { stable } = await vram.attestResidency(sealed);
control.flipBit(control.find(stable.bufferId), 70_000, 5);

const repaired = await keepServing(vram, sealed);
await vram.verifySealed(repaired);
console.log(`repaired: the same bytes (${repaired.digest === sealed.digest}), a new seal`);
console.log(`state: ${vram.shards()[0]?.state}`);

const stale = await vram.verifySealed(sealed).catch((reason: unknown) => reason);
if (hasCode(stale, "ERR_SEAL_VERIFICATION")) console.log(`the old seal: ${stale.detail.reason}`);
