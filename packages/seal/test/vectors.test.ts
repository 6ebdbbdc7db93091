import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { encodeBase64, equalBytes, fromHex, pae, toHex } from "@vram-residency/crypto";
import {
  computeSignature,
  deriveSealKey,
  encodeSealBody,
  openSeal,
  parseSealBody,
  RootSecret,
  SEAL_PAYLOAD_TYPE,
  sealShard,
  verifySignature,
} from "@vram-residency/seal";
import type { SealedShard } from "@vram-residency/types";
import { expectError } from "./errors.ts";
import { EPOCH, ROOT, signRaw, VECTORS, vectorRing, withPayload } from "./fixtures.ts";

const ring = await vectorRing();
const key = deriveSealKey(new RootSecret(ROOT), { deployment: VECTORS.deployment, epoch: EPOCH });

function refused(shard: unknown, reason: string): void {
  expectError(() => openSeal(shard, ring), "ERR_SEAL_VERIFICATION", { reason });
}

function withMac(shard: SealedShard, mac: Uint8Array): SealedShard {
  const [{ keyid }] = shard.seal.signatures;
  return { ...shard, seal: { ...shard.seal, signatures: [{ keyid, sig: encodeBase64(mac) }] } };
}

function flipped(bytes: Uint8Array, index: number, bit: number): Uint8Array {
  const copy = bytes.slice();
  copy[index] = (copy[index] ?? 0) ^ (1 << bit);
  return copy;
}

describe.each(VECTORS.seals)("the seal with $name", ({ body, payload, pae: encoded, mac, shard }) => {
  const bytes = fromHex(payload);

  test("is written and signed to these very bytes", () => {
    expect(toHex(encodeSealBody(body))).toBe(payload);
    expect(toHex(pae(SEAL_PAYLOAD_TYPE, bytes))).toBe(encoded);
    expect(JSON.parse(JSON.stringify(sealShard(body, key)))).toEqual(shard);
    expect(signRaw(bytes)).toBe(encodeBase64(fromHex(mac)));
    expect(toHex(computeSignature(shard, key))).toBe(mac);
  });

  test("opens to its body", () => {
    expect(parseSealBody(bytes)).toEqual(body);
    expect(openSeal(shard, ring)).toEqual(body);
    expect(verifySignature(shard, key)).toEqual(body);
  });

  test("is refused truncated at any byte, also when the cut was signed", () => {
    for (let length = 0; length < bytes.length; length += 1) {
      const cut = bytes.subarray(0, length);

      refused({ ...shard, seal: { ...shard.seal, payload: encodeBase64(cut) } }, "bad-mac");
      refused(withPayload(shard, cut), "malformed");
    }
    for (let length = 0; length < 32; length += 1) {
      refused(withMac(shard, fromHex(mac).subarray(0, length)), "malformed");
    }
  });

  test("is refused with any bit of its body or its MAC flipped", () => {
    for (let index = 0; index < bytes.length; index += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        refused(
          { ...shard, seal: { ...shard.seal, payload: encodeBase64(flipped(bytes, index, bit)) } },
          "bad-mac",
        );
      }
    }
    for (let index = 0; index < 32; index += 1) {
      for (let bit = 0; bit < 8; bit += 1)
        refused(withMac(shard, flipped(fromHex(mac), index, bit)), "bad-mac");
    }
  });

  test("is never opened to anything else with one bit of the body flipped and signed again", () => {
    for (let index = 0; index < bytes.length; index += 1) {
      const changed = flipped(bytes, index, index % 8);

      // A flip that leaves a sound body must come back as it is, or be refused because the plain copy disagrees.
      try {
        expect(equalBytes(encodeSealBody(openSeal(withPayload(shard, changed), ring)), changed)).toBe(true);
      } catch (error) {
        expect(error).toMatchObject({ code: "ERR_SEAL_VERIFICATION" });
      }
    }
  });
});

test("the example on the page of the format opens to the body beside it", async () => {
  const page = await Bun.file(join(import.meta.dir, "../../../docs/spec/seal-v1.md")).text();
  const [shard = "", body = ""] = Array.from(page.matchAll(/```json\n([^`]*)```/g), ([, json]) => json);

  expect<unknown>(openSeal(JSON.parse(shard), ring)).toEqual(JSON.parse(body));
});

describe("refused", () => {
  test.each(VECTORS.refused)("$name: $reason", ({ shard, reason }) => {
    if (reason === "not-sealed") {
      expectError(() => openSeal(shard, ring), "ERR_NOT_SEALED");
    } else {
      refused(shard, reason);
    }
  });

  test("for every reason that a seal alone can give", () => {
    expect([...new Set(VECTORS.refused.map(({ reason }) => reason))].sort()).toEqual([
      "bad-mac",
      "fields-differ",
      "malformed",
      "not-sealed",
      "revoked-key",
      "stale-epoch",
      "unknown-key",
    ]);
  });
});
