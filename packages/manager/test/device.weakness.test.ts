/** Devices, policy and evidence: what must not be wrong again. */
import { describe, expect, test } from "bun:test";
import { DEVICE_INDEX_MAX, deviceIndex, type SealedShard, type StableEvidence } from "@vram-residency/types";
import { bodyOf, forge } from "./forge.ts";
import { HARDWARE, pretendHardware, type Word } from "./hardware.ts";
import { failure, openWorld, override, refusalOf, type World, weights } from "./world.ts";

const GIB = 1024 ** 3;

/** A world over a GPU whose word the test changes as it goes. */
function onHardware(word: Partial<Word>, devices = 1): Promise<World> {
  return openWorld({ ...HARDWARE, devices, wrap: (mock) => pretendHardware(mock, word) });
}

async function rulesOf(promise: Promise<unknown>): Promise<unknown> {
  const { code, detail } = await failure(promise);
  const reasons = "reasons" in detail ? detail.reasons.map(({ rule }) => rule) : [];
  return [code, ...reasons];
}

test("W-11: the device in a seal is the one the allocator used, and memory on another one gets no seal", async () => {
  const word: Partial<Word> = {};
  await using world = await onHardware(word, 2);
  const uuids = world.manager.devices().map(({ uuid }) => uuid);

  const shard = await world.manager.sealModel(weights(5000), { gpuDevice: 1 });
  word.evidence = { ordinal: 0, deviceUuid: uuids[0] ?? "" };

  expect(bodyOf(shard).device).toMatchObject({ ordinal: 1, uuid: uuids[1] });
  expect(await rulesOf(world.manager.sealModel(weights(5000), { gpuDevice: 1 }))).toEqual([
    "ERR_POLICY_VIOLATION",
    "allocation-on-device",
  ]);
  expect(world.events("VramSealed")).toHaveLength(1);
});

test("W-13: a device is its UUID, not its number: one that took another's number answers for no seal of it", async () => {
  const word: Partial<Word> = {};
  await using world = await onHardware(word);
  const shard = await world.manager.sealModel(weights(5000));
  const { device } = bodyOf(shard);
  word.evidence = { deviceUuid: "GPU-of-the-other-slot" };

  expect(await refusalOf(world.manager.verifySealed(shard))).toBe("evidence");
  expect(world.manager.shards()[0]?.state).toBe("quarantined");
  const renumbered = forge(shard, { change: { device: { ...device, uuid: "GPU-of-the-other-slot" } } });
  expect(await refusalOf(world.manager.verifySealed(renumbered))).toBe("wrong-device");
});

test("the native library that devices answer through is on record, once, pinned or not", async () => {
  for (const pinned of [true, false]) {
    const native = { digest: "b".repeat(64), pinned };
    await using world = await onHardware({ device: { native } }, 2);

    expect(world.events("NativeLoaded")).toEqual([native]);
  }
});

test("a mock has no native library, and none is on record", async () => {
  await using world = await openWorld();

  expect(world.events("NativeLoaded")).toEqual([]);
});

describe("the policy", () => {
  test("W-14: is asked at the start, of fresh memory, of sealed memory, and at every verification", async () => {
    const atStart = onHardware({ device: { integrated: true } });
    expect(await rulesOf(atStart)).toEqual(["ERR_POLICY_VIOLATION", "not-integrated"]);

    // The first word is about fresh memory, the second about what is to be sealed.
    for (const lieAt of [1, 2]) {
      let asked = 0;
      const word: Partial<Word> = {};
      await using world = await openWorld({
        ...HARDWARE,
        wrap: (mock) =>
          override(pretendHardware(mock, word), "evidence", (evidence) => (id) => {
            asked += 1;
            word.evidence = asked === lieAt ? { hostPointer: true } : {};
            return evidence(id);
          }),
      });
      const refused = await rulesOf(world.manager.sealModel(weights(5000)));
      expect(refused).toEqual(["ERR_POLICY_VIOLATION", "no-host-pointer"]);
      expect([asked, world.control.live()]).toEqual([lieAt, 0]);
    }

    let staging = 0;
    await using world = await openWorld({
      ...HARDWARE,
      wrap: (mock) =>
        override(pretendHardware(mock), "capacity", (capacity) => async (device) => {
          const seen = await capacity(device);
          return { ...seen, stagingBytes: staging as typeof seen.stagingBytes };
        }),
    });
    const shard = await world.manager.sealModel(weights(5000));
    expect((await world.manager.verifySealed(shard)).coverage).toBe(1);
    staging = GIB;
    expect((await rulesOf(world.manager.verifySealed(shard))) as string[]).toContain("ERR_POLICY_VIOLATION");
  });
});

