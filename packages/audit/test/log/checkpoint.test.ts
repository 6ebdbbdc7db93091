import { describe, expect, test } from "bun:test";
import { createHash, createPublicKey, verify } from "node:crypto";
import {
  AuditRoot,
  checkpointHolds,
  deriveCheckpointSeed,
  encodeCheckpointKey,
  parseCheckpoint,
  parseCheckpointKey,
  signCheckpoint,
} from "@vram-residency/audit/log";
import { utf8 } from "@vram-residency/crypto";
import { nodeEd25519 } from "@vram-residency/crypto/node";
import { lend } from "@vram-residency/crypto/secret";
import { expectError, thrownBy } from "./errors.ts";
import { DEPLOYMENT, EPOCH, LOG, ROOT, WALL } from "./fixtures.ts";

const seed = deriveCheckpointSeed(new AuditRoot(ROOT), DEPLOYMENT);
const publicKey = lend(seed, (bytes) => nodeEd25519.publicKey(bytes));
const HEAD = { log: LOG, size: 16, root: "ab".repeat(32) };
const NOTE = signCheckpoint(HEAD, seed, WALL, nodeEd25519);
const TEXT = new TextDecoder().decode(NOTE);
const KEY = encodeCheckpointKey({ log: LOG, publicKey });

function verdict(bytes: Uint8Array, key: Uint8Array = publicKey): boolean {
  try {
    return checkpointHolds(parseCheckpoint(bytes), key, nodeEd25519);
  } catch (error) {
    expect(error).toMatchObject({ code: "ERR_FORMAT_INVALID" });
    return false;
  }
}

describe("a checkpoint", () => {
  test("is a C2SP signed note, cosigned with the time, that node:crypto alone can check", () => {
    const name = `vram-residency.invalid/log/${LOG}`;
    const [origin, size, root, blank, first = "", second = "", rest] = TEXT.split("\n");
    const body = `${name}\n16\n${Buffer.from(HEAD.root, "hex").toString("base64")}\n`;
    const key = createPublicKey({
      key: Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), publicKey]),
      format: "der",
      type: "spki",
    });
    const keyId = (algorithm: number): string => {
      const hash = createHash("sha256")
        .update(`${name}\n`)
        .update(Uint8Array.of(algorithm))
        .update(publicKey);
      return hash.digest("hex").slice(0, 8);
    };
    const sig = Buffer.from(first.split(" ")[2] ?? "", "base64");
    const cosig = Buffer.from(second.split(" ")[2] ?? "", "base64");

    expect([`${origin}\n${size}\n${root}\n`, blank, rest]).toEqual([body, "", ""]);
    expect([first, second].map((line) => line.split(" ").slice(0, 2))).toEqual(
      Array(2).fill(["\u2014", name]),
    );
    expect(sig.toString("hex", 0, 4)).toBe(keyId(1));
    expect(cosig.toString("hex", 0, 4)).toBe(keyId(4));
    expect(cosig.readBigUInt64BE(4)).toBe(BigInt(WALL / 1000));
    expect(verify(null, Buffer.from(body), key, sig.subarray(4))).toBe(true);
    const cosigned = Buffer.from(`cosignature/v1\ntime ${WALL / 1000}\n${body}`);
    expect(verify(null, cosigned, key, cosig.subarray(12))).toBe(true);
  });

  test("is read back and holds under its key alone", () => {
    expect(parseCheckpoint(NOTE)).toMatchObject({ ...HEAD, time: WALL / 1000 });
    expect(verdict(NOTE)).toBe(true);
    expect(verdict(NOTE, publicKey.with(0, 1))).toBe(false);
    const other = signCheckpoint(HEAD, deriveCheckpointSeed(new AuditRoot(ROOT)), WALL, nodeEd25519);
    expect(verdict(other)).toBe(false);
  });

  test("is refused with any bit flipped, or cut at any byte, or with anything behind it", () => {
    for (let index = 0; index < NOTE.length; index += 1) {
      expect(verdict(NOTE.subarray(0, index))).toBe(false);
      for (let bit = 0; bit < 8; bit += 1) {
        expect(verdict(NOTE.with(index, (NOTE[index] ?? 0) ^ (1 << bit)))).toBe(false);
      }
    }
    for (const more of ["\n", "x", TEXT]) expect(verdict(utf8(TEXT + more))).toBe(false);
  });

  test("cannot borrow a signature: swapped lines, and one kind standing in for the other, are refused", () => {
    const lines = TEXT.split("\n");
    const [, , , , first = "", second = ""] = lines;
    for (const pair of [
      [second, first],
      [first, first],
      [second, second],
      [first],
      [first, second, second],
    ]) {
      expect(verdict(utf8([...lines.slice(0, 4), ...pair, ""].join("\n")))).toBe(false);
    }
    const later = new TextDecoder()
      .decode(signCheckpoint(HEAD, seed, WALL + 60_000, nodeEd25519))
      .split("\n");
    const time = parseCheckpoint(utf8([...lines.slice(0, 5), later[5] ?? "", ""].join("\n"))).time;
    expect(time).toBe(WALL / 1000 + 60);
  });

  test("says which rule it breaks", () => {
    const rules: readonly [string, string][] = [
      [TEXT.repeat(2), "too-large"],
      [TEXT.replace("16\n", "0\n"), "note"],
      [TEXT.replace("16\n", "016\n"), "note"],
      [TEXT.replace("16\n", "9007199254740993\n"), "size"],
      [
        TEXT.replace(
          `\u2014 vram-residency.invalid/log/${LOG}`,
          `\u2014 vram-residency.invalid/log/${EPOCH}`,
        ),
        "name",
      ],
      [TEXT.replaceAll("\u2014", "-"), "note"],
      [TEXT.replace("\n\n", "\nextension\n\n"), "note"],
    ];
    for (const [text, rule] of rules) {
      expect(thrownBy(() => parseCheckpoint(utf8(text))).detail).toMatchObject({
        format: "checkpoint",
        rule,
      });
    }
    const far = new TextDecoder().decode(signCheckpoint(HEAD, seed, 253402300799999, nodeEd25519));
    expect(parseCheckpoint(utf8(far)).time).toBe(253402300799);
  });

  test("is not made of a size, root, log or time that none can have", () => {
    const bad = [{ size: 0 }, { size: 0.5 }, { size: 2 ** 53 }, { root: "ab" }, { log: "1D".repeat(16) }];
    for (const part of bad) {
      expectError(() => signCheckpoint({ ...HEAD, ...part }, seed, WALL, nodeEd25519), "ERR_INPUT_INVALID");
    }
    for (const wall of [-1, Number.NaN, 253402300800000]) {
      expectError(() => signCheckpoint(HEAD, seed, wall, nodeEd25519), "ERR_INPUT_INVALID", {
        field: "time",
      });
    }
  });
});

describe("a checkpoint key", () => {
  test("is read back, with one newline behind it or none", () => {
    for (const text of [KEY, `${KEY}\n`]) expect(parseCheckpointKey(text)).toEqual({ log: LOG, publicKey });
  });

  test("is refused with any character changed", () => {
    for (let index = 0; index < KEY.length; index += 1) {
      const other = KEY[index] === "0" ? "1" : "0";
      expectError(
        () => parseCheckpointKey(KEY.slice(0, index) + other + KEY.slice(index + 1)),
        "ERR_FORMAT_INVALID",
      );
    }
    for (const text of ["", `${KEY}\n\n`, ` ${KEY}`]) {
      expectError(() => parseCheckpointKey(text), "ERR_FORMAT_INVALID");
    }
  });
});
