import { describe, expect, test } from "bun:test";
import { inspect } from "node:util";
import {
  computeDigest,
  concatBytes,
  encodeBase64,
  fromHex,
  hkdfExpand,
  hkdfExtract,
  lp,
  sha256,
  toHex,
} from "@vram-residency/crypto";
import type { SealedShard } from "@vram-residency/types";
import { bodyOf, forge } from "./forge.ts";
import { books, failure, NOTHING, openWorld, ROOT, refusalOf, type World, weights } from "./world.ts";

const MIB = 1 << 20;

/** Ten MiB that are all the shards' own: without the leaves, which take room beside them. */
function tenMib(): Promise<World> {
  return openWorld({ capacityBytes: 10 * MIB, parts: { config: { storeLeaves: false } } });
}

/** The shard with another MAC. */
function withMac(shard: SealedShard, mac: Uint8Array): SealedShard {
  const [{ keyid }] = shard.seal.signatures;
  return { ...shard, seal: { ...shard.seal, signatures: [{ keyid, sig: encodeBase64(mac) }] } };
}

function failuresOf(world: World): [unknown, string][] {
  return world.sink.events
    .filter(({ type }) => type === "SealVerificationFailed")
    .map(({ data, severity }) => [data["reason"], severity]);
}

describe("sealing", () => {
  test("seal_model/01: 1 MiB on device 0 is sealed, described and recorded", async () => {
    await using world = await tenMib();
    const content = weights(MIB);

    const shard = await world.manager.sealModel(content, { gpuDevice: 0 });

    expect(shard).toMatchObject({ gpuDevice: 0, vramBytes: 1_048_576, digest: computeDigest(content) });
    expect(shard.digest).toMatch(/^[0-9a-f]{64}$/);
    expect(world.events("VramSealed")).toEqual([
      expect.objectContaining({
        shardId: shard.shardId,
        gpuDevice: 0,
        bytes: 1_048_576,
        digest: shard.digest,
      }),
    ]);
  });

  test("seal_model/02: an id that climbs out of a directory is refused before anything is touched or recorded", async () => {
    await using world = await tenMib();
    const before = world.types();

    const error = await failure(world.manager.sealModel(weights(MIB), { shardId: "../etc/passwd" }));

    expect(error).toMatchObject({ code: "ERR_INPUT_INVALID", detail: { field: "shardId" } });
    expect(world.types()).toEqual(before);
    expect(world.control.calls("allocate")).toBe(0);
  });

  test("seal_model/03: an id with a NUL is refused before anything is touched or recorded", async () => {
    await using world = await tenMib();
    const before = world.types();

    const error = await failure(world.manager.sealModel(weights(MIB), { shardId: "shard\0id" }));

    expect(error).toMatchObject({ code: "ERR_INPUT_INVALID", detail: { field: "shardId" } });
    expect(world.types()).toEqual(before);
    expect(world.control.calls("allocate")).toBe(0);
  });

  test("seal_model/04: 20 MiB on a device of 10 is short of memory, by how much, and can be tried elsewhere", async () => {
    await using world = await tenMib();

    const error = await failure(world.manager.sealModel(weights(20 * MIB)));

    expect(error).toMatchObject({
      code: "ERR_VRAM_INSUFFICIENT",
      class: "retriable",
      detail: { device: 0, neededBytes: 20 * MIB, availableBytes: 10 * MIB },
    });
    expect(world.events("VramAllocationFailed")).toHaveLength(1);
    expect(await books(world)).toEqual(NOTHING);
  });

  test("seal_model/05: exactly what the device has is sealed, and nothing is left", async () => {
    await using world = await tenMib();

    const shard = await world.manager.sealModel(weights(10 * MIB));

    expect(shard.vramBytes).toBe(10 * MIB);
    expect(world.events("VramSealed")).toHaveLength(1);
    expect((await world.manager.capacity()).availableBytes).toBe(0);
  });
});

