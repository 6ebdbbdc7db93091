/** Seal a file, verify it where it lies, release it wiped (the facade). */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { computeDigest, MemorySink, openVram, systemClock, systemRandom } from "vram-residency";
import { scratch } from "./lib/scratch.ts";
import { safetensorsOf } from "./lib/tiny-model.ts";

await using folder = await scratch();
const path = join(folder.path, "model.safetensors");
const file = safetensorsOf({ "embed.weight": 50_000, "head.weight": 30_000 });
await writeFile(path, file);

const audit = new MemorySink({ clock: systemClock, random: systemRandom });
{
  await using vram = await openVram({ backend: "mock", audit });
  const expectedDigest = computeDigest(file);
  const shard = await vram.sealModel(path, { shardId: "tiny", modelRef: "example/tiny@v1", expectedDigest });
  console.log(`sealed ${shard.shardId}: ${shard.vramBytes} bytes`);
  console.log(`  sha256   ${shard.digest}`);
  console.log(`  ${shard.residency.algorithm} ${shard.residency.digest}`);

  const report = await vram.verifySealed(shard);
  console.log(
    `verified ${report.bytesVerified} bytes, coverage ${report.coverage}, record ${report.auditSeq}`,
  );

  // A shard is plain data: it may go through JSON to another process, and come back.
  const returned: typeof shard = JSON.parse(JSON.stringify(shard));
  await vram.verifySealed(returned);
  console.log("verified again, after a trip through JSON");

  const { kind, stable } = await vram.attestResidency(shard);
  console.log(`evidence: ${kind}, location ${stable.location}, access ${stable.access}`);

  await vram.release(shard);
  console.log(`released; used: ${(await vram.capacity()).usedBytes} bytes`);
}
for (const { seq, type, data } of audit.records()) {
  console.log(`${seq} ${type}${"wiped" in data ? `, wiped: ${data["wiped"] === true}` : ""}`);
}
