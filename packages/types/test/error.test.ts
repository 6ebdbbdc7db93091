import { describe, expect, test } from "bun:test";
import {
  ERROR_CODES,
  type ErrorClass,
  type ErrorCode,
  hasCode,
  invariant,
  isVramError,
  VramError,
} from "@vram-residency/types";

/** By hand, from the documented table. */
const TABLE: Readonly<Record<ErrorClass, readonly ErrorCode[]>> = {
  caller: [
    "ERR_INPUT_INVALID",
    "ERR_CONFIG_INVALID",
    "ERR_SOURCE",
    "ERR_FORMAT_INVALID",
    "ERR_STATE",
    "ERR_CANCELLED",
  ],
  retriable: ["ERR_VRAM_INSUFFICIENT", "ERR_DRIVER_ALLOCATION", "ERR_BUSY", "ERR_DEADLINE"],
  fatal: [
    "ERR_DRIVER_COPY",
    "ERR_DEVICE_LOST",
    "ERR_DRIVER_UNAVAILABLE",
    "ERR_SEAL_VERIFICATION",
    "ERR_NOT_SEALED",
    "ERR_INTEGRITY",
    "ERR_POLICY_VIOLATION",
    "ERR_PROVENANCE",
    "ERR_AUDIT_UNAVAILABLE",
    "ERR_BUG",
  ],
};

/** Any detail will do: the class depends on the code alone. */
function made(code: ErrorCode): VramError {
  return new VramError(code, "it failed, try again", { shardId: "a", more: 0, mismatches: [] });
}

describe("VramError", () => {
  test("has the documented class for every code, in the table's order", () => {
    const listed = [...TABLE.caller, ...TABLE.retriable, ...TABLE.fatal];

    expect(ERROR_CODES).toEqual(listed);
    for (const [name, codes] of Object.entries(TABLE)) {
      for (const code of codes) expect<string>(made(code).class).toBe(name);
    }
  });

  test("carries code, detail and cause, and begins its message with the code", () => {
    const cause = new Error("below");
    const error = new VramError("ERR_BUSY", "the queue is full", { queue: "seal", limit: 8 }, { cause });

    expect(error).toBeInstanceOf(Error);
    expect(error.name).toBe("VramError");
    expect(error.code).toBe("ERR_BUSY");
    expect(error.detail).toEqual({ queue: "seal", limit: 8 });
    expect(error.cause).toBe(cause);
    expect(error.message).toBe("ERR_BUSY: the queue is full");
    expect("cause" in made("ERR_BUG")).toBe(false);
  });
});

describe("isVramError", () => {
  test("recognises errors of every code", () => {
    for (const code of ERROR_CODES) expect(isVramError(made(code))).toBe(true);
  });

  test("recognises errors of another copy of the package", () => {
    const foreign = Object.assign(new Error("ERR_BUSY: elsewhere"), { code: "ERR_BUSY" });
    expect(isVramError(foreign)).toBe(false);

    Object.defineProperty(foreign, Symbol.for("@vram-residency/error/v1"), { value: true });

    expect(foreign).not.toBeInstanceOf(VramError);
    expect(isVramError(foreign)).toBe(true);
    expect(hasCode(foreign, "ERR_BUSY")).toBe(true);
  });

  test("is false, and does not throw, for anything else", () => {
    const mark = { [Symbol.for("@vram-residency/error/v1")]: true };
    for (const value of [
      undefined,
      null,
      0,
      "ERR_BUG",
      {},
      mark,
      new Error("ERR_BUG"),
      () => made("ERR_BUG"),
    ]) {
      expect(isVramError(value)).toBe(false);
      expect(hasCode(value, "ERR_BUG")).toBe(false);
    }
  });

  test("does not throw for a proxy whose traps do", () => {
    const fail = (): never => {
      throw new Error("a trap");
    };
    for (const trap of ["getPrototypeOf", "has", "get"] as const) {
      const proxy: unknown = new Proxy(made("ERR_BUG"), { [trap]: fail });
      expect([true, false]).toContain(isVramError(proxy));
      expect([true, false]).toContain(hasCode(proxy, "ERR_BUG"));
    }
  });
});

test("hasCode is true for the error's own code alone", () => {
  for (const code of ERROR_CODES) {
    expect(ERROR_CODES.filter((other) => hasCode(made(code), other))).toEqual([code]);
  }
});

describe("invariant", () => {
  test("is silent while the condition holds", () => {
    expect(() => invariant(true, "a shard has a device")).not.toThrow();
  });

  test("throws ERR_BUG with the invariant, in one lower-case line without a full stop", () => {
    let thrown: unknown;
    try {
      invariant(false, "a shard has a device");
    } catch (error) {
      thrown = error;
    }

    expect(hasCode(thrown, "ERR_BUG") && thrown.detail).toEqual({ invariant: "a shard has a device" });
    expect(String(thrown)).toMatch(/^VramError: ERR_BUG: a shard has a device does not hold: [^\n]*[^.\n]$/);
  });
});
