/** Plans a directory of model files over two devices, then loads all of it or nothing (loader). */
import { loadModel, planModel } from "@vram-residency/loader";
import { VramManager } from "@vram-residency/manager";
import { seededRandom } from "@vram-residency/testing";
import { isVramError } from "@vram-residency/types";
import { nodeFileSystem } from "@vram-residency/types/node";
import { mockParts } from "./lib/parts.ts";
import { scratch } from "./lib/scratch.ts";
import { writeModel } from "./lib/tiny-model.ts";

await using folder = await scratch();
await writeModel(folder.path);

const plan = await planModel(folder.path, { fileSystem: nodeFileSystem, devices: [0, 1] });
for (const { shardId, gpuDevice, bytes } of plan.shards) {
  console.log(`plan: ${shardId} to device ${gpuDevice}, ${bytes} bytes`);
}

{
  await using manager = await VramManager.open(mockParts({ devices: 2 }));
  const options = { manager, random: seededRandom(2), modelRef: "example/tiny@v1" };
  const { shards } = await loadModel(plan, options);
  for (const shard of shards) {
    const { bytesVerified } = await manager.verifySealed(shard);
    console.log(
      `${shard.shardId} (${shard.shardIndex} of ${shard.totalShards}): ${bytesVerified} bytes verified`,
    );
    console.log(`  sha256 ${shard.digest}`);
  }
}

// The second device is too small for its file: what was sealed on the first is released again.
await using small = await VramManager.open(mockParts({ devices: 1, capacityBytes: 16_384 }));
const single = await planModel(folder.path, { fileSystem: nodeFileSystem });
const error = await loadModel(single, { manager: small, random: seededRandom(3) }).catch(
  (why: unknown) => why,
);
if (isVramError(error)) console.log(`does not fit: ${error.message}`);
console.log(`left behind: ${small.shards().length} shards, ${(await small.capacity()).usedBytes} bytes`);
