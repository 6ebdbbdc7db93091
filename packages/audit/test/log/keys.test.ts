import { describe, expect, test } from "bun:test";
import { inspect } from "node:util";
import {
  AuditRoot,
  auditKeyId,
  deriveCheckpointSeed,
  deriveMacKey,
  deriveVerifySecret,
  exportVerifySecret,
  importVerifySecret,
  unwrapMacKey,
  wrapMacKey,
} from "@vram-residency/audit/log";
import { toHex } from "@vram-residency/crypto";
import { lend } from "@vram-residency/crypto/secret";
import { evolveMacKey } from "../../src/log/keys.ts";
import { expectError, thrownBy } from "./errors.ts";
import { DEPLOYMENT, EPOCH, LOG, ROOT } from "./fixtures.ts";

const K0 = "b47d8ccd339e65954c42ad05fa14103c3f610d796380bed33bda3ff3809f2d97";
const root = new AuditRoot(ROOT);

describe("the keys of a log", () => {
  test("are the published ones", () => {
    expect(auditKeyId(root, DEPLOYMENT)).toBe("kd50554a8aafcc48b");
    expect(lend(deriveMacKey(root, EPOCH, DEPLOYMENT), toHex)).toBe(K0);
  });

  test("differ for every root, deployment, epoch, log and purpose", () => {
    const other = new AuditRoot(ROOT.with(31, 0));
    const keys = [
      deriveMacKey(root, EPOCH, DEPLOYMENT),
      deriveMacKey(other, EPOCH, DEPLOYMENT),
      deriveMacKey(root, EPOCH),
      deriveMacKey(root, LOG, DEPLOYMENT),
      evolveMacKey(deriveMacKey(root, EPOCH, DEPLOYMENT)),
      evolveMacKey(evolveMacKey(deriveMacKey(root, EPOCH, DEPLOYMENT))),
      deriveVerifySecret(root, LOG, DEPLOYMENT),
      deriveVerifySecret(root, EPOCH, DEPLOYMENT),
      deriveVerifySecret(other, LOG, DEPLOYMENT),
      deriveCheckpointSeed(root, DEPLOYMENT),
      deriveCheckpointSeed(other, DEPLOYMENT),
    ].map((key) => lend(key, toHex));

    expect(new Set(keys).size).toBe(keys.length);
  });

  test("print as their names, refuse JSON, and are gone once disposed of", () => {
    for (const key of [
      new AuditRoot(ROOT),
      deriveMacKey(root, EPOCH),
      deriveVerifySecret(root, LOG),
      deriveCheckpointSeed(root),
    ]) {
      const hex = lend(key, toHex);
      expect(key.toString() + inspect(key) + JSON.stringify(Object.entries(key))).not.toContain(hex);
      expect(inspect(key)).toBe(key.constructor.name);
      expectError(() => JSON.stringify({ key }), "ERR_INPUT_INVALID");
      const bytes = lend(key, (inner) => inner);
      key[Symbol.dispose]();
      expect(bytes.every((byte) => byte === 0)).toBe(true);
      expectError(() => lend(key, toHex), "ERR_STATE");
    }
  });

  test("come from no degenerate root, epoch or log", () => {
    for (const bytes of [ROOT.subarray(1), new Uint8Array(32), new Uint8Array(64).fill(7)]) {
      expectError(() => new AuditRoot(bytes), "ERR_CONFIG_INVALID", { field: "root" });
    }
    for (const id of ["", "EE".repeat(16), "ee".repeat(15), `${EPOCH}\n`]) {
      expectError(() => deriveMacKey(root, id), "ERR_INPUT_INVALID", { field: "epoch" });
      expectError(() => deriveVerifySecret(root, id), "ERR_INPUT_INVALID", { field: "log" });
    }
  });
});

describe("the audit-verify secret", () => {
  const secret = deriveVerifySecret(root, LOG, DEPLOYMENT);
  const wrapped = wrapMacKey(secret, EPOCH, deriveMacKey(root, EPOCH, DEPLOYMENT));

  test("unwraps the first key of any epoch of its log, and no other log's or epoch's", () => {
    const unwrapped = unwrapMacKey(secret, EPOCH, wrapped);
    expect(lend(unwrapped, toHex)).toBe(K0);
    expect(unwrapped.index).toBe(0);
    expect(wrapped).not.toBe(K0);
    expect(lend(unwrapMacKey(deriveVerifySecret(root, EPOCH, DEPLOYMENT), EPOCH, wrapped), toHex)).not.toBe(
      K0,
    );
    expect(lend(unwrapMacKey(secret, LOG, wrapped), toHex)).not.toBe(K0);
  });

  test("survives export and import, and no other text is taken or repeated", () => {
    const text = exportVerifySecret(secret);
    const read = importVerifySecret(`${text}\n`);

    expect([lend(read, toHex), read.kid, read.log]).toEqual([lend(secret, toHex), secret.kid, LOG]);
    for (const bad of ["", text.slice(1), `${text}0`, `${text}\n\n`, text.toUpperCase(), ` ${text}`]) {
      const error = thrownBy(() => importVerifySecret(bad));
      expect(error.code).toBe("ERR_CONFIG_INVALID");
      expect(error.message).not.toContain(lend(secret, toHex));
    }
  });

  test("wraps first keys only, and unwraps nothing that is no key", () => {
    const later = evolveMacKey(deriveMacKey(root, EPOCH));
    expectError(() => wrapMacKey(secret, EPOCH, later), "ERR_BUG");
    for (const bad of ["", wrapped.slice(2), wrapped.toUpperCase()]) {
      expectError(() => unwrapMacKey(secret, EPOCH, bad), "ERR_INPUT_INVALID", { field: "macKey" });
    }
  });
});
