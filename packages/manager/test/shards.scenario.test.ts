import { describe, expect, test } from "bun:test";
import { recordingSink } from "@vram-residency/testing";
import type { SealedShard } from "@vram-residency/types";
import { HARDWARE, pretendHardware, type Word } from "./hardware.ts";
import { books, failure, openWorld, type World, weights } from "./world.ts";

const MIB = 1 << 20;

/** A device whose memory is all the shards' own: without the leaves, which take room beside them. */
function device(mib: number): Promise<World> {
  return openWorld({ capacityBytes: mib * MIB, parts: { config: { storeLeaves: false } } });
}

async function sealAll(world: World, sizes: readonly number[]): Promise<readonly SealedShard[]> {
  const shards: SealedShard[] = [];
  for (const mib of sizes) shards.push(await world.manager.sealModel(weights(mib * MIB, shards.length)));
  return shards;
}

/** "ok", or the code of the failure, of each verification in turn. */
async function verdicts(world: World, shards: readonly SealedShard[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const shard of shards) {
    const verified = world.manager.verifySealed(shard);
    found.push(
      await verified.then(
        () => "ok",
        (error: { readonly code: string }) => error.code,
      ),
    );
  }
  return found;
}

describe("several shards", () => {
  test("multi_shard/01: three of 5 MiB are sealed, listed and charged, 15 MiB in all", async () => {
    await using world = await device(50);

    const shards = await sealAll(world, [5, 5, 5]);

    expect(world.manager.shards().map(({ id }) => id)).toEqual(shards.map(({ shardId }) => shardId));
    expect(await books(world)).toEqual({ charged: 15 * MIB, ours: 15 * MIB, live: 3 });
  });

  test("multi_shard/02: three verify, each on its own", async () => {
    await using world = await device(50);
    const shards = await sealAll(world, [5, 5, 5]);

    expect(await verdicts(world, shards)).toEqual(["ok", "ok", "ok"]);
    expect(world.events("SealVerified").map(({ shardId }) => shardId)).toEqual(
      shards.map(({ shardId }) => shardId),
    );
  });

  test("multi_shard/03: a bit flipped in the second fails the second alone", async () => {
    await using world = await device(50);
    const shards = await sealAll(world, [5, 5, 5]);
    const [, second] = shards;
    if (second !== undefined) await world.flip(second, 3 * MIB, 0);

    expect(await verdicts(world, shards)).toEqual(["ok", "ERR_INTEGRITY", "ok"]);
    expect(world.manager.shards().map(({ state }) => state)).toEqual(["sealed", "quarantined", "sealed"]);
  });

  test("multi_shard/04: 1, 10 and 20 MiB are sealed, each with its size", async () => {
    await using world = await device(50);

    const shards = await sealAll(world, [1, 10, 20]);

    expect(shards.map(({ vramBytes }) => vramBytes)).toEqual([1 * MIB, 10 * MIB, 20 * MIB]);
    expect(await verdicts(world, shards)).toEqual(["ok", "ok", "ok"]);
  });

  test("multi_shard/05: of three of 15 MiB the third is short of memory, and the first two stay", async () => {
    await using world = await device(40);
    const shards = await sealAll(world, [15, 15]);

    const error = await failure(world.manager.sealModel(weights(15 * MIB)));

    expect(error).toMatchObject({
      code: "ERR_VRAM_INSUFFICIENT",
      detail: { neededBytes: 15 * MIB, availableBytes: 10 * MIB },
    });
    expect(await verdicts(world, shards)).toEqual(["ok", "ok"]);
  });
});

describe("after a failure", () => {
  test("error_recovery/01: 20 MiB that do not fit leave room for 5 that do", async () => {
    await using world = await device(10);
    const error = await failure(world.manager.sealModel(weights(20 * MIB)));

    const shard = await world.manager.sealModel(weights(5 * MIB));

    expect(error.code).toBe("ERR_VRAM_INSUFFICIENT");
    expect(await verdicts(world, [shard])).toEqual(["ok"]);
  });

  test("error_recovery/02: a shard that failed to verify does not keep a new one from verifying", async () => {
    await using world = await device(10);
    const damaged = await world.manager.sealModel(weights(MIB));
    await world.flip(damaged, 0, 7);
    expect(await verdicts(world, [damaged])).toEqual(["ERR_INTEGRITY"]);

    const fresh = await world.manager.sealModel(weights(MIB));

    expect(await verdicts(world, [fresh, damaged])).toEqual(["ok", "ERR_STATE"]);
  });

  test("error_recovery/03: a bad id does not keep a good one from being sealed", async () => {
    await using world = await device(10);
    const error = await failure(world.manager.sealModel(weights(MIB), { shardId: "a/b" }));

    const shard = await world.manager.sealModel(weights(MIB), { shardId: "a-b" });

    expect(error.code).toBe("ERR_INPUT_INVALID");
    expect(shard.shardId).toBe("a-b");
  });

  test("error_recovery/04: no bytes at all are refused, and 1 MiB afterwards is sealed", async () => {
    await using world = await device(10);
    const error = await failure(world.manager.sealModel(new Uint8Array(0)));

    const shard = await world.manager.sealModel(weights(MIB));

    expect(error).toMatchObject({ code: "ERR_INPUT_INVALID", detail: { field: "bytes" } });
    expect(shard.vramBytes).toBe(MIB);
  });
});

describe("the VRAM-only policy", () => {
  test("vram_policy/01: a good device is permitted, and what is sealed on it is neither managed nor reachable from the host", async () => {
    await using world = await openWorld({ ...HARDWARE, wrap: (mock) => pretendHardware(mock) });

    const shard = await world.manager.sealModel(weights(MIB));

    expect(world.events("PolicyEvaluated")).toEqual([
      expect.objectContaining({ profile: "default", effect: "permit", warnings: [] }),
    ]);
    expect((await world.manager.attestResidency(shard)).stable).toMatchObject({
      location: "device",
      managed: false,
      hostPointer: false,
    });
    expect(world.events("PolicyViolation")).toEqual([]);
  });

  test("vram_policy/02: with unified memory no manager opens, and managed memory never gets a seal", async () => {
    const sink = recordingSink();
    const unified: Partial<Word> = { device: { integrated: true } };
    const parts = { ...HARDWARE.parts, audit: sink };
    const opening = openWorld({ ...HARDWARE, parts, wrap: (mock) => pretendHardware(mock, unified) });

    expect(await failure(opening)).toMatchObject({
      code: "ERR_POLICY_VIOLATION",
      detail: { reasons: [{ rule: "not-integrated" }] },
    });
    const violation = sink.events.find(({ type }) => type === "PolicyViolation");
    expect(violation).toMatchObject({
      severity: "critical",
      data: { reasons: [{ rule: "not-integrated" }] },
    });

    const managed: Partial<Word> = { evidence: { managed: true } };
    await using world = await openWorld({ ...HARDWARE, wrap: (mock) => pretendHardware(mock, managed) });
    expect(await failure(world.manager.sealModel(weights(MIB)))).toMatchObject({
      detail: { reasons: [{ rule: "not-managed" }] },
    });
    expect(world.control.live()).toBe(0);
    expect(world.events("VramSealed")).toEqual([]);
  });
});
