import { describe, expect, test } from "bun:test";
import {
  computeDigest,
  createDigest,
  equalBytes,
  fromHex,
  hkdfExpand,
  hkdfExtract,
  hmacSha256,
  toHex,
} from "@vram-residency/crypto";
import { hasCode } from "@vram-residency/types";
import { publishedVectors } from "./vectors.ts";

interface Blake3File {
  readonly cases: readonly { readonly input_len: number; readonly hash: string }[];
}

interface WycheproofFile<Case> {
  readonly numberOfTests: number;
  readonly testGroups: readonly { readonly tagSize: number; readonly tests: readonly Case[] }[];
}

interface HmacCase {
  readonly tcId: number;
  readonly key: string;
  readonly msg: string;
  readonly tag: string;
  readonly result: "valid" | "invalid";
}

interface HkdfCase {
  readonly tcId: number;
  readonly ikm: string;
  readonly salt: string;
  readonly info: string;
  readonly size: number;
  readonly okm: string;
  readonly result: "valid" | "invalid";
}

const blake3 = publishedVectors<Blake3File>("blake3.json", 35);
const hmac = publishedVectors<WycheproofFile<HmacCase>>("wycheproof_hmac_sha256.json", 174);
const hkdf = publishedVectors<WycheproofFile<HkdfCase>>("wycheproof_hkdf_sha256.json", 86);

describe("BLAKE3's own vectors", () => {
  test.skipIf(blake3 === undefined)("hold whole and in pieces", () => {
    for (const { input_len, hash } of blake3?.cases ?? []) {
      const input = Uint8Array.from({ length: input_len }, (_, index) => index % 251);
      const stream = createDigest("blake3");
      for (let start = 0; start < input.length; start += 1000)
        stream.update(input.subarray(start, start + 1000));

      expect<string>(computeDigest(input, "blake3")).toBe(hash.slice(0, 64));
      expect(toHex(stream.digest())).toBe(hash.slice(0, 64));
    }
    expect(blake3?.cases.length).toBe(35);
  });
});

describe("Wycheproof", () => {
  test.skipIf(hmac === undefined)("HMAC-SHA256 accepts every valid tag and refuses every other", () => {
    let cases = 0;
    for (const { tagSize, tests } of hmac?.testGroups ?? []) {
      for (const { tcId, key, msg, tag, result } of tests) {
        const mac = hmacSha256(fromHex(key), fromHex(msg)).subarray(0, tagSize / 8);

        expect([tcId, equalBytes(mac, fromHex(tag))]).toEqual([tcId, result === "valid"]);
        cases += 1;
      }
    }
    expect(cases).toBe(hmac?.numberOfTests ?? 0);
  });

  test.skipIf(hkdf === undefined)(
    "HKDF-SHA256 gives every valid key and refuses every impossible size",
    () => {
      let cases = 0;
      for (const { tests } of hkdf?.testGroups ?? []) {
        for (const { tcId, ikm, salt, info, size, okm, result } of tests) {
          const prk = hkdfExtract(fromHex(salt), fromHex(ikm));
          cases += 1;

          if (result === "valid") {
            expect([tcId, toHex(hkdfExpand(prk, fromHex(info), size))]).toEqual([tcId, okm]);
          } else {
            expect(refusesSize(prk, fromHex(info), size)).toBe(true);
          }
        }
      }
      expect(cases).toBe(hkdf?.numberOfTests ?? 0);
    },
  );
});

function refusesSize(prk: Uint8Array, info: Uint8Array, size: number): boolean {
  try {
    hkdfExpand(prk, info, size);
    return false;
  } catch (error) {
    return hasCode(error, "ERR_INPUT_INVALID") && error.detail.field === "length";
  }
}
