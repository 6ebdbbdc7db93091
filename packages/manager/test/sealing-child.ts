/**
 * A process that seals, verifies and releases, and says what it was told, one a line: "sealed a", "verified 7", "released a".
 *
 * Arguments: the log's directory, and a pipe that nobody writes to.
 *
 * @module
 */
import { open, writeSync } from "node:fs";
import { availableParallelism } from "node:os";
import { MockAllocator } from "@vram-residency/allocator-mock";
import { nodeDigester } from "@vram-residency/crypto/node";
import { VramManager } from "@vram-residency/manager";
import { randomKeys } from "@vram-residency/seal";
import { nodeFileSystem, systemClock, systemRandom, systemTimers } from "@vram-residency/types/node";
import { openOnDisk } from "../../audit/test/crash/disk.ts";
import { weights } from "./world.ts";

const [directory = "", pipe = ""] = process.argv.slice(2);

// See packages/audit/test/crash/child.ts: one thread is left for files, so that system calls can be counted.
for (let thread = 1; thread < Math.max(2, availableParallelism()); thread += 1) open(pipe, "r", () => {});

function say(words: string): void {
  writeSync(1, `${words}\n`);
}

async function work(): Promise<void> {
  const ports = {
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
    fileSystem: nodeFileSystem,
  };
  const audit = await openOnDisk(nodeFileSystem, directory);
  const manager = await VramManager.open({
    ...ports,
    allocator: new MockAllocator({ ...ports, digester: nodeDigester, capacityBytes: 1 << 20 }),
    keys: randomKeys(systemRandom),
    policy: "development",
    audit,
  });
  for (const shardId of ["a", "b"]) {
    const shard = await manager.sealModel(weights(5000), { shardId });
    say(`sealed ${shardId}`);
    say(`verified ${(await manager.verifySealed(shard)).auditSeq}`);
    if (shardId === "b") break;
    await manager.release(shard);
    // Freeing is never held up: when the log has failed, it is owed a record.
    say(`released ${shardId}${audit.state === "ready" ? "" : ", unrecorded"}`);
  }
}

await work().catch(() => {});
say("done");
process.exit(0);
