// A user on Node who puts a manager together by hand, without the facade and without `await using`.
import assert from "node:assert/strict";
import { MockAllocator } from "@vram-residency/allocator-mock";
import { mockControl } from "@vram-residency/allocator-mock/testing";
import { MemorySink } from "@vram-residency/audit";
import { computeDigest } from "@vram-residency/crypto";
import { nodeDigester } from "@vram-residency/crypto/node";
import { VramManager } from "@vram-residency/manager";
import { randomKeys } from "@vram-residency/seal";
import { nodeFileSystem, systemClock, systemRandom, systemTimers } from "@vram-residency/types/node";
import * as facade from "vram-residency";
import { play, playLog, RECORDED } from "./story.mjs";

// The libraries that the story does not touch must at least load here.
for (const name of ["types", "validation", "policy", "formats", "provenance", "loader", "testing"]) {
  const library = await import(`@vram-residency/${name}`);
  assert.ok(Object.keys(library).length > 0, `${name} exports nothing`);
}

const allocator = new MockAllocator({
  capacityBytes: 64 << 20,
  digester: nodeDigester,
  timers: systemTimers,
  random: systemRandom,
});
const audit = new MemorySink({ clock: systemClock, random: systemRandom });
const manager = await VramManager.open({
  allocator,
  audit,
  keys: randomKeys(systemRandom),
  policy: "development",
  clock: systemClock,
  timers: systemTimers,
  random: systemRandom,
  fileSystem: nodeFileSystem,
  owned: [allocator, audit],
});
const did = await play({
  manager,
  allocator,
  control: mockControl(allocator),
  digest: computeDigest,
  path: "node-model.bin",
});
await manager.close();

assert.deepEqual(
  audit.records().map(({ type }) => type),
  RECORDED,
);
assert.equal(audit.state, "closed");
const log = await playLog(facade, "audit");
console.log(JSON.stringify({ ok: true, log, runtime: `node ${process.version}`, ...did }));
