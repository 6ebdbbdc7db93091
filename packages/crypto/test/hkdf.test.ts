import { expect, test } from "bun:test";
import { hkdfSync } from "node:crypto";
import { fromHex, HKDF_BYTES_MAX, hkdfExpand, hkdfExtract, toHex } from "@vram-residency/crypto";
import fc from "fast-check";

test("the first test case of RFC 5869", () => {
  const prk = hkdfExtract(fromHex("000102030405060708090a0b0c"), new Uint8Array(22).fill(0x0b));

  expect(toHex(prk)).toBe("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
  expect(toHex(hkdfExpand(prk, fromHex("f0f1f2f3f4f5f6f7f8f9"), 42))).toBe(
    "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
  );
});

test("gives what node:crypto gives, for every length, and changes none of its arguments", () => {
  const bytes = fc.uint8Array({ maxLength: 200 });
  const length = fc.oneof(
    fc.constantFrom(1, 31, 32, 33, 64, 65, HKDF_BYTES_MAX),
    fc.integer({ min: 1, max: HKDF_BYTES_MAX }),
  );
  const property = fc.property(bytes, bytes, bytes, length, (ikm, salt, info, count) => {
    const copies = [ikm, salt, info].map(toHex);
    const expected = new Uint8Array(hkdfSync("sha256", ikm, salt, info, count));

    expect(toHex(hkdfExpand(hkdfExtract(salt, ikm), info, count))).toBe(toHex(expected));
    expect([ikm, salt, info].map(toHex)).toEqual(copies);
  });
  fc.assert(property, { numRuns: 60 });
});
