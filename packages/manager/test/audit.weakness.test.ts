/** Errors, audit, and seals that are replayed or grow old: what must not be wrong again. */
import { expect, test } from "bun:test";
import { type ErrorCode, isVramError, type SealedShard } from "@vram-residency/types";
import { bodyOf, forge } from "./forge.ts";
import { books, failure, NOTHING, openWorld, refusalOf, type World, weights } from "./world.ts";

const OTHER_ROOT: Uint8Array = Uint8Array.from({ length: 32 }, (_, index) => 200 - index);

/** The shard with one bit of its MAC flipped. */
function forged(shard: SealedShard): SealedShard {
  const [{ keyid, sig }] = shard.seal.signatures;
  const mac = Buffer.from(sig, "base64");
  mac[0] = (mac[0] ?? 0) ^ 1;
  return { ...shard, seal: { ...shard.seal, signatures: [{ keyid, sig: mac.toString("base64") }] } };
}

function failuresOf(world: World): [unknown, string][] {
  return world.sink.events
    .filter(({ type }) => type === "SealVerificationFailed")
    .map(({ data, severity }) => [data["reason"], severity]);
}

test("W-18: each failure of a driver has a code of its own, with the driver's number and name and what to do about it", async () => {
  const cases = [
    ["allocate", "out-of-memory", "ERR_VRAM_INSUFFICIENT", "retriable"],
    ["allocate", "driver-error", "ERR_DRIVER_ALLOCATION", "retriable"],
    ["ingest", "driver-error", "ERR_DRIVER_COPY", "fatal"],
    ["digest", "driver-error", "ERR_DRIVER_COPY", "fatal"],
    ["ingest", "device-lost", "ERR_DEVICE_LOST", "fatal"],
    ["digest", "sticky", "ERR_DEVICE_LOST", "fatal"],
  ] as const satisfies readonly (readonly [string, string, ErrorCode, string])[];
  for (const [operation, fault, code, kind] of cases) {
    await using world = await openWorld();
    world.control.script([{ operation, at: 1, fault }]);
    const error = await failure(world.manager.sealModel(weights(5000)));

    expect(world.control.fired()).toEqual([`${operation}#1: ${fault}`]);
    expect([error.code, error.class]).toEqual([code, kind]);
    if (code.startsWith("ERR_DRIVER")) {
      expect(error.detail).toMatchObject({ driverCode: expect.any(Number), driverName: expect.any(String) });
    }
    expect(await books(world).catch(() => NOTHING)).toEqual(NOTHING);
  }
  await using world = await openWorld();
  const shard = await world.manager.sealModel(weights(5000));
  const id = world.control.find((await world.manager.attestResidency(shard)).stable.bufferId);
  // Reading past the end is a mistake of the caller's, not an incident; nor is an id that is no longer live.
  const beyond = await failure(world.allocator.readBlocks(id, 1_000_000 as never, 16 as never));
  const stale = await failure(world.allocator.digest({ ...id, generation: 99 }, { algorithm: "sha256" }));
  expect([beyond, stale].map(({ code, class: kind }) => [code, kind])).toEqual([
    ["ERR_INPUT_INVALID", "caller"],
    ["ERR_STATE", "caller"],
  ]);
  expect(isVramError(beyond) && world.manager.devices()[0]?.state).toBe("healthy");
});

test("W-19: every way to fail a verification is recorded with its reason, a forged seal and a missing one too", async () => {
  await using world = await openWorld({ parts: { config: { maxSealAgeMs: 60_000 } } });
  const shard = await world.manager.sealModel(weights(5000));
  const gone = await world.manager.sealModel(weights(5000));
  await world.manager.release(gone);
  const { seal: _seal, ...unsealed } = shard;

  await refusalOf(world.manager.verifySealed(forged(shard)));
  await refusalOf(world.manager.verifySealed({ ...shard, digest: "0".repeat(64) }));
  await refusalOf(world.manager.verifySealed(unsealed as SealedShard));
  await refusalOf(world.manager.verifySealed(gone));
  await refusalOf(world.manager.verifySealed(forge(shard, { change: {}, root: OTHER_ROOT })));
  world.clock.advance(60_001);
  await refusalOf(world.manager.verifySealed(shard));

  expect(failuresOf(world)).toEqual([
    ["bad-mac", "warning"],
    ["fields-differ", "warning"],
    ["malformed", "warning"],
    ["stale-generation", "warning"],
    ["unknown-key", "warning"],
    ["age", "warning"],
  ]);

  await using other = await openWorld();
  const damaged = await other.manager.sealModel(weights(5000));
  await other.flip(damaged, 0, 0);
  await failure(other.manager.verifySealed(damaged));
  expect(failuresOf(other)).toEqual([["content", "critical"]]);
});

test("W-20: nothing is sealed and nothing is answered while the log takes nothing; what cannot wait is done and owed", async () => {
  await using world = await openWorld();
  const shard = await world.manager.sealModel(weights(5000));
  const damaged = await world.manager.sealModel(weights(5000), { shardId: "damaged" });
  const held = await books(world);
  await world.flip(damaged, 1, 1);
  world.sink.failAt(1);

  const unsure = await failure(world.manager.verifySealed(damaged));
  const refused = [
    await failure(world.manager.verifySealed(shard)),
    await failure(world.manager.sealModel(weights(5000))),
  ].map(({ code }) => code);

  expect(unsure.code).toBe("ERR_INTEGRITY");
  expect(refused).toEqual(["ERR_AUDIT_UNAVAILABLE", "ERR_AUDIT_UNAVAILABLE"]);
  expect(await books(world)).toEqual(held);
  await world.manager.release(damaged);
  world.sink.resume();
  await world.manager.verifySealed(shard);
  expect(world.types().slice(-2)).toEqual(["AuditGap", "SealVerified"]);
  const owed = world.events("AuditGap")[0]?.["types"];
  expect(owed).toEqual(
    expect.arrayContaining(["SealVerificationFailed", "ShardQuarantined", "VramDeallocated"]),
  );
});

