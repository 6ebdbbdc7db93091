import { describe, expect, test } from "bun:test";
import { computeDigest } from "@vram-residency/crypto";
import { withFaults } from "@vram-residency/testing";
import { deviceIndex, type Progress, type SealedShard, VramError } from "@vram-residency/types";
import { books, failure, NOTHING, openWorld, override, refusalOf, weights } from "./world.ts";

describe("sealModel", () => {
  test("gives a frozen, plain shard that says what lies where, and no address", async () => {
    await using world = await openWorld();
    const bytes = weights(10_000);

    const shard = await world.manager.sealModel(bytes, { shardId: "layer-0", modelRef: "org/model" });

    expect(shard).toMatchObject({
      shardId: "layer-0",
      gpuDevice: 0,
      vramBytes: 10_000,
      digest: computeDigest(bytes),
      residency: { algorithm: "fsverity-sha256", digest: computeDigest(bytes, "fsverity-sha256") },
      modelRef: "org/model",
      sealed: true,
      backend: "mock",
    });
    expect(Object.isFrozen(shard)).toBe(true);
    expect<unknown>(JSON.parse(JSON.stringify(shard))).toEqual(structuredClone(shard));
    expect(JSON.stringify(shard)).not.toMatch(/address|pointer|handle/i);
  });

  test("records the allocation, then the seal, before the shard is returned", async () => {
    await using world = await openWorld();

    const shard = await world.manager.sealModel(weights(5000), { shardId: "a" });

    expect(world.types()).toEqual(["PolicyEvaluated", "VramAllocated", "VramSealed"]);
    expect(world.events("VramSealed")[0]).toMatchObject({
      shardId: "a",
      digest: shard.digest,
      bytes: 5000,
      evidence: { backend: "mock", location: "mock", access: "read" },
    });
  });

  test("accepts every kind of source", async () => {
    await using world = await openWorld();
    const bytes = weights(2_500_000);
    await using file = await world.files.open("/model.bin", { mode: "create" });
    await file.write(bytes);
    const stream = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream();

    const digests = [
      await world.manager.sealModel(bytes),
      await world.manager.sealModel("/model.bin"),
      await world.manager.sealModel(new Blob([bytes as Uint8Array<ArrayBuffer>])),
      await world.manager.sealModel({ stream, bytes: bytes.length }),
    ].map(({ digest }) => digest);

    expect(new Set<string>(digests)).toEqual(new Set<string>([computeDigest(bytes)]));
  });

  test("refuses bytes without the expected digest, and keeps nothing", async () => {
    await using world = await openWorld();

    const error = await failure(world.manager.sealModel(weights(5000), { expectedDigest: "0".repeat(64) }));

    expect(error).toMatchObject({ code: "ERR_SOURCE", detail: { reason: "digest-differs" } });
    expect(await books(world)).toEqual(NOTHING);
    expect(world.control.isZero(deviceIndex(0))).toBe(true);
    expect(world.events("VramDeallocated")[0]).toMatchObject({ reason: "undone", wiped: true });
  });

  test("refuses an id that is live, and takes it again after the release", async () => {
    await using world = await openWorld();
    const shard = await world.manager.sealModel(weights(100), { shardId: "a" });

    const error = await failure(world.manager.sealModel(weights(100), { shardId: "a" }));
    await world.manager.release(shard);
    const again = await world.manager.sealModel(weights(100), { shardId: "a" });

    expect(error.code).toBe("ERR_STATE");
    expect((await world.manager.verifySealed(again)).shardId).toBe("a");
  });

  test("refuses nothing, too much, and more than the device has", async () => {
    await using world = await openWorld({
      capacityBytes: 1 << 20,
      parts: { config: { maxModelBytes: 500_000 } },
    });

    const empty = await failure(world.manager.sealModel(new Uint8Array(0)));
    const large = await failure(world.manager.sealModel(weights(500_001)));

    expect([empty.code, large.code]).toEqual(["ERR_INPUT_INVALID", "ERR_SOURCE"]);
    expect(await books(world)).toEqual(NOTHING);
  });

  test("says by how much memory is too small", async () => {
    await using world = await openWorld({
      capacityBytes: 1 << 20,
      parts: { config: { storeLeaves: false } },
    });
    await world.manager.sealModel(weights(600_000));

    const error = await failure(world.manager.sealModel(weights(600_000)));

    expect(error).toMatchObject({
      code: "ERR_VRAM_INSUFFICIENT",
      class: "retriable",
      detail: { device: 0, neededBytes: 602_112, availableBytes: (1 << 20) - 602_112, foreignBytes: 0 },
    });
    expect(world.events("VramAllocationFailed")[0]).toMatchObject({ code: "ERR_VRAM_INSUFFICIENT" });
  });

  test("keeps the headroom free", async () => {
    await using world = await openWorld({
      capacityBytes: 1 << 20,
      parts: { config: { headroomBytes: 1 << 19 } },
    });

    const error = await failure(world.manager.sealModel(weights((1 << 19) + 1)));

    expect(error.code).toBe("ERR_VRAM_INSUFFICIENT");
    expect((await world.manager.capacity()).availableBytes).toBe(1 << 19);
  });

  test("never grants the same bytes twice, headroom included, however many ask at once", async () => {
    await using world = await openWorld({
      capacityBytes: 10 * 65_536,
      parts: { config: { storeLeaves: false, headroomBytes: 3 * 65_536 } },
    });

    const results = await Promise.allSettled(
      Array.from({ length: 50 }, (_, index) => world.manager.sealModel(weights(65_536, index))),
    );

    const sealed = results.filter(({ status }) => status === "fulfilled");
    const refused = results.flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
    expect(sealed).toHaveLength(7);
    expect(new Set(refused.map(({ code }) => code))).toEqual(new Set(["ERR_VRAM_INSUFFICIENT"]));
    expect(await books(world)).toEqual({ charged: 7 * 65_536, ours: 7 * 65_536, live: 7 });
  });

  test("reports progress of every stage up to the end", async () => {
    await using world = await openWorld();
    const seen: Progress[] = [];

    await world.manager.sealModel(weights(3_000_000), {
      shardId: "a",
      onProgress: (step) => seen.push(step),
    });

    for (const stage of ["copy", "digest"] as const) {
      const steps = seen.filter((step) => step.stage === stage).map(({ bytesDone }) => bytesDone);
      expect(steps.at(-1)).toBe(3_000_000);
      expect(steps).toEqual([...steps].sort((a, b) => a - b));
    }
    expect(seen.every(({ shardId, bytesTotal }) => shardId === "a" && bytesTotal === 3_000_000)).toBe(true);
  });

  test("is cancelled in the middle and leaves nothing", async () => {
    await using world = await openWorld();
    const cancel = new AbortController();

    const error = await failure(
      world.manager.sealModel(weights(4_000_000), {
        signal: cancel.signal,
        onProgress: ({ bytesDone }) => {
          if (bytesDone > 1_000_000) cancel.abort();
        },
      }),
    );

    expect(error).toMatchObject({ code: "ERR_CANCELLED", detail: { stage: "copy" } });
    expect(await books(world)).toEqual(NOTHING);
    expect(world.control.isZero(deviceIndex(0))).toBe(true);
    expect(world.manager.shards()).toEqual([]);
  });

  test("ends at its deadline and leaves nothing", async () => {
    await using world = await openWorld();
    world.control.script([{ operation: "digest", at: 1, fault: "hang" }]);

    const sealing = failure(world.manager.sealModel(weights(4_000_000), { deadlineMs: 250 }));
    await world.timers.runAll();

    expect(await sealing).toMatchObject({ code: "ERR_DEADLINE", detail: { stage: "digest", limit: 250 } });
    expect(world.control.fired()).toEqual(["digest#1: hang"]);
    expect(await books(world)).toEqual(NOTHING);
  });

  test("ends when the progress callback throws", async () => {
    await using world = await openWorld();

    const error = await failure(
      world.manager.sealModel(weights(4_000_000), {
        onProgress: () => {
          throw new Error("mine");
        },
      }),
    );

    expect(error).toMatchObject({ code: "ERR_INPUT_INVALID", detail: { field: "onProgress" } });
    expect(await books(world)).toEqual(NOTHING);
  });

  test("notices a copy that did not arrive whole, by reading device memory back", async () => {
    for (const fault of ["short-copy", "corrupt-copy"] as const) {
      await using world = await openWorld();
      world.control.script([{ operation: "ingest", at: 1, fault }]);

      const error = await failure(world.manager.sealModel(weights(700_000)));

      expect(world.control.fired()).toEqual([`ingest#1: ${fault}`]);
      expect(error.code).toBe("ERR_INTEGRITY");
      expect(await books(world)).toEqual(NOTHING);
    }
  });

  test("refuses a file that changes while it is read", async () => {
    await using world = await openWorld();
    await using file = await world.files.open("/model.bin", { mode: "create" });
    await file.write(weights(3_000_000));
    let touched = false;

    const error = await failure(
      world.manager.sealModel("/model.bin", {
        onProgress: () => {
          if (touched) return;
          touched = true;
          world.clock.advance(5);
          void file.write(Uint8Array.of(1), 2_999_999);
        },
      }),
    );

    expect(error).toMatchObject({ code: "ERR_SOURCE", detail: { reason: "changed" } });
    expect(await books(world)).toEqual(NOTHING);
  });

  test("refuses what is no regular file", async () => {
    await using world = await openWorld();
    await world.files.makeDirectory("/models");

    const errors = [
      await failure(world.manager.sealModel("/missing")),
      await failure(world.manager.sealModel("/models")),
    ];

    expect(errors.map(({ code }) => code)).toEqual(["ERR_SOURCE", "ERR_SOURCE"]);
    for (const { message } of errors) expect(message).not.toContain("/m");
  });
});

