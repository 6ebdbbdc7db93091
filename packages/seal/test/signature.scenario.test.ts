import { describe, expect, test } from "bun:test";
import { encodeBase64, toHex } from "@vram-residency/crypto";
import { lend } from "@vram-residency/crypto/secret";
import {
  computeSignature,
  deriveSealKey,
  openSeal,
  RootSecret,
  SEAL_MAC_BYTES,
  sealShard,
  verifySignature,
} from "@vram-residency/seal";
import type { SealBody, SealedShard } from "@vram-residency/types";
import { expectError, thrownBy } from "./errors.ts";
import { EPOCH, fullSeal, ROOT, replaced, VECTORS, vectorRing } from "./fixtures.ts";

const { deployment } = VECTORS;
const { body, shard } = fullSeal();
const ring = await vectorRing();
const key = deriveSealKey(new RootSecret(ROOT), { deployment, epoch: EPOCH });
const otherKey = deriveSealKey(new RootSecret(ROOT.map((byte) => byte ^ 0x55)), { deployment, epoch: EPOCH });

/** Bytes that are not all alike. */
function root(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => index % 251);
}

function keyOf(bytes: Uint8Array): ReturnType<typeof deriveSealKey> {
  return deriveSealKey(new RootSecret(bytes), { deployment, epoch: EPOCH });
}

/** The body under another key. */
function bodyUnder(other: typeof key): SealBody {
  return { ...body, kid: other.kid };
}

/** Why a shard is refused by the vectors' ring. */
function reasonOf(refused: SealedShard): string {
  const error = thrownBy(() => openSeal(refused, ring));
  return error.code === "ERR_SEAL_VERIFICATION" ? error.detail.reason : error.code;
}

