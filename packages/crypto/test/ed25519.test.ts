import { describe, expect, test } from "bun:test";
import { fromHex, hmacSha256, sha256, toHex } from "@vram-residency/crypto";
import { nodeEd25519, nodeHmacSha256, nodeSha256 } from "@vram-residency/crypto/node";
import fc from "fast-check";
import { expectError } from "./errors.ts";
import { publishedVectors } from "./vectors.ts";

interface EdFile {
  readonly numberOfTests: number;
  readonly testGroups: readonly {
    readonly publicKey: { readonly pk: string };
    readonly tests: readonly {
      readonly tcId: number;
      readonly msg: string;
      readonly sig: string;
      readonly result: "valid" | "invalid";
    }[];
  }[];
}

const file = publishedVectors<EdFile>("wycheproof_ed25519.json", 151);

describe("nodeEd25519", () => {
  test("gives the answers of RFC 8032, section 7.1", () => {
    const seed = fromHex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
    const publicKey = nodeEd25519.publicKey(seed);
    const signature = nodeEd25519.sign(seed, Uint8Array.of(0x72));

    expect(toHex(publicKey)).toBe("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
    expect(toHex(signature)).toBe(
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    );
    expect(nodeEd25519.verify(publicKey, Uint8Array.of(0x72), signature)).toBe(true);
    expect(nodeEd25519.verify(publicKey, Uint8Array.of(0x73), signature)).toBe(false);
  });

  test("answers false to lengths that cannot be right, and throws for a seed of another length", () => {
    const bytes = (length: number): Uint8Array => new Uint8Array(length);

    for (const [key, signature] of [
      [31, 64],
      [33, 64],
      [0, 64],
      [32, 63],
      [32, 65],
      [32, 0],
    ] as const) {
      expect(nodeEd25519.verify(bytes(key), bytes(1), bytes(signature))).toBe(false);
    }
    for (const length of [0, 31, 33]) {
      expectError(() => nodeEd25519.sign(bytes(length), bytes(1)), "ERR_INPUT_INVALID", { field: "seed" });
    }
  });

  test.skipIf(file === undefined)("accepts what Wycheproof calls valid, and nothing else", () => {
    let cases = 0;
    for (const { publicKey, tests } of file?.testGroups ?? []) {
      for (const { tcId, msg, sig, result } of tests) {
        const holds = nodeEd25519.verify(fromHex(publicKey.pk), fromHex(msg), fromHex(sig));
        expect([tcId, holds]).toEqual([tcId, result === "valid"]);
        cases += 1;
      }
    }
    expect(cases).toBe(file?.numberOfTests ?? 0);
  });
});

test("the runtime's SHA-256 and HMAC are the portable ones", () => {
  const short = fc.uint8Array({ maxLength: 300 });
  fc.assert(
    fc.property(short, short, (key, data) => {
      expect(toHex(nodeSha256(data))).toBe(toHex(sha256(data)));
      expect(toHex(nodeHmacSha256(key, data))).toBe(toHex(hmacSha256(key, data)));
      expect(nodeSha256(data).constructor).toBe(Uint8Array);
    }),
  );
});