describe("verifySealed", () => {
  test("reports what it established, after recording it", async () => {
    await using world = await openWorld();
    const shard = await world.manager.sealModel(weights(5000), { shardId: "a" });
    world.clock.advance(1000);

    const report = await world.manager.verifySealed(shard);

    expect(report).toMatchObject({
      shardId: "a",
      mode: "full",
      algorithm: "fsverity-sha256",
      digest: shard.residency.digest,
      bytesVerified: 5000,
      coverage: 1,
      verifiedAt: "2026-01-01T00:00:01.000Z",
    });
    expect(world.sink.events[report.auditSeq]).toMatchObject({
      type: "SealVerified",
      data: { shardId: "a" },
    });
  });

  test("names block and tensor of one flipped bit, and quarantines the shard", async () => {
    await using world = await openWorld();
    const tensors = [
      { name: "w.1", offset: 4096, bytes: 8192 },
      { name: "w.0", offset: 0, bytes: 4096 },
      { name: "w.2", offset: 12_288, bytes: 100 },
    ];
    const shard = await world.manager.sealModel(weights(12_388), { shardId: "a", tensors });
    await world.flip(shard, 9000, 3);

    const error = await failure(world.manager.verifySealed(shard));

    expect(error).toMatchObject({
      code: "ERR_INTEGRITY",
      detail: { shardId: "a", mismatches: [{ offset: 8192, bytes: 4096, tensor: "w.1" }], more: 0 },
    });
    expect(world.manager.shards()[0]?.state).toBe("quarantined");
    expect(world.sink.events.slice(-2).map(({ type, severity }) => [type, severity])).toEqual([
      ["SealVerificationFailed", "critical"],
      ["ShardQuarantined", "critical"],
    ]);
    expect((await failure(world.manager.verifySealed(shard))).code).toBe("ERR_STATE");
  });

  test("locates to 512 KiB, and says so, without stored leaves", async () => {
    await using world = await openWorld({ parts: { config: { storeLeaves: false } } });
    const shard = await world.manager.sealModel(weights(1_200_000));
    await world.flip(shard, 600_000, 0);

    const error = await failure(world.manager.verifySealed(shard));

    expect(error.detail).toMatchObject({ mismatches: [{ offset: 524_288, bytes: 524_288 }], more: 0 });
  });

  test("quarantines when the driver's evidence changes", async () => {
    await using world = await openWorld();
    const shard = await world.manager.sealModel(weights(5000));
    const { stable } = await world.manager.attestResidency(shard);
    await world.allocator.protect(world.control.find(stable.bufferId), "read-write");

    const reason = await refusalOf(world.manager.verifySealed(shard));

    expect(reason).toBe("evidence");
    expect(world.manager.shards()[0]?.state).toBe("quarantined");
    expect(world.events("SealVerificationFailed")[0]).toMatchObject({
      reason: "evidence",
      changed: ["access"],
    });
  });

  test("refuses a seal older than its greatest age, by the monotonic clock alone", async () => {
    await using world = await openWorld({ parts: { config: { maxSealAgeMs: 60_000 } } });
    const shard = await world.manager.sealModel(weights(5000));

    world.clock.jumpWall(10 * 365 * 86_400_000);
    await world.manager.verifySealed(shard);
    world.clock.advance(60_001);

    expect(await refusalOf(world.manager.verifySealed(shard))).toBe("age");
    expect(world.events("ClockSkew")).toHaveLength(1);
    expect(world.manager.shards()[0]?.state).toBe("sealed");
  });

  test("gives no answer that the log does not have", async () => {
    await using world = await openWorld();
    const shard = await world.manager.sealModel(weights(5000));
    world.sink.failAt(1);

    expect((await failure(world.manager.verifySealed(shard))).code).toBe("ERR_AUDIT_UNAVAILABLE");

    world.sink.resume();
    await world.manager.verifySealed(shard);
  });

  test("waits for a log that hangs no longer than its deadline", async () => {
    await using world = await openWorld();
    const shard = await world.manager.sealModel(weights(5000));
    world.sink.hangAt(1);

    let error: unknown;
    void failure(world.manager.verifySealed(shard)).then((reason) => {
      error = reason;
    });
    for (let second = 0; second < 6; second++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      world.clock.advance(1000);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
    world.sink.resume();

    expect(error).toMatchObject({ code: "ERR_AUDIT_UNAVAILABLE" });
  });

  test("quarantines also when the failure cannot be recorded", async () => {
    await using world = await openWorld();
    const shard = await world.manager.sealModel(weights(5000));
    await world.flip(shard, 1, 1);
    world.sink.failAt(1);

    const error = await failure(world.manager.verifySealed(shard));
    world.sink.resume();
    await world.manager.release(shard);

    expect(error.code).toBe("ERR_INTEGRITY");
    expect(world.events("AuditGap")[0]).toMatchObject({
      count: 2,
      types: ["SealVerificationFailed", "ShardQuarantined"],
    });
  });

  test("counts forged seals instead of filling the log, and touches no shard", async () => {
    await using world = await openWorld();
    const shard = await world.manager.sealModel(weights(5000));
    const [signature] = shard.seal.signatures;
    const sig = Buffer.from(signature.sig, "base64");
    sig[0] = (sig[0] ?? 0) ^ 1;
    const forged: SealedShard = {
      ...shard,
      seal: { ...shard.seal, signatures: [{ ...signature, sig: sig.toString("base64") }] },
    };

    const reasons = await Promise.all(
      Array.from({ length: 10_000 }, () => refusalOf(world.manager.verifySealed(forged))),
    );
    await world.timers.runAll();

    expect(new Set(reasons)).toEqual(new Set(["bad-mac"]));
    const counts = world.events("SealVerificationFailed").map(({ count }) => count);
    expect(counts).toEqual([1, 9999]);
    await world.manager.verifySealed(shard);
  });

  test("refuses everything that is no sealed shard", async () => {
    await using world = await openWorld();
    const shard = await world.manager.sealModel(weights(5000));
    const { seal: _seal, ...unsealed } = shard;

    const codes = [];
    for (const thing of [undefined, null, 1, "x", [], {}, unsealed, { ...shard, sealed: false }]) {
      codes.push((await failure(world.manager.verifySealed(thing as unknown as SealedShard))).code);
    }

    for (const code of codes) expect(["ERR_NOT_SEALED", "ERR_SEAL_VERIFICATION"]).toContain(code);
  });
});

describe("repair", () => {
  test("rewrites the damaged block only, and supersedes the seal", async () => {
    await using world = await openWorld();
    const bytes = weights(1_500_000);
    const shard = await world.manager.sealModel(bytes, { shardId: "a" });
    await world.flip(shard, 700_001, 5);
    await failure(world.manager.verifySealed(shard));

    const repaired = await world.manager.repair(shard, bytes);

    expect((await world.manager.verifySealed(repaired)).bytesVerified).toBe(1_500_000);
    expect(await refusalOf(world.manager.verifySealed(shard))).toBe("stale-generation");
    expect(world.manager.current("a")).toBe(repaired);
    expect(world.events("ShardRepaired")[0]).toMatchObject({
      blocks: 1,
      mismatches: [{ offset: 696_320, bytes: 4096 }],
      madeWritable: true,
    });
    expect((await world.manager.attestResidency(repaired)).stable.access).toBe("read");
  });

  test("reads the file again when the shard was sealed from one", async () => {
    await using world = await openWorld();
    await using file = await world.files.open("/model.bin", { mode: "create" });
    await file.write(weights(100_000));
    const shard = await world.manager.sealModel("/model.bin");
    await world.flip(shard, 50_000, 0);

    const repaired = await world.manager.repair(shard);

    await world.manager.verifySealed(repaired);
  });

  test("refuses a source that does not have the sealed bytes, and leaves the shard quarantined and protected", async () => {
    await using world = await openWorld();
    const bytes = weights(100_000);
    const shard = await world.manager.sealModel(bytes);
    await world.flip(shard, 50_000, 0);
    const wrong = Uint8Array.from(bytes);
    wrong[50_001] = (wrong[50_001] ?? 0) ^ 1;

    const error = await failure(world.manager.repair(shard, wrong));

    expect(error).toMatchObject({
      code: "ERR_INTEGRITY",
      detail: { mismatches: [{ offset: 49_152, bytes: 4096 }] },
    });
    expect(world.manager.shards()[0]?.state).toBe("quarantined");
    expect((await world.manager.attestResidency(shard)).stable.access).toBe("read");
  });

  test("takes the good blocks of a source that is damaged elsewhere", async () => {
    await using world = await openWorld();
    const bytes = weights(100_000);
    const shard = await world.manager.sealModel(bytes);
    await world.flip(shard, 50_000, 0);
    const elsewhere = Uint8Array.from(bytes);
    elsewhere[0] = (elsewhere[0] ?? 0) ^ 1;

    const repaired = await world.manager.repair(shard, elsewhere);

    await world.manager.verifySealed(repaired);
  });

  test("works without stored leaves, from a source that is whole", async () => {
    await using world = await openWorld({ parts: { config: { storeLeaves: false } } });
    const bytes = weights(1_100_000);
    const shard = await world.manager.sealModel(bytes);
    await world.flip(shard, 600_000, 7);

    const repaired = await world.manager.repair(shard, bytes);

    await world.manager.verifySealed(repaired);
    expect(world.events("ShardRepaired")[0]).toMatchObject({ blocks: 1 });
  });

  test("does not wash evidence that changed", async () => {
    let lie = false;
    await using world = await openWorld({
      wrap: (allocator) =>
        override(allocator, "evidence", (evidence) => async (id) => {
          const truth = await evidence(id);
          return lie ? { ...truth, stable: { ...truth.stable, blockId: "other" } } : truth;
        }),
    });
    const bytes = weights(5000);
    const shard = await world.manager.sealModel(bytes);
    lie = true;

    expect(await refusalOf(world.manager.repair(shard, bytes))).toBe("evidence");

    lie = false;
    expect(world.manager.shards()[0]?.state).toBe("quarantined");
  });

  test("notices memory that does not keep what is written", async () => {
    await using world = await openWorld({
      wrap: (allocator) => override(allocator, "writeBlocks", () => async () => {}),
    });
    const bytes = weights(5000);
    const shard = await world.manager.sealModel(bytes);
    await world.flip(shard, 100, 0);

    const error = await failure(world.manager.repair(shard, bytes));

    expect(error.code).toBe("ERR_INTEGRITY");
    expect(world.manager.shards()[0]?.state).toBe("quarantined");
    expect(world.types()).not.toContain("ShardRepaired");
  });

  test("wants bytes that can be read again", async () => {
    await using world = await openWorld();
    const bytes = weights(5000);
    const shard = await world.manager.sealModel(bytes);
    const stream = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream();

    const errors = [
      await failure(world.manager.repair(shard)),
      await failure(world.manager.repair(shard, { stream, bytes: 5000 })),
      await failure(world.manager.repair(shard, weights(5001))),
    ];

    expect(errors.map(({ detail }) => detail)).toEqual([
      { reason: "not-rereadable" },
      { reason: "not-rereadable" },
      { reason: "changed" },
    ]);
  });
});

describe("release", () => {
  test("leaves raw memory zero and the books empty", async () => {
    await using world = await openWorld();
    const shard = await world.manager.sealModel(weights(1_000_000));
    const before = world.control.isZero(deviceIndex(0));

    await world.manager.release(shard);

    expect([before, world.control.isZero(deviceIndex(0))]).toEqual([false, true]);
    expect(await books(world)).toEqual(NOTHING);
    expect(world.events("VramDeallocated")[0]).toMatchObject({
      reason: "released",
      wiped: true,
      madeWritable: true,
    });
    expect(await refusalOf(world.manager.verifySealed(shard))).toBe("stale-generation");
    expect(await refusalOf(world.manager.release(shard))).toBe("stale-generation");
  });

  test("fails when the wipe does nothing: the memory is kept, the device degraded, and a second try can succeed", async () => {
    await using world = await openWorld();
    const shard = await world.manager.sealModel(weights(1_000_000));
    const before = await books(world);
    world.control.script([{ operation: "wipe", at: 1, fault: "wipe-nothing" }]);

    const error = await failure(world.manager.release(shard));

    expect(world.control.fired()).toEqual(["wipe#1: wipe-nothing"]);
    expect(error.code).toBe("ERR_INTEGRITY");
    expect(await books(world)).toEqual(before);
    expect(world.manager.devices()[0]?.state).toBe("degraded");
    expect(world.events("VramDeallocated")[0]).toMatchObject({ wiped: false, freedBytes: 0 });
    expect(world.sink.events.at(-1)?.severity).toBe("critical");

    await world.manager.release(shard);
    expect(await books(world)).toEqual(NOTHING);
    expect(world.control.isZero(deviceIndex(0))).toBe(true);
  });

  test("is not held up by a log that fails; what was not recorded is owed", async () => {
    await using world = await openWorld();
    const shard = await world.manager.sealModel(weights(5000));
    world.sink.failAt(1);

    await world.manager.release(shard);
    world.sink.resume();
    await world.manager.sealModel(weights(5000));

    expect(world.types().slice(-3)).toEqual(["AuditGap", "VramAllocated", "VramSealed"]);
    expect(world.events("AuditGap")[0]).toMatchObject({ count: 1, types: ["VramDeallocated"] });
  });

  test("accepts the seal of a quarantined shard", async () => {
    await using world = await openWorld();
    const shard = await world.manager.sealModel(weights(5000));
    await world.flip(shard, 0, 0);
    await failure(world.manager.verifySealed(shard));

    await world.manager.release(shard);

    expect(await books(world)).toEqual(NOTHING);
  });
});

describe("a lost device", () => {
  test("loses every shard once, says so, and is never asked again", async () => {
    await using world = await openWorld({ devices: 2 });
    const lost = await world.manager.sealModel(weights(5000), { shardId: "lost" });
    const other = await world.manager.sealModel(weights(5000), { shardId: "other", gpuDevice: 1 });
    world.control.script([{ operation: "digest", at: 1, fault: "sticky" }]);

    const first = await failure(world.manager.verifySealed(lost));
    const calls = world.control.calls("digest");
    const second = await failure(world.manager.verifySealed(lost));

    expect([first.code, second.code]).toEqual(["ERR_DEVICE_LOST", "ERR_DEVICE_LOST"]);
    expect(world.control.calls("digest")).toBe(calls);
    expect(world.manager.devices().map(({ state }) => state)).toEqual(["lost", "healthy"]);
    expect(world.events("VramLost")).toEqual([
      expect.objectContaining({ shardId: "lost", reason: "device-lost", wiped: "unknown" }),
    ]);
    await world.manager.verifySealed(other);
    await world.manager.release(lost);
    expect(world.manager.shards().map(({ id }) => id)).toEqual(["other"]);
  });

  test("is not asked on behalf of a seal that was waiting when it was lost", async () => {
    const error = new VramError("ERR_DEVICE_LOST", "injected", {
      device: 0,
      driverCode: 999,
      restartNeeded: true,
    });
    await using world = await openWorld({
      wrap: (allocator) => withFaults(allocator, [{ operation: "digest", at: 2, error }]),
    });
    const shard = await world.manager.sealModel(weights(5000));

    const outcomes = await Promise.allSettled([
      world.manager.verifySealed(shard),
      world.manager.sealModel(weights(5000)),
    ]);

    expect(outcomes.map((outcome) => outcome.status === "rejected" && outcome.reason.code)).toEqual([
      "ERR_DEVICE_LOST",
      "ERR_DEVICE_LOST",
    ]);
  });

  test("takes no new shard", async () => {
    await using world = await openWorld();
    world.control.loseDevice(deviceIndex(0));

    const codes = [];
    for (let attempt = 0; attempt < 2; attempt++)
      codes.push((await failure(world.manager.sealModel(weights(10)))).code);

    expect(codes).toEqual(["ERR_DEVICE_LOST", "ERR_DEVICE_LOST"]);
    expect(world.manager.shards()).toEqual([]);
  });
});

describe("close", () => {
  test("wipes and frees everything, records it, and refuses what comes after", async () => {
    const world = await openWorld();
    const shard = await world.manager.sealModel(weights(1_000_000));

    await world.manager.close();
    await world.manager.close();

    expect(world.control.live()).toBe(0);
    expect(world.control.isZero(deviceIndex(0))).toBe(true);
    expect(world.events("VramDeallocated")).toEqual([
      expect.objectContaining({ reason: "closed", wiped: true }),
    ]);
    expect((await failure(world.manager.verifySealed(shard))).code).toBe("ERR_STATE");
  });

  test("cancels what runs, and waits until it is undone", async () => {
    const world = await openWorld();
    const sealing = failure(
      world.manager.sealModel(weights(8_000_000), { onProgress: () => void world.manager.close() }),
    );

    expect((await sealing).code).toBe("ERR_CANCELLED");
    await world.manager.close();
    expect(world.control.live()).toBe(0);
    expect(world.control.isZero(deviceIndex(0))).toBe(true);
  });

  test("tells of memory that could not be wiped, after everything else was done", async () => {
    const world = await openWorld();
    await world.manager.sealModel(weights(5000), { shardId: "stuck" });
    await world.manager.sealModel(weights(5000), { shardId: "fine" });
    world.control.script([{ operation: "wipe", at: 1, fault: "wipe-nothing" }]);

    const error = await failure(world.manager.close());

    expect(error).toMatchObject({ code: "ERR_INTEGRITY", detail: { shardId: "stuck" } });
    // Shard and leaves of the one; nothing of the other.
    expect(world.control.live()).toBe(2);
  });
});