describe("verifying", () => {
  test("verify_seal/01: a sealed shard verifies, and that is recorded", async () => {
    await using world = await tenMib();
    const shard = await world.manager.sealModel(weights(MIB));

    const report = await world.manager.verifySealed(shard);

    expect(report).toMatchObject({ bytesVerified: MIB, coverage: 1 });
    expect(world.events("SealVerified")).toEqual([expect.objectContaining({ shardId: shard.shardId })]);
  });

  test("verify_seal/02: a digest of zeros is refused and recorded as a warning; the shard it was taken from is untouched", async () => {
    await using world = await tenMib();
    const shard = await world.manager.sealModel(weights(MIB));

    const reason = await refusalOf(world.manager.verifySealed({ ...shard, digest: "0".repeat(64) }));

    expect(reason).toBe("fields-differ");
    expect(failuresOf(world)).toEqual([["fields-differ", "warning"]]);
    expect((await world.manager.verifySealed(shard)).coverage).toBe(1);
  });

  test("verify_seal/03: a MAC of zeros is refused and recorded as a warning; the shard it was taken from is untouched", async () => {
    await using world = await tenMib();
    const shard = await world.manager.sealModel(weights(MIB));

    const reason = await refusalOf(world.manager.verifySealed(withMac(shard, new Uint8Array(32))));

    expect(reason).toBe("bad-mac");
    expect(failuresOf(world)).toEqual([["bad-mac", "warning"]]);
    expect((await world.manager.verifySealed(shard)).coverage).toBe(1);
  });

  test("seal_verification_extended/01: a shard verifies right after it was sealed", async () => {
    await using world = await tenMib();

    const report = await world.manager.verifySealed(await world.manager.sealModel(weights(MIB)));

    expect(report.verifiedAt).toBe("2026-01-01T00:00:00.000Z");
  });

  test("seal_verification_extended/02: a shard still verifies when five seconds have passed", async () => {
    await using world = await tenMib();
    const shard = await world.manager.sealModel(weights(MIB));
    world.clock.advance(5000);

    const report = await world.manager.verifySealed(shard);

    expect(report.verifiedAt).toBe("2026-01-01T00:00:05.000Z");
    expect(world.manager.shards()[0]?.ageMs).toBe(0);
  });

  test("seal_verification_extended/03: a shard whose seal was taken off is not sealed, and that is recorded", async () => {
    await using world = await tenMib();
    const { seal: _seal, ...rest } = await world.manager.sealModel(weights(MIB));

    const error = await failure(world.manager.verifySealed(rest as SealedShard));

    expect(error).toMatchObject({ code: "ERR_NOT_SEALED", detail: { shardId: rest.shardId } });
    expect(failuresOf(world)).toEqual([["malformed", "warning"]]);
  });

  test("seal_verification_extended/04: a shard that says it is not sealed is not sealed", async () => {
    await using world = await tenMib();
    const shard = await world.manager.sealModel(weights(MIB));
    const unsealed = { ...shard, sealed: false, seal: undefined } as unknown as SealedShard;

    const error = await failure(world.manager.verifySealed(unsealed));

    expect(error).toMatchObject({ code: "ERR_NOT_SEALED", class: "fatal" });
  });
});

