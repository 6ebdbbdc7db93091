import { describe, expect, test } from "bun:test";
import type { AuditSink, Clock, KeyProvider } from "@vram-residency/types";
import { parseConfig, parseMockOptions, parseOpenOptions } from "@vram-residency/validation";
import { refusalOf } from "./refused.ts";

class Keys implements KeyProvider {
  readonly kind = "static";
  async sealRoots(): Promise<readonly []> {
    return [];
  }
}

const clock: Clock = { wall: () => 0, mono: () => 0n };

class Sink implements AuditSink {
  readonly state = "ready";
  async append(): Promise<{ log: string; seq: number }> {
    return { log: "", seq: 0 };
  }
  async [Symbol.asyncDispose](): Promise<void> {}
}

describe("parseOpenOptions", () => {
  test("means a device that answers, with every default", () => {
    expect<unknown>(parseOpenOptions(undefined)).toEqual({ backend: "auto", config: parseConfig({}) });
  });

  test("passes live objects on as they are, methods inherited or not", () => {
    const keys = new Keys();
    const audit = new Sink();
    const policy = { profile: "strict" };
    const parsed = parseOpenOptions({ backend: "mock", mock: { devices: 2 }, keys, clock, audit, policy });

    expect(parsed.keys).toBe(keys);
    expect(parsed.clock).toBe(clock);
    expect(parsed.audit).toBe(audit);
    expect(parsed.policy).toBe(policy);
    expect<unknown>(parsed.mock).toEqual({ devices: 2 });
  });

  test("takes each form of audit", () => {
    expect(parseOpenOptions({ audit: "memory" }).audit).toBe("memory");
    expect<unknown>(parseOpenOptions({ audit: { directory: "/var/log/vram" } }).audit).toEqual({
      directory: "/var/log/vram",
    });
    const anchor = { read: () => Promise.resolve(undefined), write: () => Promise.resolve() };
    for (const one of ["/mnt/anchor", anchor]) {
      expect(parseOpenOptions({ audit: { directory: "/log", anchor: one } }).audit).toMatchObject({
        anchor: one,
      });
    }
    const provider = { kind: "kms", auditRoot: () => Promise.resolve(new Uint8Array(32)) };
    for (const keys of ["/etc/vram/audit.key", provider]) {
      expect(parseOpenOptions({ audit: { directory: "/log", keys } }).audit).toMatchObject({ keys });
    }
  });

  test("takes each profile by name", () => {
    for (const policy of ["strict", "default", "development"]) {
      expect<unknown>(parseOpenOptions({ policy }).policy).toBe(policy);
    }
  });

  const profiles = 'policy: expected "strict" or "default" or "development"';
  const refused: readonly [unknown, string][] = [
    [7, "options: expected an object"],
    [{ backend: "gpu" }, 'backend: expected "auto" or "cuda" or "mock"'],
    [{ backend: "cuda", mock: {} }, 'mock: expected together with backend "mock" only'],
    [{ mock: { devices: 1 } }, 'mock: expected together with backend "mock" only'],
    [{ backend: "mock", mock: { devices: 0 } }, "mock.devices: expected an integer from 1 to 16"],
    [{ backend: "mock", mock: { devices: 17 } }, "mock.devices: expected an integer from 1 to 16"],
    [
      { backend: "mock", mock: { capacityBytes: 0 } },
      "mock.capacityBytes: expected an integer from 1 to 9007199254740991",
    ],
    [{ config: { gpuDevice: -1 } }, "config.gpuDevice: expected an integer from 0 to 255"],
    [{ config: null }, "config: expected an object"],
    [{ keys: {} }, "keys: expected a KeyProvider: it lacks the method sealRoots"],
    [{ keys: { sealRoots: () => [] } }, "keys: expected a KeyProvider: its kind is no text"],
    [{ keys: "secret" }, "keys: expected a KeyProvider"],
    [{ clock: { wall: () => 0 } }, "clock: expected a Clock: it lacks the method mono"],
    [{ audit: "none" }, 'audit: expected "memory"'],
    [{ audit: { directory: "" } }, "audit.directory: expected text of 1 to 4096 bytes"],
    [{ audit: { directory: "a\u0000" } }, "audit.directory: expected a path without NUL"],
    [
      { audit: { directory: "a", mode: "available" } },
      "audit: unknown key mode: known are directory, keys, anchor",
    ],
    [
      { audit: { directory: "a", anchor: { read: () => 0 } } },
      "audit.anchor: expected a path or a CheckpointAnchor: it lacks the method write",
    ],
    [{ audit: { directory: "a", keys: "" } }, "audit.keys: expected text of 1 to 4096 bytes"],
    [
      { audit: { directory: "a", keys: { sealRoots: () => [] } } },
      "audit.keys: expected a path or an AuditKeyProvider: it lacks the method auditRoot",
    ],
    [
      { audit: { append: () => 0 } },
      "audit: expected an AuditSink: it lacks the method Symbol(Symbol.asyncDispose)",
    ],
    [{ audit: {} }, "audit: expected an AuditSink: it lacks the method append"],
    [{ policy: "lax" }, profiles],
    [{ policy: ["strict"] }, profiles],
    [{ policy: null }, profiles],
  ];
  for (const [input, refusal] of refused) {
    test(`refuses ${refusal}`, () => {
      expect(refusalOf(() => parseOpenOptions(input))).toBe(`ERR_CONFIG_INVALID ${refusal}`);
    });
  }
});

describe("parseMockOptions", () => {
  test("leaves the choice to the mock", () => {
    expect<unknown>(parseMockOptions(undefined)).toEqual({});
    expect<unknown>(parseMockOptions({ devices: 16, capacityBytes: 1 })).toEqual({
      devices: 16,
      capacityBytes: 1,
    });
  });

  test("names its fields in full", () => {
    expect(refusalOf(() => parseMockOptions({ devices: 17 }))).toBe(
      "ERR_CONFIG_INVALID mock.devices: expected an integer from 1 to 16",
    );
  });
});
