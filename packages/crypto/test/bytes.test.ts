import { describe, expect, spyOn, test } from "bun:test";
import {
  concatBytes,
  decodeBase64,
  encodeBase64,
  equalBytes,
  fromHex,
  hkdfExpand,
  isWellFormed,
  lp,
  pae,
  sha256,
  toHex,
  utf8,
} from "@vram-residency/crypto";
import { expectError } from "./errors.ts";

const LONE_SURROGATES = ["\ud800", "\udfff", "a\ud800b", "\udc00\ud800", "\ud83d"];

describe("hexadecimal", () => {
  test("is written in lowercase", () => {
    expect(toHex(Uint8Array.of(0, 9, 10, 0xab, 255))).toBe("00090aabff");
  });

  test.each(["0", "AB", "0g", " 00", "00\n", "0x00", "é0"])("%p is refused", (text) => {
    expectError(() => fromHex(text), "ERR_INPUT_INVALID", { field: "hex" });
  });
});

describe("text", () => {
  test("becomes UTF-8", () => {
    expect(toHex(utf8("aé€😀"))).toBe("61c3a9e282acf09f9880");
    expect(isWellFormed("aé€😀")).toBe(true);
  });

  test.each(LONE_SURROGATES)("case %# with a lone surrogate is refused", (text) => {
    expect(isWellFormed(text)).toBe(false);
    expectError(() => utf8(text), "ERR_INPUT_INVALID", { field: "text" });
    expectError(() => lp(text), "ERR_INPUT_INVALID", { field: "text" });
    expectError(() => pae(text, new Uint8Array(0)), "ERR_INPUT_INVALID", { field: "text" });
  });
});

describe("equalBytes", () => {
  test("compares hexadecimal texts", () => {
    expect(equalBytes("00ff", "00ff")).toBe(true);
    expect(equalBytes("00ff", "00fe")).toBe(false);
    expect(equalBytes("00ff", "10ff")).toBe(false);
    expect(equalBytes("00ff", "00f")).toBe(false);
  });

  test("reads every byte, wherever the first difference is", () => {
    const reads = [0, 31].map((different) => {
      const a = "0".repeat(32);
      const b = `${a.slice(0, different)}1${a.slice(different + 1)}`;
      using read = spyOn(String.prototype, "charCodeAt");
      expect(equalBytes(a, b)).toBe(false);
      return read.mock.calls.length;
    });

    expect(reads).toEqual([64, 64]);
  });
});

describe("base64", () => {
  test.each([
    ["", ""],
    ["f", "Zg=="],
    ["fo", "Zm8="],
    ["foo", "Zm9v"],
    ["foob", "Zm9vYg=="],
    ["fooba", "Zm9vYmE="],
    ["foobar", "Zm9vYmFy"],
  ])("%p is %p (RFC 4648, section 10)", (text, encoded) => {
    expect(encodeBase64(utf8(text))).toBe(encoded);
    expect(decodeBase64(encoded)).toEqual(utf8(text));
  });

  test("uses the standard alphabet", () => {
    expect(encodeBase64(Uint8Array.of(0xfb, 0xff, 0xfe))).toBe("+//+");
  });

  test.each([
    ["Zg", "length"],
    ["Zg=", "length"],
    ["Zm9vY", "length"],
    ["Zm9v\n", "length"],
    ["Zm9v====", "padding"],
    ["====", "padding"],
    ["Z===", "padding"],
    ["Zg==Zg==", "padding"],
    ["Z=g=", "padding"],
    ["Zm-v", "alphabet"],
    ["Zm_v", "alphabet"],
    ["Zm 9", "alphabet"],
    ["Zm9\u0000", "alphabet"],
    ["Zm9\u0161", "alphabet"],
    ["Zh==", "unused-bits"],
    ["Zm9=", "unused-bits"],
    ["Zm9vYm9=", "unused-bits"],
  ])("%p is refused by the rule %p", (text, rule) => {
    expectError(() => decodeBase64(text), "ERR_FORMAT_INVALID", { format: "base64", rule });
  });
});

describe("what goes under a MAC", () => {
  test("a length prefix counts bytes, not characters", () => {
    expect(toHex(lp("é"))).toBe("00000002c3a9");
    expect(toHex(lp(new Uint8Array(258)).subarray(0, 4))).toBe("00000102");
  });

  test("PAE is DSSE's published example", () => {
    expect(pae("http://example.com/HelloWorld", utf8("hello world"))).toEqual(
      utf8("DSSEv1 29 http://example.com/HelloWorld 11 hello world"),
    );
  });

  test("PAE counts bytes, not characters", () => {
    expect(pae("é", utf8("€"))).toEqual(utf8("DSSEv1 2 é 3 €"));
  });
});

test("sha256 and concatBytes make fresh arrays", () => {
  const part = utf8("abc");

  expect(concatBytes(part)).toEqual(part);
  expect(concatBytes(part)).not.toBe(part);
  expect(toHex(sha256(part))).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
});

test.each([0, -1, 1.5, 8161, Number.NaN])("HKDF refuses a length of %p", (length) => {
  expectError(() => hkdfExpand(new Uint8Array(32), new Uint8Array(0), length), "ERR_INPUT_INVALID", {
    field: "length",
  });
});
