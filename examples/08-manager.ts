/** A manager made of your own parts: every effect it has goes through something you gave it (manager). */
import { MockAllocator } from "@vram-residency/allocator-mock";
import { VramManager } from "@vram-residency/manager";
import { createPolicy } from "@vram-residency/policy";
import { staticKeys } from "@vram-residency/seal";
import {
  fakeClock,
  fakeTimers,
  memoryFileSystem,
  recordingSink,
  seededRandom,
} from "@vram-residency/testing";
import { isVramError } from "@vram-residency/types";
import { weights } from "./lib/tiny-model.ts";

const clock = fakeClock();
const timers = fakeTimers(clock);
const random = seededRandom(1);
const audit = recordingSink();
await using allocator = new MockAllocator({ capacityBytes: 1024 ** 2, timers, random });

{
  await using manager = await VramManager.open({
    allocator,
    keys: staticKeys([{ secret: random.bytes(32), state: "active" }]),
    policy: createPolicy({ profile: "development", readOnlyAfterSealing: true }),
    audit,
    clock,
    timers,
    random,
    fileSystem: memoryFileSystem(),
    config: { maxSealAgeMs: 60_000, workerId: "example" },
  });
  const shard = await manager.sealModel(weights(50_000), { shardId: "layer-0" });
  console.log(`sealed ${shard.shardId} at ${shard.sealedAt} on ${shard.deviceUuid}`);
  console.log(`access after sealing: ${(await manager.attestResidency(shard)).stable.access}`);

  clock.advance(59_000);
  const { coverage, verifiedAt } = await manager.verifySealed(shard);
  console.log(`verified at ${verifiedAt}, coverage ${coverage}`);
  clock.advance(2_000);
  const late = await manager.verifySealed(shard).catch((reason: unknown) => reason);
  if (isVramError(late)) console.log(`two seconds later: ${late.message}`);
  console.log(`used: ${(await manager.capacity()).usedBytes} bytes`);
}
for (const { severity, type } of audit.events) console.log(severity.padEnd(8), type);