/** The shard with one bit of its MAC flipped. */
function withFlip(bit: number): SealedShard {
  const mac = Uint8Array.from(Buffer.from(shard.seal.signatures[0].sig, "base64"));
  mac[bit >> 3] = (mac[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return replaced(shard, ["seal", "signatures"], [{ keyid: key.keyid, sig: encodeBase64(mac) }]);
}

describe("the key", () => {
  test("signature_robustness/01: of no bytes is refused, and the refusal says how many it takes", () => {
    expectError(() => keyOf(root(0)), "ERR_CONFIG_INVALID", {
      field: "root",
      reason: "expected at least 32 random bytes",
    });
  });

  test("signature_robustness/02: of 16 bytes is refused, and the refusal says how many it takes", () => {
    expectError(() => keyOf(root(16)), "ERR_CONFIG_INVALID", {
      field: "root",
      reason: "expected at least 32 random bytes",
    });
  });

  test("signature_robustness/03: of a root of 2048 bytes has 32 like any other, and is another root's than its beginning's", () => {
    const long = keyOf(root(2048));

    expect(lend(long, (bytes) => bytes.length)).toBe(32);
    expect(long.kid).not.toBe(keyOf(root(2048).subarray(0, 1024)).kid);
    expect(verifySignature(sealShard(bodyUnder(long), long), long).kid).toBe(long.kid);
  });

  test("signature_robustness/11: of a root of zeros is refused: that is a buffer nobody filled", () => {
    expectError(() => keyOf(new Uint8Array(32)), "ERR_CONFIG_INVALID", { field: "root" });
  });

  test("signature_robustness/12: of a root of 0xff is refused: all its bytes are equal", () => {
    expectError(() => keyOf(new Uint8Array(32).fill(0xff)), "ERR_CONFIG_INVALID", { field: "root" });
  });

  test("signature_robustness/13: of a root of 1024 bytes signs and verifies", () => {
    const long = keyOf(root(1024));

    expect(verifySignature(sealShard(bodyUnder(long), long), long).shard).toEqual(body.shard);
  });
});

describe("what is signed", () => {
  test("signature_robustness/04: no empty id", () => {
    expectError(() => sealShard({ ...body, shard: { id: "" } }, key), "ERR_INPUT_INVALID", {
      field: "shard.id",
    });
  });

  test("signature_robustness/05: no digest of 32 digits", () => {
    const short = replaced(body, ["identity", "digest"], "a".repeat(32));

    expectError(() => sealShard(short, key), "ERR_INPUT_INVALID", { field: "identity.digest" });
  });

  test("signature_robustness/06: no shard of 0 bytes", () => {
    expectError(() => sealShard({ ...body, bytes: 0 }, key), "ERR_INPUT_INVALID", { field: "bytes" });
  });

  test("signature_robustness/15: no id outside of ASCII, so that two ids that look alike are alike", () => {
    for (const id of ["shard-模型", "shаrd", "caf\u0065\u0301", "shard\u200b"]) {
      expectError(() => sealShard({ ...body, shard: { id } }, key), "ERR_INPUT_INVALID", {
        field: "shard.id",
      });
    }
  });

  test("signature_robustness/16: an id of 256 bytes, and none of 257", () => {
    const longest = { ...body, shard: { id: "x".repeat(256) } };

    expect(verifySignature(sealShard(longest, key), key).shard.id).toHaveLength(256);
    expectError(() => sealShard({ ...body, shard: { id: "x".repeat(257) } }, key), "ERR_INPUT_INVALID", {
      field: "shard.id",
    });
  });
});

describe("one change", () => {
  test("signature_robustness/09: of the first bit of the MAC is refused", () => {
    expect(reasonOf(withFlip(0))).toBe("bad-mac");
  });

  test("signature_robustness/10: of any one bit of the MAC, the first eight bytes and all the others, is refused", () => {
    const reasons = Array.from({ length: 8 * SEAL_MAC_BYTES }, (_, bit) => reasonOf(withFlip(bit)));

    expect(reasons).toEqual(Array<string>(256).fill("bad-mac"));
  });

  test("signature_robustness/17: of the id is refused, in the plain copy and in the seal", () => {
    const other = sealShard({ ...body, shard: { id: "other" } }, key);

    expect(reasonOf({ ...shard, shardId: "other" })).toBe("fields-differ");
    expect(reasonOf({ ...other, seal: { ...other.seal, signatures: shard.seal.signatures } })).toBe(
      "bad-mac",
    );
  });

  test("signature_robustness/18: of the digest is refused, in the plain copy and in the seal", () => {
    const digest = "0".repeat(64);
    const other = sealShard(replaced(body, ["identity", "digest"], digest), key);

    expect(reasonOf({ ...shard, digest })).toBe("fields-differ");
    expect(reasonOf({ ...other, seal: { ...other.seal, signatures: shard.seal.signatures } })).toBe(
      "bad-mac",
    );
  });

  test("signature_robustness/19: of the key is refused, under its own name and under the right one", () => {
    const foreign = sealShard(bodyUnder(otherKey), otherKey);
    const [{ sig }] = foreign.seal.signatures;

    expect(reasonOf(foreign)).toBe("unknown-key");
    expect(reasonOf(replaced(shard, ["seal", "signatures"], [{ keyid: key.keyid, sig }]))).toBe("bad-mac");
    expectError(() => verifySignature(shard, otherKey), "ERR_SEAL_VERIFICATION", { reason: "unknown-key" });
  });
});

describe("the MAC", () => {
  const macOf = (signed: SealBody, under: typeof key = key): string =>
    toHex(computeSignature(sealShard(signed, under), under));

  test("signature_robustness/20: of the same body under the same key is the same", () => {
    expect(macOf(structuredClone(body))).toBe(macOf(body));
  });

  test("signature_robustness/21: of another id is another", () => {
    expect(macOf({ ...body, shard: { id: "other" } })).not.toBe(macOf(body));
  });

  test("signature_robustness/22: under another key is another, also over the very same bytes", () => {
    expect(macOf(bodyUnder(otherKey), otherKey)).not.toBe(macOf(body));
    expect(toHex(computeSignature(shard, otherKey))).not.toBe(toHex(computeSignature(shard, key)));
  });

  test("stress_test/09: a thousand signatures have 32 bytes each, and no two are the same", () => {
    const macs = Array.from({ length: 1000 }, (_, seq) => {
      const mac = computeSignature(sealShard({ ...body, seq }, key), key);
      expect(mac).toHaveLength(32);
      return toHex(mac);
    });

    expect(new Set(macs).size).toBe(1000);
  });

  test("stress_test/10: a thousand verifications of one seal give one body, and forgeries between them change nothing", () => {
    for (let count = 0; count < 1000; count++) {
      expect(openSeal(shard, ring)).toEqual(body);
      if (count % 4 === 0) expect(reasonOf(withFlip(count % 256))).toBe("bad-mac");
    }
  });
});