test("W-16: a seal rests on what the driver says of the memory: host memory gets none, a change ends one, and a mock says mock", async () => {
  const word: Partial<Word> = {};
  await using world = await onHardware(word);
  const shard = await world.manager.sealModel(weights(5000));
  const spilled: readonly Partial<StableEvidence>[] = [
    { location: "host" },
    { memoryType: "host" },
    { location: "unknown" },
  ];
  for (const evidence of spilled) {
    word.evidence = evidence;
    expect((await failure(world.manager.sealModel(weights(5000)))).code).toBe("ERR_POLICY_VIOLATION");
  }
  expect(await refusalOf(world.manager.verifySealed(shard))).toBe("evidence");

  await using mock = await openWorld();
  const pretended: SealedShard = await mock.manager.sealModel(weights(5000));
  expect((await mock.manager.attestResidency(pretended)).kind).toBe("mock");
});

test("W-31: one manager holds several devices, charges each alone, and signs a shard's place in its group", async () => {
  await using world = await openWorld({ devices: 3 });
  const id = "ab".repeat(16);

  const shards = await Promise.all(
    [0, 1, 2].map((index) =>
      world.manager.sealModel(weights(8192, index), {
        gpuDevice: index,
        group: { id, index, total: 3 },
      }),
    ),
  );

  expect(
    shards.map(({ gpuDevice, shardIndex, totalShards }) => [gpuDevice, shardIndex, totalShards]),
  ).toEqual([0, 1, 2].map((index) => [index, index, 3]));
  expect(new Set(shards.map(({ deviceUuid }) => deviceUuid)).size).toBe(3);
  for (const shard of shards) expect((await world.manager.verifySealed(shard)).coverage).toBe(1);
  const used = await Promise.all(
    [0, 1, 2].map(async (index) => (await world.manager.capacity(index)).usedBytes),
  );
  expect(new Set(used).size).toBe(1);
  const [first, second] = shards;
  if (first === undefined || second === undefined) throw new Error("three were sealed");
  expect(await refusalOf(world.manager.verifySealed({ ...first, shardIndex: 1 }))).toBe("fields-differ");
});

test("W-32: no size and no count of devices is compiled in: the limit is the configuration's, and the device's own", async () => {
  const bytes = 150 * GIB;
  const config = { maxModelBytes: bytes };
  await using world = await openWorld({ capacityBytes: 192 * GIB, parts: { config } });
  const ends = { stream: new Blob([]).stream(), bytes };

  const error = await failure(world.manager.sealModel(ends));

  // Only the source ended too soon; there was room for all of it in one piece.
  expect(error).toMatchObject({ code: "ERR_SOURCE", detail: { reason: "truncated" } });
  expect(world.events("VramAllocated")[0]).toMatchObject({ requestedBytes: bytes });
  expect([DEVICE_INDEX_MAX, deviceIndex(255) as number]).toEqual([255, 255]);
  expect((await openAndCount(16)) > 15).toBe(true);
});

async function openAndCount(devices: number): Promise<number> {
  await using world = await openWorld({ devices });
  return world.manager.devices().length;
}
