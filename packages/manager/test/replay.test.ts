import { describe, expect, test } from "bun:test";
import type { SealedShard } from "@vram-residency/types";
import { bodyOf, type Change, forge } from "./forge.ts";
import { openWorld, refusalOf, weights } from "./world.ts";

const OTHER_ROOT = Uint8Array.from({ length: 32 }, (_, index) => 200 - index);
const HEX64 = "ab".repeat(32);
const HEX32 = "cd".repeat(16);

/** The seven things a seal is bound to; each can be right, or that of somebody else. */
const DIMENSIONS = ["allocation", "device", "epoch", "key", "shard", "policy", "generation"] as const;
type Dimension = (typeof DIMENSIONS)[number];

describe("the replay matrix", () => {
  test("has exactly one accepting cell", async () => {
    await using here = await openWorld({ devices: 2, seed: 1 });
    await using elsewhere = await openWorld({ seed: 2 });
    const shard = await here.manager.sealModel(weights(5000), { shardId: "a" });
    const neighbour = bodyOf(await here.manager.sealModel(weights(5000), { shardId: "b", gpuDevice: 1 }));
    const foreign = bodyOf(await elsewhere.manager.sealModel(weights(5000), { shardId: "a" }));
    const own = bodyOf(shard);

    const accepted: string[] = [];
    const refused = new Map<string, string>();
    for (let cell = 0; cell < 1 << DIMENSIONS.length; cell++) {
      const wrong = new Set(DIMENSIONS.filter((_, place) => cell & (1 << place)));
      const pick = <Value>(dimension: Dimension, right: Value, other: Value): Value =>
        wrong.has(dimension) ? other : right;
      const allocation = {
        id: pick("allocation", own.allocation.id, neighbour.allocation.id),
        generation: pick("generation", own.allocation.generation, own.allocation.generation + 1),
        nonce: pick("allocation", own.allocation.nonce, neighbour.allocation.nonce),
      };
      const change: Change = {
        allocation,
        device: pick("device", own.device, neighbour.device),
        epoch: pick("epoch", own.epoch, foreign.epoch),
        shard: pick("shard", own.shard, neighbour.shard),
        policy: pick("policy", own.policy, HEX64),
      };
      const forged = forge(shard, { change, ...(wrong.has("key") ? { root: OTHER_ROOT } : {}) });
      const name = DIMENSIONS.filter((dimension) => wrong.has(dimension)).join("+");
      const verified = here.manager.verifySealed(forged).then(() => "ok");
      const outcome = await verified.catch(() => refusalOf(here.manager.verifySealed(forged)));
      if (outcome === "ok") accepted.push(name);
      else refused.set(name, outcome);
    }

    expect(accepted).toEqual([""]);
    expect(refused.size).toBe(127);
    expect(Object.fromEntries(DIMENSIONS.map((name) => [name, refused.get(name)]))).toEqual({
      // It names the neighbour's live allocation, which lies on the neighbour's device.
      allocation: "wrong-device",
      device: "wrong-device",
      epoch: "stale-epoch",
      key: "unknown-key",
      shard: "not-issued",
      policy: "policy",
      generation: "stale-generation",
    });
    expect(here.manager.shards().map(({ state }) => state)).toEqual(["sealed", "sealed"]);
  });

  test("refuses seals that are valid elsewhere: two managers over one root, and two shards of one manager", async () => {
    await using here = await openWorld({ seed: 1 });
    await using elsewhere = await openWorld({ seed: 2 });
    const mine = await here.manager.sealModel(weights(5000), { shardId: "a" });
    const theirs = await elsewhere.manager.sealModel(weights(5000), { shardId: "a" });
    const other = await here.manager.sealModel(weights(5000), { shardId: "b" });

    expect(await refusalOf(here.manager.verifySealed(theirs))).toBe("stale-epoch");
    expect(await refusalOf(elsewhere.manager.verifySealed(mine))).toBe("stale-epoch");
    expect(await refusalOf(here.manager.verifySealed({ ...mine, seal: other.seal }))).toBe("fields-differ");
    await here.manager.verifySealed(mine);
    await elsewhere.manager.verifySealed(theirs);
  });

  test("refuses the seal of a shard whose slot another one has taken", async () => {
    await using world = await openWorld();
    const first = await world.manager.sealModel(weights(5000), { shardId: "a" });
    await world.manager.release(first);
    const second = await world.manager.sealModel(weights(5000), { shardId: "a" });

    expect(bodyOf(second).allocation.id).toBe(bodyOf(first).allocation.id);
    expect(await refusalOf(world.manager.verifySealed(first))).toBe("stale-generation");
    expect(await refusalOf(world.manager.release(first))).toBe("stale-generation");
    await world.manager.verifySealed(second);
  });
});