describe("security", () => {
  test("security/01: a MAC made with another key under the right key id is refused and recorded", async () => {
    await using world = await tenMib();
    const shard = await world.manager.sealModel(weights(MIB));
    const forged = forge(shard, { change: {}, root: Uint8Array.from(ROOT, (byte) => byte ^ 0x55) });
    const mac = forged.seal.signatures[0].sig;
    const [{ keyid }] = shard.seal.signatures;

    const reason = await refusalOf(
      world.manager.verifySealed({ ...shard, seal: { ...shard.seal, signatures: [{ keyid, sig: mac }] } }),
    );

    expect(reason).toBe("bad-mac");
    expect(failuresOf(world)).toEqual([["bad-mac", "warning"]]);
    expect(world.manager.shards()[0]?.state).toBe("sealed");
  });

  test("security/02: one bit flipped in device memory is found, recorded as critical, and gets no ok again", async () => {
    await using world = await tenMib();
    const shard = await world.manager.sealModel(weights(MIB));
    await world.flip(shard, 700_000, 5);

    const error = await failure(world.manager.verifySealed(shard));

    expect(error.code).toBe("ERR_INTEGRITY");
    expect(failuresOf(world)).toEqual([["content", "critical"]]);
    expect((await failure(world.manager.verifySealed(shard))).code).toBe("ERR_STATE");
  });

  test("security/03: nothing that is recorded, returned or thrown holds a root or a key", async () => {
    await using world = await tenMib();
    const shard = await world.manager.sealModel(weights(MIB));
    await world.manager.verifySealed(shard);
    const error = await failure(world.manager.verifySealed({ ...shard, digest: "0".repeat(64) }));
    const { kid, epoch } = bodyOf(shard);
    const prk = hkdfExtract(sha256(concatBytes(lp("vram-seal/v1/salt"), lp("default"))), ROOT);
    const info = concatBytes(lp("vram-seal/v1"), lp("seal-mac"), lp(kid), lp(fromHex(epoch)));
    const key = hkdfExpand(prk, info, 32);

    const told = JSON.stringify([world.sink.events, shard, bodyOf(shard)]) + inspect([error, world.manager]);

    expect(told).toContain(kid);
    for (const secret of [ROOT, prk, key]) {
      for (const text of [toHex(secret), encodeBase64(secret), secret.slice(0, 8).join(",")]) {
        expect(told).not.toContain(text);
      }
    }
  });

  test("security/04: a shard as JSON has the documented fields and no others: no pointer, no address, no handle", async () => {
    await using world = await tenMib();
    const shard = await world.manager.sealModel(weights(MIB));

    const plain = JSON.parse(JSON.stringify(shard)) as Record<string, unknown>;

    expect(Object.keys(plain).sort().join(" ")).toBe(
      "backend deviceUuid digest gpuDevice residency seal sealed sealedAt shardId vramBytes",
    );
    expect(Object.keys(bodyOf(shard).allocation)).toEqual(["id", "generation", "nonce"]);
    expect(JSON.stringify([plain, bodyOf(shard)])).not.toMatch(/0x[0-9a-f]+|address|pointer|handle/i);
  });
});

describe("a MAC of the wrong length", () => {
  test("signature_robustness/07: an empty one is refused and recorded", async () => {
    await using world = await tenMib();
    const shard = await world.manager.sealModel(weights(MIB));

    expect(await refusalOf(world.manager.verifySealed(withMac(shard, new Uint8Array(0))))).toBe("malformed");
    expect(failuresOf(world)).toEqual([["malformed", "warning"]]);
  });

  test("signature_robustness/08: one of 64 bytes is refused and recorded, also when it begins with the right one", async () => {
    await using world = await tenMib();
    const shard = await world.manager.sealModel(weights(MIB));
    const right = Buffer.from(shard.seal.signatures[0].sig, "base64");

    const long = withMac(shard, concatBytes(right, right));

    expect(await refusalOf(world.manager.verifySealed(long))).toBe("malformed");
    expect(failuresOf(world)).toEqual([["malformed", "warning"]]);
  });
});

test("signature_robustness/14: a shard of 128 GiB is over the default limit, and may be sealed under a raised one", async () => {
  const bytes = 128 * 1024 ** 3;
  const ends = (): { stream: ReadableStream<Uint8Array>; bytes: number } => ({
    stream: new Blob([]).stream(),
    bytes,
  });
  const device = { capacityBytes: 2 * bytes };
  await using world = await openWorld(device);
  await using raised = await openWorld({ ...device, parts: { config: { maxModelBytes: bytes } } });

  const refused = await failure(world.manager.sealModel(ends()));
  const admitted = await failure(raised.manager.sealModel(ends()));
  const small = await raised.manager.sealModel(weights(MIB));
  const large = forge(small, { change: { bytes } });

  expect(refused).toMatchObject({ code: "ERR_SOURCE", detail: { reason: "too-large" } });
  // Room was made for all of it; only the source ended too soon.
  expect(admitted).toMatchObject({ code: "ERR_SOURCE", detail: { reason: "truncated" } });
  expect(raised.events("VramAllocated")[0]).toMatchObject({ requestedBytes: bytes });
  // The MAC over that size is sound: the refusal is that this manager never issued it.
  expect(await refusalOf(raised.manager.verifySealed(large))).toBe("not-issued");
});
