/** The members of a tensor-parallel group: complete, of one load, each in its place (the facade). */
import { openVram, type SealedShard, type VramManager } from "vram-residency";
import { weights } from "./lib/tiny-model.ts";

/** Verifies the members of a group, and that they are all of one: the same load, every index once. */
async function verifyGroup(vram: VramManager, shards: readonly SealedShard[]): Promise<string> {
  const groups = new Map(vram.shards().map(({ id, group }) => [id, group]));
  const ids = new Set(shards.map(({ shardId }) => groups.get(shardId)?.id));
  const [total] = shards.map(({ totalShards }) => totalShards);
  const indexes = new Set(shards.map(({ shardIndex }) => shardIndex));
  if (ids.size !== 1) return "members of different loads";
  if (shards.length !== total || indexes.size !== total) return `${indexes.size} of ${total} members`;
  for (const shard of shards) await vram.verifySealed(shard);
  return `complete: ${total} members verified`;
}

await using vram = await openVram({ backend: "mock", mock: { devices: 2 } });

/** One load has one random id; here they are fixed, to be printed. */
async function load(name: string, id: string): Promise<readonly SealedShard[]> {
  const shards: SealedShard[] = [];
  for (const index of [0, 1]) {
    shards.push(
      await vram.sealModel(weights(9000, index + 1), {
        shardId: `${name}-${index}`,
        gpuDevice: index,
        modelRef: "example/tiny@v1",
        group: { id, index, total: 2 },
      }),
    );
  }
  return shards;
}

const blue = await load("blue", "b".repeat(32));
const green = await load("green", "9".repeat(32));
for (const { id, device, group } of vram.shards()) {
  console.log(`${id}: device ${device}, ${group?.index} of ${group?.total} in ${group?.id.slice(0, 4)}…`);
}
console.log(`blue: ${await verifyGroup(vram, blue)}`);
console.log(`half of blue: ${await verifyGroup(vram, blue.slice(0, 1))}`);
console.log(`blue and green: ${await verifyGroup(vram, [...blue.slice(0, 1), ...green.slice(1)])}`);