/** Every field of the body, another value for it, and why the result is refused although its MAC is good. */
const BODY_FIELDS: readonly (readonly [string, (shard: SealedShard) => Change, string])[] = [
  ["v", () => ({ v: 2 }), "malformed"],
  ["kid", () => ({ kid: "k0123456789abcdef" }), "fields-differ"],
  ["sealId", () => ({ sealId: HEX32 }), "not-issued"],
  ["supersedes", () => ({ supersedes: HEX32 }), "not-issued"],
  ["seq", (shard) => ({ seq: bodyOf(shard).seq + 1 }), "not-issued"],
  ["allocation.id", (shard) => ({ allocation: { ...bodyOf(shard).allocation, id: 9 } }), "stale-generation"],
  [
    "allocation.generation",
    (shard) => ({ allocation: { ...bodyOf(shard).allocation, generation: 2 } }),
    "stale-generation",
  ],
  [
    "allocation.nonce",
    (shard) => ({ allocation: { ...bodyOf(shard).allocation, nonce: HEX32 } }),
    "stale-generation",
  ],
  ["shard.id", () => ({ shard: { id: "z" } }), "not-issued"],
  ["group", () => ({ group: undefined }), "not-issued"],
  ["group.id", () => ({ group: { id: HEX32, index: 0, total: 2 } }), "not-issued"],
  ["group.index", (shard) => ({ group: { ...bodyOf(shard).group, index: 1 } }), "not-issued"],
  ["group.total", (shard) => ({ group: { ...bodyOf(shard).group, total: 3 } }), "not-issued"],
  ["bytes", () => ({ bytes: 4999 }), "not-issued"],
  ["identity.digest", (shard) => ({ identity: { ...bodyOf(shard).identity, digest: HEX64 } }), "not-issued"],
  [
    "identity.source",
    (shard) => ({ identity: { ...bodyOf(shard).identity, source: "cached" } }),
    "not-issued",
  ],
  [
    "residency.digest",
    (shard) => ({ residency: { ...bodyOf(shard).residency, digest: HEX64 } }),
    "not-issued",
  ],
  ["device.uuid", (shard) => ({ device: { ...bodyOf(shard).device, uuid: "MOCK-other" } }), "wrong-device"],
  ["device.ordinal", (shard) => ({ device: { ...bodyOf(shard).device, ordinal: 1 } }), "wrong-device"],
  ["device.backend", (shard) => ({ device: { ...bodyOf(shard).device, backend: "cuda" } }), "wrong-device"],
  ["model.ref", () => ({ model: { ref: "org/other", relation: "derived" } }), "not-issued"],
  ["model.relation", () => ({ model: { ref: "org/model", relation: "identical" } }), "not-issued"],
  ["policy", () => ({ policy: HEX64 }), "policy"],
  ["evidence", () => ({ evidence: HEX64 }), "not-issued"],
  ["sealedAt", () => ({ sealedAt: "2026-01-01T00:00:00.001Z" }), "not-issued"],
  ["mono", () => ({ mono: "1" }), "not-issued"],
  ["maxAgeMs", () => ({ maxAgeMs: 7_200_000 }), "not-issued"],
];

/** Every plain field, and another value for it. */
const PLAIN_FIELDS: readonly (readonly [keyof SealedShard, unknown])[] = [
  ["shardId", "z"],
  ["gpuDevice", 1],
  ["deviceUuid", "MOCK-other"],
  ["vramBytes", 4999],
  ["digest", HEX64],
  ["residency", { algorithm: "fsverity-sha256", digest: HEX64 }],
  ["residency", { algorithm: "blake3", digest: HEX64 }],
  ["sealedAt", "2026-01-01T00:00:00.001Z"],
  ["modelRef", "org/other"],
  ["modelRef", undefined],
  ["shardIndex", 1],
  ["totalShards", 3],
  ["backend", "cuda"],
];

const OPTIONS = { shardId: "a", modelRef: "org/model", shardIndex: 0, totalShards: 2 } as const;

describe("one changed field", () => {
  for (const [field, change, reason] of BODY_FIELDS) {
    test(`${field} of the body: bad-mac without the key, ${reason} with it; the shard is untouched`, async () => {
      await using world = await openWorld({ parts: { config: { maxSealAgeMs: 3_600_000 } } });
      const shard = await world.manager.sealModel(weights(5000), OPTIONS);
      const forged = forge(shard, { change: change(shard) });
      const unsigned = { ...forged, seal: { ...forged.seal, signatures: shard.seal.signatures } };

      expect(await refusalOf(world.manager.verifySealed(unsigned))).toBe("bad-mac");
      expect(await refusalOf(world.manager.verifySealed(forged))).toBe(reason);
      expect(await refusalOf(world.manager.release(forged))).toBe(reason);

      expect(world.manager.shards()[0]?.state).toBe("sealed");
      await world.manager.verifySealed(shard);
    });
  }

  test("epoch of the body under the live key is refused before anything is believed", async () => {
    await using world = await openWorld();
    const shard = await world.manager.sealModel(weights(5000), OPTIONS);

    const forged = forge(shard, { change: { epoch: HEX32 }, epoch: bodyOf(shard).epoch });

    expect(await refusalOf(world.manager.verifySealed(forged))).toBe("fields-differ");
  });

  for (const [field, value] of PLAIN_FIELDS) {
    test(`plain ${field} (${value === undefined ? "missing" : "other"}): fields-differ; the shard is untouched`, async () => {
      await using world = await openWorld();
      const shard = await world.manager.sealModel(weights(5000), OPTIONS);
      const { [field]: _old, ...rest } = shard;
      const changed = (value === undefined ? rest : { ...rest, [field]: value }) as SealedShard;

      expect(await refusalOf(world.manager.verifySealed(changed))).toBe("fields-differ");
      expect(world.manager.shards()[0]?.state).toBe("sealed");
      await world.manager.verifySealed(shard);
    });
  }

  test("every field of the body has a row here", async () => {
    await using world = await openWorld({ parts: { config: { maxSealAgeMs: 1000 } } });
    const bytes = weights(5000);
    const first = await world.manager.sealModel(bytes, OPTIONS);
    const shard = await world.manager.repair(first, bytes);
    const paths = Object.entries(bodyOf(shard)).flatMap(([field, value]) =>
      typeof value === "object" ? Object.keys(value).map((inner) => `${field}.${inner}`) : [field],
    );
    const rows = new Set(BODY_FIELDS.map(([field]) => field));

    // alg and block have one allowed value each today; epoch has a test of its own.
    const fixed = ["epoch", "identity.alg", "residency.alg", "residency.block"];
    expect(paths.filter((path) => !rows.has(path) && !fixed.includes(path))).toEqual([]);
  });
});