test("W-21: memory that runs out, a copy that fails, a device that is lost, a policy that permits: each is recorded", async () => {
  await using world = await openWorld();
  world.control.script([
    { operation: "allocate", at: 1, fault: "driver-error" },
    { operation: "ingest", at: 1, fault: "driver-error" },
  ]);
  await failure(world.manager.sealModel(weights(5000), { shardId: "no-memory" }));
  await failure(world.manager.sealModel(weights(5000), { shardId: "no-copy" }));
  const shard = await world.manager.sealModel(weights(5000), { shardId: "kept" });
  world.control.script([{ operation: "digest", at: 1, fault: "device-lost" }]);
  await failure(world.manager.verifySealed(shard));
  await world.manager.close();

  expect(world.types().slice(0, 6)).toEqual([
    "PolicyEvaluated",
    "VramAllocationFailed",
    "VramAllocated",
    "VramDeallocated",
    "VramAllocated",
    "VramSealed",
  ]);
  // The device's end and the verification that met it are written side by side.
  expect(world.types().slice(6).sort()).toEqual(["DeviceQuarantined", "SealVerificationFailed", "VramLost"]);
  expect(failuresOf(world)).toEqual([["ERR_DEVICE_LOST", "warning"]]);
  expect(world.events("VramAllocationFailed")[0]).toMatchObject({ code: "ERR_DRIVER_ALLOCATION" });
  expect(world.events("VramDeallocated")[0]).toMatchObject({ shardId: "no-copy", reason: "undone" });
  expect(world.events("VramLost")[0]).toMatchObject({ shardId: "kept", wiped: "unknown" });
});

test("W-22: a record says which shard, which device, which seal and key, who, how much and for how long", async () => {
  await using world = await openWorld({ parts: { config: { workerId: "worker-7" } } });
  const shard = await world.manager.sealModel(weights(5000), { shardId: "a" });
  world.clock.advance(10);
  await world.manager.verifySealed(shard);
  const { kid, sealId, epoch } = bodyOf(shard);
  const where = { shardId: "a", gpuDevice: 0, workerId: "worker-7" };

  const { usedBytes, availableBytes } = await world.manager.capacity();
  expect(world.events("VramAllocated")[0]).toMatchObject({
    ...where,
    requestedBytes: 5000,
    usedBytes,
    availableBytes,
  });
  expect(world.events("VramSealed")[0]).toMatchObject({
    ...where,
    ...{ kid, epoch, sealId, digest: shard.digest, bytes: 5000 },
    ...{ deviceUuid: shard.deviceUuid, evidence: { backend: "mock" } },
  });
  expect(world.events("SealVerified")[0]).toMatchObject({
    ...where,
    ...{
      sealId,
      deviceUuid: shard.deviceUuid,
      bytesVerified: 5000,
      durationMs: 0,
      algorithm: "fsverity-sha256",
    },
  });
});

test("W-23: time in a seal is signed to the ms and the ns, and age is the monotonic clock's, whatever the wall clock does", async () => {
  await using world = await openWorld({ parts: { config: { maxSealAgeMs: 60_000 } } });
  world.clock.advance(1.5);
  const shard = await world.manager.sealModel(weights(5000));

  expect(bodyOf(shard)).toMatchObject({
    sealedAt: "2026-01-01T00:00:00.001Z",
    mono: "1500000",
    maxAgeMs: 60_000,
  });
  const edited = { ...shard, sealedAt: "2026-01-01T00:00:00.002Z" };
  expect(await refusalOf(world.manager.verifySealed(edited))).toBe("fields-differ");
  world.clock.jumpWall(-60 * 365.25 * 86_400_000);
  expect((await world.manager.verifySealed(shard)).verifiedAt).toStartWith("1966");
  expect(world.events("ClockSkew")).toHaveLength(1);
  world.clock.advance(60_001);
  expect(await refusalOf(world.manager.verifySealed(shard))).toBe("age");
});

test("W-24: a seal is good in one process, for one allocation, until it is superseded or released", async () => {
  await using here = await openWorld({ seed: 1 });
  await using elsewhere = await openWorld({ seed: 2 });
  const content = weights(5000);
  const first = await here.manager.sealModel(content, { shardId: "a" });
  const copy = await elsewhere.manager.sealModel(content, { shardId: "a" });
  const second = await here.manager.repair(first, content);

  // One root, one id, one content, two processes.
  expect(await refusalOf(here.manager.verifySealed(copy))).toBe("stale-epoch");
  expect(await refusalOf(here.manager.verifySealed(first))).toBe("stale-generation");
  expect(bodyOf(second)).toMatchObject({ supersedes: bodyOf(first).sealId, seq: bodyOf(first).seq + 1 });
  await here.manager.release(second);
  const again = await here.manager.sealModel(content, { shardId: "a" });
  expect(await refusalOf(here.manager.verifySealed(second))).toBe("stale-generation");
  expect((await here.manager.verifySealed(again)).coverage).toBe(1);
});
