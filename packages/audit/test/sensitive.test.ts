import { describe, expect, test } from "bun:test";
import { auditEvent } from "@vram-residency/audit";
import {
  AuditRoot,
  deriveCheckpointSeed,
  deriveMacKey,
  deriveVerifySecret,
  exportVerifySecret,
} from "@vram-residency/audit/log";
import fc from "fast-check";
import { refusal } from "./failure.ts";
import { EPOCH, LOG, ROOT } from "./log/fixtures.ts";

function recording(reason: unknown, name = "reason"): string {
  return refusal(() => auditEvent("AuditUnavailable", { [name]: reason } as never));
}

describe("what no record holds", () => {
  test("device addresses, wherever they stand in a text", () => {
    const address = "AuditUnavailable.reason: holds what looks like a device address";
    for (const text of [
      "0x7f3a00000000",
      "at 0X7F3A00000000, size 4",
      "(0x00007f3a00000000)",
      "0xdeadbeef",
    ]) {
      expect([text, recording(text)]).toEqual([text, address]);
    }
  });

  test("any address of 32 to 64 bits", () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 2n ** 31n, max: 2n ** 64n - 1n }),
        fc.constantFrom("", "at ", "p="),
        (at, before) => {
          return recording(`${before}0x${at.toString(16)}`).endsWith("a device address");
        },
      ),
    );
  });

  test("a nested one too, but not what only resembles one", () => {
    expect(
      refusal(() =>
        auditEvent("PolicyViolation", {
          profile: "p",
          policy: "q",
          workerId: "w",
          reasons: [{ rule: "r", reason: "0x7f3a00000000" }],
        }),
      ),
    ).toContain("a device address");
    for (const text of [
      "0x1234",
      "0x",
      `0x${"a".repeat(17)}`,
      "a0x7f3a00000000",
      "f".repeat(64),
      "GPU-8f3a0000",
    ]) {
      expect([text, recording(text)]).toEqual([text, "accepted"]);
    }
  });

  test("names that users give are names, even such", () => {
    for (const name of ["shardId", "modelRef", "workerId"])
      expect(recording("0xdeadbeef", name)).toBe("accepted");
    expect(recording(["layer.0x7f3a00000000"], "tensors")).toBe("accepted");
  });

  test("secrets, where their text shows what they are", () => {
    const exported = exportVerifySecret(deriveVerifySecret(new AuditRoot(ROOT), LOG));
    for (const text of [exported, "-----BEGIN PRIVATE KEY-----", `with hf_${"a".repeat(34)}`]) {
      expect(recording(text)).toContain("holds what looks like a secret");
      expect(recording(text, "shardId")).toContain("holds what looks like a secret");
      expect(refusal(() => auditEvent("AuditUnavailable", { reason: text }))).not.toContain(text);
    }
  });

  test("names that stand for secrets or addresses", () => {
    for (const name of ["secret", "token", "Password", "privateKey", "address", "pointer", "seed"]) {
      expect([name, recording("x", name)]).toEqual([
        name,
        expect.stringContaining("stands for a secret or an address"),
      ]);
    }
  });

  test("keys, which are no plain data", () => {
    const root = new AuditRoot(ROOT);
    for (const key of [
      root,
      deriveMacKey(root, EPOCH),
      deriveVerifySecret(root, LOG),
      deriveCheckpointSeed(root),
      ROOT,
    ]) {
      expect(recording(key)).toBe("AuditUnavailable.reason: not a plain object");
    }
    expect(recording(2n ** 40n)).toBe("AuditUnavailable.reason: not plain data");
  });
});
